import { request as httpRequest } from 'node:http'
import { afterEach, describe, expect, it } from '@jest/globals'
import { sole } from '../support/fhir/cast-fhir'
import { images } from '../support/world/cast-images'
import { type RunningCli, jsonLines, runCli, startCli } from '../support/world/cast-cli'
import { until } from '../support/world/cast-until'
import { type CastWorld, type Overrides, useCastWorld } from '../support/world/cast-world'
import { takeLease } from '../support/world/operate-world'

const newWorld = useCastWorld()
const apiKey = 'a-key-of-this-test'
const never = '0 0 4 1 1 *'

const running: RunningCli[] = []
afterEach(() => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL')
})

const served = async (world: CastWorld, overrides: Overrides = {}) => {
  const cli = startCli(
    ['serve', '--port', '0'],
    world.environment({ DicomCast__ApiKey: apiKey, CastSchedule: never, ...overrides }),
  )
  running.push(cli)
  await until(() => cli.stdout().includes('"serving"'), 'that it serves')
  const url = String(jsonLines(cli.stdout()).find(({ message }) => message === 'serving')?.['url'])
  const ask = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
    fetch(`${url}${path}`, { method, headers })
  return { cli, url, ask, status: async (...asked: Parameters<typeof ask>) => (await ask(...asked)).status }
}
const keyed = { 'x-functions-key': apiKey }

/** As no client writes it. */
const rawStatus = (url: string, path: string, headers: Readonly<Record<string, string>>): Promise<unknown> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    httpRequest({ hostname, port, path, headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .once('error', resolve)
      .end()
  })

describe('dicomcast serve', () => {
  it('answers to who has the key, in whichever way, and tells others no more than whether it works', async () => {
    const { url, ask, status } = await served(await newWorld())
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/)
    for (const path of ['status', 'check', 'metrics', 'failures/DicomFailToStoreExceptionTable']) {
      expect([path, await status(`/api/${path}`)]).toEqual([path, 401])
    }
    for (const wrong of ['a-key-of-another', `${apiKey}x`, '']) {
      expect(await status('/api/status', { 'x-functions-key': wrong })).toBe(401)
      expect(await status('/api/status', { authorization: `Bearer ${wrong}` })).toBe(401)
      expect(await status(`/api/status?code=${wrong}`)).toBe(401)
    }
    expect(await status('/api/status', keyed)).toBe(200)
    expect(await status(`/api/status?code=${apiKey}`)).toBe(200)
    expect(await status('/api/metrics', { authorization: `Bearer ${apiKey}` })).toBe(200)
    expect([await status('/api/catch-up', {}, 'POST'), await status('/api/catch-up', keyed, 'POST')]).toEqual([
      401, 200,
    ])
    expect(await status('/admin/functions/castTimer', {}, 'POST')).toBe(401)
    expect([await status('/api/dashboard'), await status('/api/health'), await status('/nowhere', keyed)]).toEqual([
      200, 200, 404,
    ])
    expect(await (await ask('/api/status', keyed)).text()).not.toContain(apiKey)
  })

  it.each([
    ['/api/status', { host: 'a b' }],
    ['//evil.example/api/health', {}],
    ['/\\evil.example/api/health', {}],
    ['http://evil.example/api/health', {}],
  ])('outlives what no client sends: %s %o', async (path, headers) => {
    const { url, status } = await served(await newWorld())
    expect(await rawStatus(url, path, headers)).toBe(400)
    expect(await rawStatus(url, '/api/dashboard', { 'content-length': '2000000' })).toBe(413)
    expect(await rawStatus(url, '/api/wake', { ...keyed, 'content-length': '9999999999' })).toBe(413)
    expect(await status('/live')).toBe(200)
  })

  it('is live and ready for probes, also by HEAD', async () => {
    const { status } = await served(await newWorld({ settings: { Fhir__Endpoint: 'http://127.0.0.1:9' } }))
    for (const path of ['/live', '/ready']) {
      expect([path, await status(path), await status(path, {}, 'HEAD')]).toEqual([path, 200, 200])
    }
    expect([await status('/api/health'), await status('/live', {}, 'POST')]).toEqual([503, 401])
  })

  it('casts on its schedule, and the status says so', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(3, { study: '1.2.3' }))
    const { cli, ask } = await served(world, { CastSchedule: '* * * * * *' })
    await until(() => cli.stdout().includes('"CaughtUp"'), 'a cast')
    expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(3)
    await until(() => cli.stdout().split('"message":"cast"').length > 3, 'ticks after it')
    expect(await (await ask('/api/status', keyed)).json()).toMatchObject({
      state: 'fine',
      timer: { state: 'running', schedule: '* * * * * *' },
    })
    expect(cli.stdout()).not.toMatch(/P1|Stone/)
  })

  it('ends at SIGTERM with its batch finished, the lease free, and 0', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '2', DicomCast__TimerBatches: '0' } })
    world.dicom.control.append(...images(40, { study: '1.2.3' }))
    world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'transaction' }, delayMs: 800 }])
    const { cli, status } = await served(world, { CastSchedule: '* * * * * *' })
    await until(() => (world.fhir.faults.list()[0]?.hits ?? 0) > 0, 'a transaction under way')
    cli.child.kill('SIGTERM')
    await until(() => cli.stdout().includes('"ending"'), 'that it heard')
    expect(await status('/ready')).toBe(503)
    expect(await cli.ended).toMatchObject({ code: 0, stderr: '' })
    expect(jsonLines(cli.stdout()).find(({ message }) => message === 'cast')).toMatchObject({ ended: 'Stopped' })
    const synced = await world.syncedSequence()
    expect([synced, sole(world, 'ImagingStudy').numberOfInstances]).toEqual([synced, synced])
    expect(synced).toBeGreaterThan(0)
    await (
      await takeLease(world)
    )()
  })

  it('does not start without a key, or with wrong settings, and says all that is wrong', async () => {
    const world = await newWorld()
    for (const key of [{}, { DicomCast__ApiKey: 'short' }, { DicomCast__ApiKey: 'with a blank in the middle' }]) {
      const { code, stderr, stdout } = await runCli(['serve', '--port', '0'], world.environment(key))
      expect([code, stdout, stderr.includes('DicomCast__ApiKey: ')]).toEqual([2, '', true])
      expect(stderr).not.toMatch(/short|blank/)
    }
    const { code, stderr } = await runCli(['serve'], { DicomCast__BatchSize: 'many' })
    expect([code, ...['DicomCast__ApiKey', 'DicomCast__BatchSize'].map((each) => stderr.includes(each))]).toEqual([
      ...[2, true, true],
    ])
  })
})
