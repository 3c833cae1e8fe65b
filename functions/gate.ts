import { pause, resume } from '../lib/composition/gate'
import { parseNoBody } from '../lib/requests/requests'
import { answer, refuse, route } from './http'

for (const [name, move] of Object.entries({ pause, resume })) {
  route(name, {
    verb: 'POST',
    path: name,
    handle: async (_request, operator, text) => {
      const body = parseNoBody(text)
      return body._tag === 'Left' ? refuse(body.left) : answer(await move(operator))
    },
  })
}
