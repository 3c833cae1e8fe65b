import { setCheckpoint } from '../lib/composition/feed'
import { parseCheckpoint } from '../lib/requests/requests'
import { answer, jsonOf, refuse, route, smallBody } from './http'

route('checkpoint', {
  verb: 'POST',
  bodyLimit: smallBody,
  path: 'checkpoint',
  handle: async (_request, operator, text) => {
    const body = parseCheckpoint(jsonOf(text))
    return body._tag === 'Left' ? refuse(body.left) : answer(await setCheckpoint(operator, body.right))
  },
})
