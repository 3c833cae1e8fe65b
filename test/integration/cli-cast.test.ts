import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { makeWakeTable } from '../../lib/adapters/storage/wake-table'
import { tell } from '../../lib/app/wake'
import { held } from '../support/fhir/cast-fhir'
import { jsonLines, runCli, startCli } from '../support/world/cast-cli'
import { created, deleted, images } from '../support/world/cast-images'
import { lineFields } from '../support/assert/cast-report'
import { until } from '../support/world/cast-until'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'
import { takeLease } from '../support/world/operate-world'

const newWorld = useCastWorld()

const study = '1.2.3'
const readme = join(__dirname, '..', '..', 'README.md')
// Windows ends a process without telling it.
const itWithSignals = process.platform === 'win32' ? it.skip : it

const sumOf = (report: Readonly<Record<string, unknown>>): number =>
  ['stored', 'unchanged', 'superseded', 'recorded'].reduce((total, part) => total + Number(report[part]), 0)

describe('dicomcast cast --json', () => {
  it('prints one line with exactly the promised fields, in their order, and nothing else', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(3, { study }), deleted({ study, instance: 2 }))
    world.dicom.control.append(created({ study: '1.2.4', patientId: null }))
    const { code, stdout, stderr } = await runCli(['cast', '--json'], world.environment())
    expect([code, stderr, stdout.split('\n').length]).toEqual([0, '', 2])
    const [report = {}] = jsonLines(stdout)
    expect(Object.keys(report)).toEqual(lineFields)
    const { fhirRequests, fhirBytesSent, dicomRequests, durationMs, time, runId, version, by, ...counted } = report
    expect([time, runId, version, by].every((each) => typeof each === 'string' && each !== '')).toBe(true)
    expect(counted).toEqual({
      ...{ level: 'info', message: 'cast', kind: 'cast' },
      ended: 'CaughtUp',
      from: 0,
      to: 5,
      head: 5,
      openHoles: 0,
      entries: 5,
      stored: 3,
      unchanged: 0,
      superseded: 1,
      skipped: 0,
      recorded: 1,
      failed: { DicomFailToStoreExceptionTable: 1 },
      codes: { TagsRejected: 1 },
      retries: 0,
      reason: '',
    })
    expect(sumOf(report)).toBe(report['entries'])
    expect([fhirRequests, dicomRequests]).toEqual([
      world.fhir.requests.list().length,
      world.dicom.requests.list().length,
    ])
    expect([fhirBytesSent, durationMs].every((each) => Number.isSafeInteger(each))).toBe(true)
  })

  it('prints what README shows of it', async () => {
    const world = await newWorld()
    world.dicom.control.append(
      ...images(20, { study }),
      ...images(3, { study: '1.2.4' }),
      ...images(4, { study: '1.2.5', patientId: null }),
    )
    const { stdout } = await runCli(['cast', '--json'], world.environment())
    const [shown] = jsonLines(/\$ dicomcast cast --json\n(.*\n)/.exec(readFileSync(readme, 'utf8'))?.[1] ?? '')
    const { time, runId, version, by, durationMs, fhirBytesSent } = shown ?? {}
    const [report] = jsonLines(stdout)
    expect({ ...report, ...{ time, runId, version, by, durationMs, fhirBytesSent } }).toEqual(shown)
  })

  it('has logs on stderr, as lines of JSON', async () => {
    const world = await newWorld({ fhir: { withoutTypes: ['Basic'] } })
    world.dicom.control.append(created({ study }))
    const { code, stdout, stderr } = await runCli(['cast', '--json'], world.environment())
    expect([code, jsonLines(stdout).length]).toEqual([0, 1])
    expect(jsonLines(stderr)).toEqual([
      {
        level: 'warn',
        message: 'The FHIR server offers no Basic: a run that sleeps past its lease is not fenced off',
        time: expect.stringMatching(/^\d{4}-/),
        runId: jsonLines(stdout)[0]?.['runId'],
      },
    ])
  })

  it('has the same fields when a service ends the run, with 3 and a reason of one line', async () => {
    const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00' } })
    world.dicom.control.append(created({ study }))
    await world.fhir.close()
    const { code, stdout } = await runCli(['cast', '--json'], world.environment())
    const [report = {}] = jsonLines(stdout)
    expect([code, Object.keys(report)]).toEqual([3, lineFields])
    expect(report).toMatchObject({ ended: 'ServiceUnavailable', to: 0, reason: 'fhir: the connection was refused' })
  })

  it('run twice at once: one works, the other ends with 4', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(3, { study }))
    world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'metadata' }, delayMs: 2_000 }])
    const runs = await Promise.all([1, 2].map(() => runCli(['cast', '--json'], world.environment())))
    const ended = runs.map(({ code, stdout }) => [code, jsonLines(stdout)[0]?.['ended']])
    expect(ended.sort()).toEqual([
      [0, 'CaughtUp'],
      [4, 'LeaseHeld'],
    ])
    expect(held(world, 'ImagingStudy')).toHaveLength(1)
  })
})

