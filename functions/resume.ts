import { resume } from '../lib/composition/gate'
import { parseNoBody } from '../lib/requests/requests'
import { answer, refuse, route } from './http'

route('resume', {
  verb: 'POST',
  path: 'resume',
  handle: async (request, operator) => {
    const body = parseNoBody(await request.text())
    return body._tag === 'Left' ? refuse(body.left) : answer(await resume(operator))
  },
})
