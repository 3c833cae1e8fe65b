import { resyncStudy } from '../lib/composition/studies'
import { parseStudy } from '../lib/requests/requests'
import { answer, bodyOf, refuse, route } from './http'

route('resync', {
  verb: 'POST',
  path: 'resync',
  handle: async (request, operator) => {
    const body = parseStudy(await bodyOf(request))
    return body._tag === 'Left' ? refuse(body.left) : answer(await resyncStudy(operator, body.right))
  },
})
