import { catchUp } from '../lib/composition/feed'
import { parseCatchUp, parseNoBody } from '../lib/requests/requests'
import { answer, defaultBudgetS, queryOf, refuse, route } from './http'

route('catchUp', {
  verb: 'POST',
  path: 'catch-up',
  handle: async (request, operator, text) => {
    const query = parseCatchUp(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseNoBody(text)
    if (body._tag === 'Left') return refuse(body.left)
    const { budgetSeconds = defaultBudgetS, maxBatches = 0 } = query.right
    return answer(await catchUp({ ...operator, budgetMs: budgetSeconds * 1_000 }, maxBatches))
  },
})
