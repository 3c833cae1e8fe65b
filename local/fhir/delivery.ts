import type { ServerResponse } from 'node:http'
import type { Reply } from './fault-play'
import { encodeAnswer, send } from './http-message'

const writeBlanks = (response: ServerResponse, bytes: number): void => {
  const chunk = Buffer.alloc(64 * 1024, ' ')
  let left = bytes
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= chunk.length
      if (!response.write(chunk)) return void response.once('drain', more)
    }
    response.end()
  }
  more()
}

/** Puts the reply on the wire and tells the status that the client can have seen. */
export const deliver = async (response: ServerResponse, reply: Reply, accepts: string | undefined): Promise<number> => {
  if (reply.kind === 'dropped') {
    response.destroy()
    return 0
  }
  if (reply.kind === 'page') {
    send(response, { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from(reply.html) })
    return 200
  }
  const encoded = await encodeAnswer(reply.answer, reply.kind === 'answer' ? accepts : undefined)
  if (reply.kind === 'answer') send(response, encoded)
  if (reply.kind === 'truncated') {
    response.writeHead(encoded.status, { ...encoded.headers, 'content-length': encoded.body.length })
    response.write(encoded.body.subarray(0, encoded.body.length / 2), () => response.destroy())
  }
  if (reply.kind === 'oversized') {
    response.writeHead(encoded.status, encoded.headers).write(encoded.body)
    writeBlanks(response, reply.bytes - encoded.body.length)
  }
  return encoded.status
}
