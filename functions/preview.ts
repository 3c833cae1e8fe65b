import { previewBatches } from '../lib/composition/feed'
import { parseNoBody, parsePreview } from '../lib/requests/requests'
import { answer, defaultBudgetS, queryOf, refuse, route } from './http'

route('preview', {
  verb: 'POST',
  path: 'preview',
  handle: async (request, operator, text) => {
    const query = parsePreview(queryOf(request))
    if (query._tag === 'Left') return refuse(query.left)
    const body = parseNoBody(text)
    if (body._tag === 'Left') return refuse(body.left)
    const { batches = 1, fromSequence, budgetSeconds = defaultBudgetS } = query.right
    return answer(await previewBatches({ ...operator, budgetMs: budgetSeconds * 1_000 }, { batches, fromSequence }))
  },
})
