import { backfillStatus, cancel, dryRunBackfill, startBackfill } from '../lib/composition/backfill'
import { parseBackfill } from '../lib/requests/backfill'
import { parseDryRun, parseNoBody } from '../lib/requests/requests'
import { answer, jsonOf, queryOf, refuse, route, smallBody } from './http'

route('backfill', {
  verb: 'POST',
  bodyLimit: smallBody,
  path: 'backfill',
  isShared: true,
  handle: async (request, operator, text) => {
    const query = parseDryRun(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const isDryRun = query.right.dryRun ?? false
    const body = parseBackfill(jsonOf(text), isDryRun)
    if (body._tag === 'Left') return refuse(body.left)
    return isDryRun
      ? answer(await dryRunBackfill(operator, body.right))
      : answer(await startBackfill(operator, body.right))
  },
})

route('backfillStatus', {
  verb: 'GET',
  path: 'backfill',
  isShared: true,
  handle: async (_request, operator) => answer(await backfillStatus(operator)),
})

route('cancelBackfill', {
  verb: 'POST',
  path: 'backfill/cancel',
  handle: async (_request, operator, text) => {
    const body = parseNoBody(text)
    return body._tag === 'Left' ? refuse(body.left) : answer(await cancel(operator))
  },
})
