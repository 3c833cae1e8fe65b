import { takeOver } from '../lib/composition/take-over'
import { parseDryRun, parseTakeOver } from '../lib/requests/requests'
import { answer, jsonOf, queryOf, refuse, route, smallBody } from './http'

route('takeOver', {
  verb: 'POST',
  bodyLimit: smallBody,
  path: 'take-over',
  handle: async (request, operator, text) => {
    const query = parseDryRun(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseTakeOver(jsonOf(text))
    return body._tag === 'Left' ? refuse(body.left) : answer(await takeOver(operator, query.right.dryRun ?? false))
  },
})
