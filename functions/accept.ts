import { acceptConflict } from '../lib/composition/feed'
import { parseAccept, parseDryRun } from '../lib/requests/requests'
import { answer, jsonOf, queryOf, refuse, route, smallBody } from './http'

route('accept', {
  verb: 'POST',
  bodyLimit: smallBody,
  path: 'accept',
  handle: async (request, operator, text) => {
    const query = parseDryRun(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseAccept(jsonOf(text))
    return body._tag === 'Left'
      ? refuse(body.left)
      : answer(await acceptConflict(operator, body.right, query.right.dryRun ?? false))
  },
})
