import { createServer, request as send } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from '@jest/globals'
import { images } from '../support/world/cast-images'
import { runCli } from '../support/world/cast-cli'
import { useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()
const closers: Array<() => Promise<void>> = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

/** A forward proxy that remembers to whom it was asked to go. */
const startProxy = async () => {
  const asked = new Set<string>()
  const server = createServer((request, response) => {
    const target = new URL(request.url ?? '')
    asked.add(target.host)
    const on = send(target, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    on.on('error', () => response.destroy())
    request.pipe(on)
  })
  server.on('connect', (request, socket, head) => {
    const [host = '', port = ''] = (request.url ?? '').split(':')
    asked.add(`${host}:${port}`)
    const on = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      on.write(head)
      on.pipe(socket).pipe(on)
    })
    for (const each of [on, socket]) each.on('error', () => [on, socket].forEach((one) => one.destroy()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

it('HTTP_PROXY holds for both services and for storage, and NO_PROXY for all of them', async () => {
  const proxy = await startProxy()
  const world = await newWorld()
  world.dicom.control.append(...images(2, { study: '1.2.3' }))
  const { AzureWebJobsStorage = '' } = world.environment()
  const storage = [...AzureWebJobsStorage.matchAll(/(?:Blob|Table)Endpoint=http:\/\/([^/;]+)/g)].map(([, host]) => host)
  const hosts = [...[world.dicom.url, world.fhir.url].map((url) => new URL(url).host), ...storage]

  const direct = await runCli(['cast', '--json'], {
    ...world.environment(),
    HTTP_PROXY: proxy.url,
    NO_PROXY: '127.0.0.1',
  })
  expect([direct.code, [...proxy.asked]]).toEqual([0, []])
  world.dicom.control.append(...images(2, { study: '1.2.4' }))
  const { code, stdout } = await runCli(['cast', '--json'], { ...world.environment(), HTTP_PROXY: proxy.url })
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { ended: 'CaughtUp', stored: 2 }])
  expect([...proxy.asked].sort()).toEqual(hosts.sort())
})
