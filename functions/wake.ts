import { app } from '@azure/functions'
import { wake } from '../lib/composition/wake'
import { answer, ok, route } from './http'

/** Event Grid's largest delivery has 1 MB. */
const bodyLimit = 2_000_000

route('wake', {
  verb: 'POST',
  path: 'wake',
  bodyLimit,
  handle: async (_, operator, body) => {
    const heard = await wake(operator, body)
    if (heard._tag === 'Left') return answer(heard)
    return heard.right._tag === 'Handshake'
      ? ok({ validationResponse: heard.right.validationCode })
      : ok(heard.right.woken)
  },
})

// The handshake of CloudEvents (HTTP 1.1 Web Hooks §4), which comes without a key. It tells that the address listens, and
// no more: to be heard, an event needs the key.
app.http('wakeHandshake', {
  methods: ['OPTIONS'],
  route: 'wake',
  authLevel: 'anonymous',
  handler: ({ headers }) => {
    const origin = headers.get('webhook-request-origin') ?? ''
    const consent = /^[\w.:-]{1,255}$/.test(origin) ? { 'webhook-allowed-origin': origin } : {}
    const rate = headers.has('webhook-request-rate') ? { 'webhook-allowed-rate': '*' } : {}
    return { status: 200, headers: { allow: 'POST', ...consent, ...rate } }
  },
})
