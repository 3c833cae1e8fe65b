import { rename } from '../lib/composition/rename'
import { parseDryRun, parseRename } from '../lib/requests/requests'
import { answer, jsonOf, queryOf, refuse, route, smallBody } from './http'

route('renameService', {
  verb: 'POST',
  bodyLimit: smallBody,
  path: 'rename-service',
  handle: async (request, operator, text) => {
    const query = parseDryRun(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseRename(jsonOf(text))
    return body._tag === 'Left'
      ? refuse(body.left)
      : answer(await rename(operator, body.right, query.right.dryRun ?? false))
  },
})
