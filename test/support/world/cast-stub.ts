import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Stub {
  readonly url: string
  readonly close: () => Promise<void>
}

/** A server that answers every request with what `answer` says: for services of another kind than ours. */
export const startStub = async (
  answer: (request: IncomingMessage) => { readonly status?: number; readonly type?: string; readonly body: unknown },
): Promise<Stub> => {
  const server = createServer((request, response) => {
    const { status = 200, type = 'application/fhir+json', body } = answer(request)
    request.resume()
    response.writeHead(status, { 'content-type': type }).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
