import { metrics } from '../lib/composition/metrics'
import { answer, route } from './http'

route('metrics', {
  verb: 'GET',
  path: 'metrics',
  handle: async (_request, operator) => {
    const found = await metrics(operator)
    if (found._tag === 'Left') return answer(found)
    const { contentType, text } = found.right
    return {
      status: 200,
      headers: { 'content-type': contentType, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
      body: text,
    }
  },
})
