import { replayRows } from '../lib/composition/feed'
import { parseDryRun, parseReplay } from '../lib/requests/requests'
import { answer, jsonOf, queryOf, refuse, route } from './http'

route('replay', {
  verb: 'POST',
  // A thousand rows have 80 bytes each.
  bodyLimit: 131_072,
  path: 'replay',
  handle: async (request, operator, text) => {
    const query = parseDryRun(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseReplay(jsonOf(text))
    return body._tag === 'Left'
      ? refuse(body.left)
      : answer(await replayRows(operator, body.right, query.right.dryRun ?? false))
  },
})
