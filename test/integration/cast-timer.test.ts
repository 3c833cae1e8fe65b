import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from '@jest/globals'
import { startFunctionsHost, type FunctionsHost } from '../../local/functions-host'
import { held, sole } from '../support/fhir/cast-fhir'
import { created, images } from '../support/world/cast-images'
import { lineFields } from '../support/assert/cast-report'
import { until } from '../support/world/cast-until'
import { backfillIn } from '../support/world/backfill-world'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'
import { compileCache } from '../support/world/compile-cache'
import { startFakeOrthanc } from '../support/world/fake-orthanc'

// The compiled app in the local functions host: the timer is fired as Azure fires it, through @azure/functions itself.
const newWorld = useCastWorld()

const timer = 'castTimer'
const never = { CastSchedule: '0 0 4 1 1 *' }
const hosts: FunctionsHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

const startHost = async (settings: Readonly<Record<string, string>>): Promise<FunctionsHost> => {
  const host = await startFunctionsHost({ env: { PATH: process.env['PATH'], ...compileCache, ...never, ...settings } })
  hosts.push(host)
  return host
}

const linesOf = (host: FunctionsHost): ReadonlyArray<string> =>
  host.logs.filter(({ functionName }) => functionName === timer).map(({ message }) => message)

/** What the app logs travels beside the answer, and may come a moment later. */
const lines = async (host: FunctionsHost, count: number): Promise<ReadonlyArray<Record<string, unknown>>> => {
  await until(() => linesOf(host).length >= count, `${count} log lines`)
  return linesOf(host)
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

it('the timer compares an archive that tells of no change with FHIR when it is due, and casts nothing else', async () => {
  const orthanc = await startFakeOrthanc()
  try {
    const world = await newWorld({ settings: { DicomWeb__Endpoint: orthanc.url, DicomWeb__Source: 'dicomweb' } })
    orthanc.store({ study: '1.2.1' }, { study: '1.2.2' })
    const host = await startHost(world.environment())
    expect(await host.fire(timer)).toEqual({ succeeded: true })
    expect(held(world, 'ImagingStudy')).toHaveLength(2)
    orthanc.store({ study: '1.2.3' })
    // The next time has not come.
    expect(await host.fire(timer)).toEqual({ succeeded: true })
    expect(held(world, 'ImagingStudy')).toHaveLength(2)
    const runs = await world.rows('RunHistoryTable')
    expect(runs.flatMap(({ Kind, Ended }) => (Kind === undefined ? [] : [`${String(Kind)} ${String(Ended)}`]))).toEqual(
      ['reconcile Done'],
    )
  } finally {
    await orthanc.close()
  }
})

it('the timer takes a backfill further, also when the feed has nothing new', async () => {
  const world = await newWorld({ settings: { DicomCast__HoleAge: '00:00:01' } })
  world.dicom.control.append(...images(3, { study: '1.2.3' }))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp' })
  const backfill = backfillIn(world)
  await backfill.start()
  const host = await startHost({ ...world.environment(), 'AzureWebJobs.backfillWork.Disabled': 'true' })
  for (let fires = 0; fires < 100 && !(await backfill.status()).listed.whole; fires++) {
    expect(await host.fire(timer)).toEqual({ succeeded: true })
    await sleep(50)
  }
  expect(await backfill.status()).toMatchObject({ state: 'working', listed: { studies: 1, whole: true } })
})

describe('the timer function', () => {
  it('casts one batch a run, and ends with one summary line of the promised fields', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '2' } })
    world.dicom.control.append(...images(3, { study: '1.2.3' }))
    const host = await startHost(world.environment())
    expect(host.functions).toContain(`${timer}: ${never.CastSchedule}`)

    expect(await host.fire(timer)).toEqual({ succeeded: true })
    expect(await host.fire(timer)).toEqual({ succeeded: true })
    const [first, second, ...others] = await lines(host, 2)
    expect([first, second].map((line) => Object.keys(line ?? {}))).toEqual([lineFields, lineFields])
    expect([others, first, second]).toMatchObject([
      [],
      { level: 'info', message: 'cast', ended: 'BatchDone', from: 0, to: 2, head: 3, stored: 2 },
      { level: 'info', message: 'cast', ended: 'CaughtUp', from: 2, to: 3, head: 3, stored: 1 },
    ])
    expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(3)
  })

  it('warns once of a setting that nobody reads', async () => {
    const world = await newWorld()
    const host = await startHost({ ...world.environment(), DicomCast__BatchSiz: '5' })
    expect(await host.fire(timer)).toEqual({ succeeded: true })
    expect(await host.fire(timer)).toEqual({ succeeded: true })
    expect((await lines(host, 3)).map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'DicomCast__BatchSiz is no setting of DICOMcast, and has no effect; did you mean DicomCast__BatchSize?'],
      ['info', 'cast'],
      ['info', 'cast'],
    ])
  })

  it('takes all there are with DicomCast__TimerBatches=0', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '2', DicomCast__TimerBatches: '0' } })
    world.dicom.control.append(...images(5, { study: '1.2.3' }))
    const host = await startHost(world.environment())
    await host.fire(timer)
    expect(await lines(host, 1)).toMatchObject([{ ended: 'CaughtUp', to: 5, stored: 5 }])
  })

  it('fails its invocation when a service ends the run, and goes on at the next', async () => {
    const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00' } })
    world.dicom.control.append(created({ study: '1.2.3' }))
    world.fhir.faults.set([{ fault: '503', times: 1 }])
    const host = await startHost(world.environment())
    expect(await host.fire(timer)).toEqual({
      succeeded: false,
      error: 'ServiceUnavailable: fhir: it has trouble of its own (503)',
    })
    expect(await host.fire(timer)).toEqual({ succeeded: true })
    expect(await lines(host, 3)).toMatchObject([
      { level: 'error', message: 'cast', ended: 'ServiceUnavailable', to: 0 },
      { level: 'info', message: 'cast', ended: 'CaughtUp', to: 1 },
    ])
  })

  it('is registered with a wrong configuration, too, and then fails with all problems', async () => {
    const host = await startHost({ DicomCast__BatchSize: 'many', DicomWeb__Endpoint: 'ftp://dicom.example' })
    expect(host.functions).toContain(`${timer}: ${never.CastSchedule}`)
    const fired = await host.fire(timer)
    const error = fired.succeeded ? '' : fired.error
    expect(error).toMatch(/^ConfigurationInvalid: the configuration has 4 problems: /)
    for (const name of ['DicomWeb__Endpoint', 'Fhir__Endpoint', 'DicomCast__BatchSize', 'AzureWebJobsStorage']) {
      expect(error).toContain(`${name}: `)
    }
    expect(error).not.toContain('ftp://dicom.example')
    const [summary] = await lines(host, 1)
    expect(Object.keys(summary ?? {})).toEqual(lineFields)
  })

  it('that meets another run at work is no failure', async () => {
    const world: CastWorld = await newWorld()
    world.dicom.control.append(created({ study: '1.2.3' }))
    world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'metadata' }, delayMs: 1_500 }])
    const host = await startHost(world.environment())
    const atWork = world.cast()
    await until(() => world.fhir.faults.list()[0]?.hits === 1)
    expect(await host.fire(timer)).toEqual({ succeeded: true })
    expect(await lines(host, 1)).toMatchObject([{ level: 'info', ended: 'LeaseHeld', entries: 0 }])
    expect((await atWork).ended).toBe('CaughtUp')
  })

  it('lets the batch in hand come to its end when the host ends the app, and the lease go', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '2', DicomCast__TimerBatches: '0' } })
    world.dicom.control.append(...images(6, { study: '1.2.3' }))
    const host = await startHost(world.environment())
    world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'transaction' }, delayMs: 200 }])
    host.fire(timer).catch(() => undefined)
    await until(() => (world.fhir.faults.list()[0]?.hits ?? 0) >= 2)
    await host.close()
    world.fhir.faults.clear()
    const rest = await world.cast({}, { maxBatches: 0 })
    expect([rest.ended, rest.to, sole(world, 'ImagingStudy').numberOfInstances]).toEqual(['CaughtUp', 6, 6])
  })

  it('lets the lease go within the five seconds of the host, also when the batch in hand takes longer', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(6, { study: '1.2.3' }))
    const host = await startHost(world.environment())
    world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'transaction' }, delayMs: 4_000, skip: 1, times: 1 }])
    host.fire(timer).catch(() => undefined)
    await until(() => world.fhir.faults.list()[0]?.hits === 1)
    await host.close()
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', from: 0, to: 6, stored: 6 })
    expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(6)
  })
})
