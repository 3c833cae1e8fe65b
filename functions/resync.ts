import { resyncStudy } from '../lib/composition/studies'
import { parseStudy } from '../lib/requests/requests'
import { answer, jsonOf, refuse, route, smallBody } from './http'

route('resync', {
  verb: 'POST',
  bodyLimit: smallBody,
  path: 'resync',
  handle: async (_request, operator, text) => {
    const body = parseStudy(jsonOf(text))
    return body._tag === 'Left' ? refuse(body.left) : answer(await resyncStudy(operator, body.right))
  },
})
