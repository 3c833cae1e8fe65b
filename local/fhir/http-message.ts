import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { FhirAnswer } from './interactions'
import { refusal } from './operation-outcome'

const gzipAbove = 1024
const inflate = promisify(gunzip)
const deflate = promisify(gzip)

export interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly header: (name: string) => string | undefined
  readonly text: string
  readonly bytes: number
}

/** Reads a whole request. 413 above the limit, also when it is the inflated body that is too large. */
export const readRequest = async (message: IncomingMessage, baseUrl: string, limit: number): Promise<HttpRequest> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length
    // What comes after the limit is read and dropped: a client that still writes would never see the answer.
    if (bytes <= limit) chunks.push(chunk)
  }
  if (bytes > limit) throw refusal(413, `The body has more than ${limit} bytes.`)
  const raw = Buffer.concat(chunks)
  const body =
    message.headers['content-encoding'] === 'gzip' && raw.length > 0
      ? await inflate(raw, { maxOutputLength: limit }).catch((error: NodeJS.ErrnoException) => {
          const tooLarge = error.code === 'ERR_BUFFER_TOO_LARGE'
          throw refusal(tooLarge ? 413 : 400, 'The body is too large or no valid gzip.')
        })
      : raw
  return {
    method: message.method ?? 'GET',
    url: new URL(message.url ?? '/', baseUrl),
    header: (name) => {
      const value = message.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    text: body.toString('utf8'),
    bytes,
  }
}

export interface EncodedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export const encodeAnswer = async (
  { status, headers, body }: FhirAnswer,
  acceptEncoding: string | undefined,
): Promise<EncodedAnswer> => {
  if (body === undefined) return { status, headers, body: Buffer.alloc(0) }
  const plain = Buffer.from(JSON.stringify(body))
  const typed = { 'content-type': 'application/fhir+json; charset=utf-8', ...headers }
  if (plain.length <= gzipAbove || acceptEncoding?.includes('gzip') !== true) {
    return { status, headers: typed, body: plain }
  }
  return { status, headers: { ...typed, 'content-encoding': 'gzip' }, body: await deflate(plain, { level: 1 }) }
}

export const send = (response: ServerResponse, { status, headers, body }: EncodedAnswer): void => {
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'content-length': body.length }) })
  response.end(body)
}
