import { rename } from '../lib/composition/rename'
import { parseDryRun, parseRename } from '../lib/requests/requests'
import { answer, bodyOf, queryOf, refuse, route } from './http'

route('renameService', {
  verb: 'POST',
  path: 'rename-service',
  handle: async (request, operator) => {
    const query = parseDryRun(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseRename(await bodyOf(request))
    return body._tag === 'Left'
      ? refuse(body.left)
      : answer(await rename(operator, body.right, query.right.dryRun ?? false))
  },
})
