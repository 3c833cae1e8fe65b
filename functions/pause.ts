import { pause } from '../lib/composition/gate'
import { parseNoBody } from '../lib/requests/requests'
import { answer, refuse, route } from './http'

route('pause', {
  verb: 'POST',
  path: 'pause',
  handle: async (request, operator) => {
    const body = parseNoBody(await request.text())
    return body._tag === 'Left' ? refuse(body.left) : answer(await pause(operator))
  },
})
