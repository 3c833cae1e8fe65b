import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from '@jest/globals'
import { clientCredentials } from '../../../../lib/adapters/http/client-credentials'
import { connectorOf } from '../../../../lib/adapters/http/dispatchers'
import { writeCertificates } from '../../../support/world/certificates'
import { json, serve, stopServers } from './loopback'

const closers: Array<() => void> = []
afterEach(() => {
  stopServers()
  for (const close of closers.splice(0)) close()
})

it('a secret goes to no plain http token endpoint that metadata over https name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dicomcast-issuer-'))
  const { ca, server: own } = writeCertificates(folder)
  const plain = await serve(json(200, { access_token: 't', token_type: 'Bearer', expires_in: 600 }))
  let issuer = ''
  const server = createServer(
    { cert: readFileSync(own.certificate), key: readFileSync(own.key) },
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ issuer, token_endpoint: `${plain.url}/token` }))
    },
  )
  closers.push(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const source = clientCredentials(
    'Fhir',
    {
      ...{ clientId: 'cast', provider: { issuer }, proof: { secret: { value: 'secret' } } },
      ...{ scope: undefined, audience: undefined, resource: undefined },
    },
    { connector: () => connectorOf('Fhir', { caFile: ca.certificate }) },
  )
  expect(await source()()).toMatchObject({ left: { _tag: 'ServiceUnavailable', hop: 'identity' } })
  expect(plain.seen).toEqual([])
})
