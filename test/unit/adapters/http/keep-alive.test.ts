import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { type Server, createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, expect, it } from '@jest/globals'
import { callOf } from './loopback'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

it('a connection is used again within the time that the server keeps it, and no longer: an idle one that it closed is no outage', async () => {
  const sockets = new Set<Socket>()
  server = createServer((_, response) => void response.end('[]'))
  // Node's server tells it, and gives a little more than it says; this one closes to the second.
  server.keepAliveTimeout = 1_000
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const ask = callOf('dicom')({ method: 'GET', url, headers: {}, maxBytes: 100 })
  expect((await ask())._tag).toBe('Right')
  // The connection is free when all that follows its answer is done.
  await setImmediate()
  expect((await ask())._tag).toBe('Right')
  expect(sockets.size).toBe(1)
  const [socket] = sockets
  if (socket !== undefined) await once(socket, 'close')
  expect((await ask())._tag).toBe('Right')
  expect(sockets.size).toBe(2)
})

/** Answers the first request of each connection, and closes it when the second one comes: as one that was idle for too long. */
const serveOnce = async (
  close: (socket: Socket) => void,
): Promise<{ readonly url: string; readonly seen: number[] }> => {
  const seen: number[] = []
  const asked = new Map<Socket, number>()
  server = createServer((request, response) => {
    const times = (asked.get(request.socket) ?? 0) + 1
    asked.set(request.socket, times)
    seen.push(times)
    if (times > 1) close(request.socket)
    else response.end('[]')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen }
}

it.each([
  ['ended', (socket: Socket) => void socket.destroy()],
  ['reset', (socket: Socket) => void socket.resetAndDestroy()],
])('a reading that meets a connection which was %s while it was idle is asked again at once', async (_, close) => {
  const { url, seen } = await serveOnce(close)
  const ask = callOf('dicom')({ method: 'GET', url, headers: {}, maxBytes: 100 })
  for (let asked = 0; asked < 2; asked++) {
    expect((await ask())._tag).toBe('Right')
    await setImmediate()
  }
  expect(seen).toEqual([1, 2, 1])
})

it('what writes is not: it may have been carried out', async () => {
  const { url, seen } = await serveOnce((socket) => void socket.destroy())
  const ask = callOf('dicom')({ method: 'POST', url, headers: {}, body: '{}', maxBytes: 100 })
  expect((await ask())._tag).toBe('Right')
  await setImmediate()
  expect(await ask()).toMatchObject({ left: { answerLost: true } })
  expect(seen).toEqual([1, 2])
})

it('a server that closes each connection is an outage: it is asked once', async () => {
  let connections = 0
  server = createServer((request) => {
    connections += 1
    request.socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const ask = callOf('dicom')({ method: 'GET', url, headers: {}, maxBytes: 100 })
  expect(await ask()).toMatchObject({ left: { _tag: 'ServiceUnavailable' } })
  expect(connections).toBe(1)
})
