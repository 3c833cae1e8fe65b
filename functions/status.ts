import { status } from '../lib/composition/status'
import { answer, route } from './http'

route('status', {
  verb: 'GET',
  path: 'status',
  handle: async (_request, operator) => answer(await status(operator)),
})
