import { replayRows } from '../lib/composition/feed'
import { parseDryRun, parseReplay } from '../lib/requests/requests'
import { answer, bodyOf, queryOf, refuse, route } from './http'

route('replay', {
  verb: 'POST',
  path: 'replay',
  handle: async (request, operator) => {
    const query = parseDryRun(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseReplay(await bodyOf(request))
    return body._tag === 'Left'
      ? refuse(body.left)
      : answer(await replayRows(operator, body.right, query.right.dryRun ?? false))
  },
})