describe('dicomcast cast takes', () => {
  const fiveOfTwo = async (): Promise<CastWorld> => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '2' } })
    world.dicom.control.append(...images(5, { study }))
    return world
  }

  it.each([
    ['one batch', [], 'BatchDone', 2],
    ['so many', ['--max-batches', '2'], 'BatchDone', 4],
    ['all there are', ['--until-caught-up'], 'CaughtUp', 5],
    ['as many as there is time for', ['--until-caught-up', '--budget', '2h'], 'CaughtUp', 5],
  ])('%s: %j', async (_, options, ended, to) => {
    const world = await fiveOfTwo()
    const { code, stdout } = await runCli(['cast', '--json', ...options], world.environment())
    expect([code, jsonLines(stdout)]).toMatchObject([0, [{ ended, to, entries: to }]])
  })

  it('a person sees what it did in a few lines', async () => {
    const world = await fiveOfTwo()
    const { code, stdout, stderr } = await runCli(['cast'], world.environment())
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /^BatchDone: sequence 0 → 2 of 5; 2 entries: 2 stored, 0 unchanged, 0 superseded, 0 recorded\n {2}\d+ DICOM and \d+ FHIR requests, \d+ bytes sent to FHIR, 0 retries, \d+\.\d s\n$/,
    )
  })
})

describe('dicomcast cast --watch', () => {
  itWithSignals('tells a person when each run ended, which it was, and how it went', async () => {
    const world = await newWorld({ settings: { CastSchedule: '* * * * * *' } })
    const running = startCli(['cast', '--watch'], world.environment())
    await until(() => running.stdout().includes('\n'))
    running.child.kill('SIGTERM')
    const { stdout } = await running.ended
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\dT\S+Z info run [0-9a-f-]{36} CaughtUp: sequence 0 → 0 of 0; 0 entries/)
  })

  itWithSignals('goes on with each tick, and SIGTERM ends it after the batch in hand', async () => {
    const world = await newWorld({ settings: { CastSchedule: '* * * * * *' } })
    world.dicom.control.append(created({ study }))
    const running = startCli(['cast', '--watch', '--json'], world.environment())
    await until(() => running.stdout().includes('\n'))
    world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'transaction' }, delayMs: 300 }])
    world.dicom.control.append(...images(3, { study: '1.2.4', patientId: 'P4' }))
    await until(() => world.fhir.faults.list()[0]?.hits === 1)
    running.child.kill('SIGTERM')
    const { code, stdout, stderr } = await running.ended
    expect([code, stderr]).toEqual([0, ''])
    const reports = jsonLines(stdout)
    expect([reports[0], reports.at(-1)]).toMatchObject([
      { ended: 'CaughtUp', stored: 1 },
      { ended: 'CaughtUp', from: 1, to: 4, stored: 3 },
    ])
    expect([await world.syncedSequence(), held(world, 'ImagingStudy').length]).toEqual([4, 2])
    // The lease was let go: the next run need not wait for it.
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 0 })
  })

  itWithSignals('hears between its ticks what events told the function app', async () => {
    const world = await newWorld({ settings: { CastSchedule: '0 0 4 1 1 *', DicomCast__Events: 'true' } })
    const { AzureWebJobsStorage: connectionString = '', TableStore__TableNamePrefix } = world.environment()
    const running = startCli(['cast', '--watch', '--json'], world.environment())
    await until(() => running.stdout().includes('\n'))
    world.dicom.control.append(created({ study }))
    const wake = makeWakeTable(makeStorageAccount({ connectionString }), TableStore__TableNamePrefix)
    expect(await tell(wake, Date, 1)).toBe(true)
    await until(() => running.stdout().split('\n').length === 3, 'a second run')
    running.child.kill('SIGTERM')
    const { code, stdout } = await running.ended
    expect([code, jsonLines(stdout)]).toMatchObject([
      0,
      [
        { kind: 'cast', entries: 0 },
        { kind: 'wake', by: 'event', ended: 'CaughtUp', stored: 1 },
      ],
    ])
  })

  itWithSignals('waits with what events told until nobody holds the lease, and says nothing meanwhile', async () => {
    const world = await newWorld({ settings: { CastSchedule: '0 0 4 1 1 *', DicomCast__Events: 'true' } })
    const { AzureWebJobsStorage: connectionString = '', TableStore__TableNamePrefix } = world.environment()
    const running = startCli(['cast', '--watch', '--json'], world.environment())
    await until(() => running.stdout().includes('\n'))
    const letGo = await takeLease(world)
    world.dicom.control.append(created({ study }))
    const wake = makeWakeTable(makeStorageAccount({ connectionString }), TableStore__TableNamePrefix)
    expect(await tell(wake, Date, 1)).toBe(true)
    // It looks every two seconds.
    await sleep(5_000)
    expect(jsonLines(running.stdout())).toHaveLength(1)
    await letGo()
    await until(() => running.stdout().split('\n').length === 3, 'a second run')
    running.child.kill('SIGTERM')
    const { stdout } = await running.ended
    expect(jsonLines(stdout)[1]).toMatchObject({ kind: 'wake', ended: 'CaughtUp', stored: 1 })
  })

  itWithSignals('goes on when a service is away, too', async () => {
    const settings = { CastSchedule: '* * * * * *', RetryConfiguration__TotalRetryDuration: '00:00:00' }
    const world = await newWorld({ settings })
    world.dicom.control.append(created({ study }))
    world.fhir.faults.set([{ fault: '503', times: 1 }])
    const running = startCli(['cast', '--watch', '--json'], world.environment())
    await until(() => running.stdout().includes('"CaughtUp"'))
    running.child.kill('SIGTERM')
    const { code, stdout } = await running.ended
    expect([
      code,
      jsonLines(stdout)
        .map(({ ended }) => ended)
        .slice(0, 2),
    ]).toEqual([0, ['ServiceUnavailable', 'CaughtUp']])
  })
})
