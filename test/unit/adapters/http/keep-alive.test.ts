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
