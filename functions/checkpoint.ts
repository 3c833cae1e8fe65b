import { setCheckpoint } from '../lib/composition/feed'
import { parseCheckpoint } from '../lib/requests/requests'
import { answer, bodyOf, refuse, route } from './http'

route('checkpoint', {
  verb: 'POST',
  path: 'checkpoint',
  handle: async (request, operator) => {
    const body = parseCheckpoint(await bodyOf(request))
    return body._tag === 'Left' ? refuse(body.left) : answer(await setCheckpoint(operator, body.right))
  },
})
