import { check } from '../lib/composition/check'
import { answer, route } from './http'

route('check', {
  verb: 'GET',
  path: 'check',
  handle: async (_request, operator) => answer(await check(operator)),
})
