import { gunzipSync } from 'node:zlib'
import { Client } from 'undici'

/** A FHIR answer with its body parsed as it came; a test says what it expects in it. */
export interface FhirReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any
}

export interface FhirTestClient {
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<FhirReply>
  close(): Promise<void>
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A bare client, so that tests of a server don't rest on the product's own. `path` is relative to the base URL, or absolute. */
export const createFhirTestClient = (baseUrl: string): FhirTestClient => {
  const { origin, pathname } = new URL(baseUrl)
  const prefix = pathname.replace(/\/$/, '')
  const client = new Client(origin, { pipelining: 1 })
  return {
    close: () => client.destroy(),
    send: async (method, path, body, headers = {}) => {
      const local = path.startsWith(origin) ? path.slice(origin.length) : `${prefix}${path}`
      const response = await client.request({
        method: method as 'GET',
        path: local,
        headers: { 'content-type': 'application/fhir+json', ...headers },
        body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      })
      const raw = Buffer.from(await response.body.arrayBuffer())
      const text = (response.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString('utf8')
      return { status: response.statusCode, headers: response.headers, text, body: parsed(text) }
    },
  }
}
