import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, expect, it } from '@jest/globals'
import { freePort } from '../../local/kept-ports'
import { type Orthanc, startOrthanc } from '../../local/orthanc'
import { startCli } from '../support/world/cast-cli'
import { until } from '../support/world/cast-until'
import { openOrthanc } from './orthanc-client'
import { useOrthancWorld } from './orthanc-world'

// examples/orthanc/wake.lua in a real Orthanc, and who listens.

const newWorld = useOrthancWorld()
const hook = join(__dirname, '..', '..', 'examples', 'orthanc', 'wake.lua')

const closers: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Heard {
  readonly path: string | undefined
  readonly key: unknown
  readonly body: unknown
}

/** What calls have brought so far; `answers` false: none is ever answered. */
const listen = async (answers = true) => {
  const heard: Heard[] = []
  const waiting: Array<() => void> = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      heard.push({ path: request.url, key: request.headers['x-functions-key'], body: JSON.parse(body) })
      if (answers) response.end('{}')
      for (const wake of waiting.splice(0)) wake()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    heard,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    until: async (calls: number): Promise<void> => {
      while (heard.length < calls) await new Promise<void>((resolve) => waiting.push(resolve))
    },
  }
}

const key = 'a-key-of-some-length'
const hooked = (url: string) => ({
  ...{ luaScripts: [hook], httpTimeout: 1, stableAge: 1, env: { DICOMCAST_URL: url, DICOMCAST_API_KEY: key } },
})

const start = async (url: string): Promise<Orthanc> => {
  const orthanc = await startOrthanc(hooked(url))
  closers.push(orthanc.close)
  return orthanc
}

const call = (studyInstanceUid: string): Heard => ({
  ...{ path: '/api/wake', key, body: { studyInstanceUid } },
})

it('the hook tells of a study that is complete, and of one that is gone, also after a restart', async () => {
  const listener = await listen()
  const orthanc = await start(listener.url)
  const { store, remove, idOf } = openOrthanc(orthanc)
  await store({ study: '1.2.1' }, { study: '1.2.1', instance: 2 }, { study: '1.2.1', instance: 3 })
  await listener.until(1)
  await orthanc.kill()
  await orthanc.start()
  await remove('studies', await idOf('1.2.1'))
  await listener.until(2)
  expect(listener.heard).toEqual([call('1.2.1'), call('1.2.1')])
})

it('nobody who listens, and somebody who never answers, lose no image', async () => {
  const [deaf, slow] = [await start('http://127.0.0.1:9'), await listen(false)]
  const stalled = await start(slow.url)
  for (const orthanc of [deaf, stalled]) {
    const { get, store, remove, idOf } = openOrthanc(orthanc)
    await store({ study: '1.2.1' }, { study: '1.2.2' })
    if (orthanc === stalled) await slow.until(1)
    await store({ study: '1.2.3' })
    await remove('studies', await idOf('1.2.1'))
    expect(await get('/statistics')).toMatchObject({ CountStudies: 2, CountInstances: 2 })
  }
})

it('the hook wakes dicomcast serve, which casts what came and removes what is gone without a tick', async () => {
  const port = String(await freePort(0))
  const { store, remove, idOf, inFhir, expectEqual, environment } = await newWorld({
    orthanc: hooked(`http://127.0.0.1:${port}`),
  })
  const settings = { DicomCast__ApiKey: key, DicomCast__Events: 'true', CastSchedule: '0 0 4 1 1 *' }
  const { child, stdout } = startCli(['serve', '--port', port], environment(settings))
  closers.push(async () => void child.kill('SIGKILL'))
  await until(() => stdout().includes('"serving"'), 'that it serves')
  await store({ study: '1.2.1' }, { study: '1.2.2' }, { study: '1.2.2', instance: 2 })
  await until(() => inFhir().length === 2, 'both studies in FHIR')
  await remove('studies', await idOf('1.2.1'))
  await until(() => inFhir().length === 1, 'one study in FHIR')
  await expectEqual(1)
})
