import { castBetween, reconcile } from '../lib/composition/reconcile'
import { parseNoBody, parseReconcile } from '../lib/requests/requests'
import { answer, defaultBudgetS, queryOf, refuse, route } from './http'

route('reconcile', {
  verb: 'POST',
  path: 'reconcile',
  handle: async (request, operator, text) => {
    const query = parseReconcile(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseNoBody(text)
    if (body._tag === 'Left') return refuse(body.left)
    const { dryRun = false, confirm, budgetSeconds = defaultBudgetS } = query.right
    const between = castBetween(operator)
    return answer(
      await reconcile({ ...operator, budgetMs: budgetSeconds * 1_000 }, { dryRun, confirmed: confirm, between }),
    )
  },
})
