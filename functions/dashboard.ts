import { route } from './http'
import { script } from './page/script'
import { style } from './page/style'
import { pageOf } from './page/markup'

// One page, the same for everybody and without a fact: what it shows, it asks of the other routes, with the key that it is
// given.

const hashOf = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return `'sha256-${Buffer.from(digest).toString('base64')}'`
}

/** Nothing but our own two inline texts runs, and nothing but our own routes is asked. */
const policy = async (): Promise<string> =>
  [
    "default-src 'none'",
    `script-src ${await hashOf(script)}`,
    `style-src ${await hashOf(style)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

let made: Promise<string> | undefined

route('dashboard', {
  verb: 'GET',
  path: 'dashboard',
  anonymous: true,
  handle: async () => ({
    status: 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': await (made ??= policy()),
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
    },
    body: pageOf(style, script),
  }),
})
