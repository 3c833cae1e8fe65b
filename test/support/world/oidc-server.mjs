// A real OpenID Connect provider on loopback, in a process of its own: what it has is its argument, as JSON.
// It prints its URL when it listens, and ends with its standard input.
import { createServer } from 'node:http'
import Provider, { errors } from 'oidc-provider'

const { clients, tokenSeconds, audience } = JSON.parse(process.argv[2])
const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients: clients.map((client) => ({
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      ...client,
    })),
    scopes: ['system/*.cruds'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'RS384', 'ES384'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: (_context, resource) => {
          if (resource.includes('unknown')) throw new errors.InvalidTarget()
          return {
            scope: 'system/*.cruds',
            audience: resource,
            accessTokenTTL: tokenSeconds,
            accessTokenFormat: 'jwt',
          }
        },
      },
    },
  })
  server.on('request', provider.callback())
  console.log(issuer)
})
process.stdin.on('end', () => process.exit(0)).resume()
