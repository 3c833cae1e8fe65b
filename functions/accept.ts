import { acceptConflict } from '../lib/composition/feed'
import { parseAccept, parseDryRun } from '../lib/requests/requests'
import { answer, bodyOf, queryOf, refuse, route } from './http'

route('accept', {
  verb: 'POST',
  path: 'accept',
  handle: async (request, operator) => {
    const query = parseDryRun(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseAccept(await bodyOf(request))
    return body._tag === 'Left'
      ? refuse(body.left)
      : answer(await acceptConflict(operator, body.right, query.right.dryRun ?? false))
  },
})
