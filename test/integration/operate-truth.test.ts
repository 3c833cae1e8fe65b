import { describe, expect, it } from '@jest/globals'
import { created, images, uidsOf } from '../support/world/cast-images'
import { dicomcast } from '../support/world/command-line'
import {
  type OperateWorld,
  beat,
  closeGate,
  noStorage,
  takeLease,
  useOperateWorld,
} from '../support/world/operate-world'

// An operator is woken, and looks: what stands there must be so.

const newWorld = useOperateWorld()
const fhirTable = 'FhirFailToStoreExceptionTable'
const dicomTable = 'DicomFailToStoreExceptionTable'

interface Told {
  readonly state: string
  readonly reasons: ReadonlyArray<string>
  readonly timer: Readonly<Record<string, unknown>>
  readonly [name: string]: unknown
}
const statusOf = async (world: OperateWorld): Promise<Told> => (await world.call('GET', 'status')).json as Told

/** What a timer of long ago has left. */
const lastTick = (world: OperateWorld, at: Date): Promise<void> => beat(world, { TimerAt: at })

// The host of these tests has a timer that fires once a year: three ticks are missed after four.
const year = 365 * 24 * 3_600_000
const yearsAgo = (years: number): Date => new Date(Date.now() - years * year)

describe('the timer', () => {
  it('leaves its time with each run, also one that finds nothing to do', async () => {
    const world = await newWorld()
    expect((await statusOf(world)).timer).toEqual({ state: 'unknown', schedule: '0 0 4 1 1 *', pausedBy: [] })
    await world.host.fire('castTimer')
    const { timer, state } = await statusOf(world)
    expect([state, timer]).toEqual([
      'fine',
      {
        ...{ state: 'running', schedule: '0 0 4 1 1 *', pausedBy: [] },
        lastRanAt: expect.stringMatching(/^\d{4}-/),
        lastSucceededAt: expect.stringMatching(/^\d{4}-/),
      },
    ])
    expect(await world.call('GET', 'health')).toMatchObject({
      status: 200,
      json: { timerLastRanAt: timer['lastRanAt'], castLastSucceededAt: timer['lastSucceededAt'] },
    })
  })

  it('that has missed three ticks is red, on a quiet feed, too; one that missed two is not', async () => {
    const late = await newWorld()
    await lastTick(late, yearsAgo(4.5))
    const { state, reasons, timer } = await statusOf(late)
    expect([state, timer['state'], reasons]).toEqual([
      'broken',
      'late',
      [expect.stringMatching(/^the timer has not run for 16\d\d days, since \d{4}-.*; its schedule is 0 0 4 1 1 \*$/)],
    ])
    expect(await late.call('GET', 'health')).toMatchObject({ status: 503, json: { status: 'unhealthy' } })
    expect(await dicomcast(late.environment({ CastSchedule: '0 0 4 1 1 *' }), 'status')).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('the timer has not run for'),
    })

    const inTime = await newWorld()
    await lastTick(inTime, yearsAgo(1.9))
    expect(await statusOf(inTime)).toMatchObject({ state: 'fine', timer: { state: 'running' } })
  })

  it('of which the host was told no schedule is red: no default starts it', async () => {
    const world = await newWorld({ app: { CastSchedule: '' } })
    expect(await statusOf(world)).toMatchObject({
      state: 'broken',
      reasons: ['CastSchedule is not set: the host starts no timer, and nothing is cast'],
      timer: { state: 'missing', schedule: null },
      configuration: { castSchedule: null },
    })
    expect(await world.call('GET', 'health')).toMatchObject({ status: 503 })
  })

  it.each(['x', '0 0 4 31 2 *'])(
    'with a schedule that is wrong or never fires (%s) is told as such',
    async (schedule) => {
      const world = await newWorld({ app: { CastSchedule: schedule } })
      expect(await world.call('GET', 'status')).toMatchObject({
        status: 500,
        json: { problems: [expect.stringMatching(/^CastSchedule: /)] },
      })
      expect(await world.call('GET', 'health')).toMatchObject({ status: 503 })
    },
  )

  it.each(['AzureWebJobs.castTimer.Disabled', 'AzureWebJobs__castTimer__Disabled'])(
    'that is switched off by %s is paused, and not late',
    async (name) => {
      const world = await newWorld({ app: { [name]: 'true' } })
      await lastTick(world, yearsAgo(4.5))
      expect(await statusOf(world)).toMatchObject({
        state: 'paused',
        reasons: ['it is paused: AzureWebJobs.castTimer.Disabled is true'],
        timer: { state: 'paused' },
      })
      expect(await world.call('GET', 'health')).toMatchObject({ status: 200 })
    },
  )
})

describe('the gate', () => {
  it('while it is closed is told as paused; a timer is not late then, and whoever would write is told to wait', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2))
    await closeGate(world)
    await lastTick(world, yearsAgo(4.5))
    const why = 'it was paused; dicomcast resume lets it go on'
    expect(await statusOf(world)).toMatchObject({
      state: 'paused',
      reasons: [`it is paused: ${why}`],
      timer: { state: 'paused', pausedBy: [why] },
    })
    expect(await world.call('GET', 'health')).toMatchObject({ status: 200 })

    const ended = await dicomcast(world.environment(), 'cast', '--json')
    expect([ended.code, JSON.parse(ended.stdout)]).toMatchObject([
      4,
      { level: 'info', ended: 'GateClosed', entries: 0, reason: `nothing is written: ${why}` },
    ])
    expect(await world.call('POST', 'catch-up')).toMatchObject({
      status: 409,
      json: { code: 'GateClosed', hop: null, detail: `nothing is written: ${why}.` },
    })
    expect(await statusOf(world)).toMatchObject({ state: 'paused', timer: { state: 'paused' } })
  })
})

describe('why it stands', () => {
  it('comes first while writes are refused, though every service answers, and goes with the first success', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2))
    world.fhir.faults.set([{ fault: '403', match: { interaction: 'transaction' } }])
    await world.call('POST', 'catch-up')
    const why =
      /^the last cast \(catch-up, function key\) ended AccessDenied at \d{4}-\S+: fhir: it refuses this identity \(403\)/
    const told = await statusOf(world)
    expect([told.state, told.reasons[0], told['health']]).toMatchObject([
      'broken',
      expect.stringMatching(why),
      { dicom: { healthy: true }, fhir: { healthy: true }, storage: { healthy: true } },
    ])
    expect(told['lastCast']).toMatchObject({ ended: 'AccessDenied', ill: true, hop: 'fhir', kind: 'catch-up' })
    expect((await world.call('GET', 'health')).status).toBe(503)
    const listed = await dicomcast(world.environment(), 'failures')
    expect([listed.code, listed.stdout.split('\n')[0]]).toEqual([1, expect.stringMatching(why)])

    world.fhir.faults.clear()
    await world.call('POST', 'catch-up')
    const after = await statusOf(world)
    expect([after.state, after.reasons, after['lastCast']]).toMatchObject(['fine', [], { ill: false }])
    expect(await dicomcast(world.environment(), 'failures')).toMatchObject({
      code: 0,
      stdout: expect.not.stringMatching(why),
    })
  })

  it('is over with a run that finds nothing to do, which no history tells', async () => {
    const world = await newWorld()
    world.dicom.faults.set([{ fault: '403' }])
    await world.call('POST', 'catch-up')
    expect(await statusOf(world)).toMatchObject({ state: 'broken', lastCast: { ill: true } })
    world.dicom.faults.clear()
    await world.call('POST', 'catch-up')
    expect(await statusOf(world)).toMatchObject({
      ...{ state: 'fine', lastCast: { ended: 'AccessDenied', ill: false } },
      failures: { TransientRetryExceptionTable: { rows: 0 } },
    })
  })

  it('is not hidden by another kind of server, or by one that has nothing at that path', async () => {
    for (const path of ['', '/nothing']) {
      const world = await newWorld()
      const wrong = `${path === '' ? world.dicom.url : world.fhir.url}${path}`
      const { stdout } = await dicomcast(world.environment({ Fhir__Endpoint: wrong }), 'status', '--json')
      expect([path, JSON.parse(stdout)]).toMatchObject([
        path,
        { state: 'broken', health: { fhir: { healthy: false } } },
      ])
    }
  })
})

describe('what could not be read', () => {
  it('is unknown, and never empty, free or zero', async () => {
    const world = await newWorld({ app: { AzureWebJobsStorage: noStorage } })
    const told = await statusOf(world)
    for (const name of ['runs', 'identity', 'checkpoint', 'backlog', 'lastCast']) expect(told).not.toHaveProperty(name)
    expect([told['failures'], told['lease'], told.timer['state']]).toEqual([{}, { held: null }, 'unknown'])
    const { stdout } = await dicomcast(world.environment({ AzureWebJobsStorage: noStorage }), 'status')
    for (const line of [
      'Succeeded   unknown',
      'Checkpoint  unknown',
      'Backlog     unknown',
      'Holes       unknown',
      'Lease       unknown',
      'LAST RUNS  unknown',
    ]) {
      expect(stdout).toContain(`${line}\n`)
    }
    expect(stdout.match(/Table +unknown/g)).toHaveLength(5)
  }, 60_000)
})

describe('a lease that is held for long', () => {
  it('is told, with the run that holds it', async () => {
    const world = await newWorld()
    await takeLease(world, 40 * 60)
    expect(await statusOf(world)).toMatchObject({
      state: 'behind',
      reasons: ['run theirs has held the lease for 40 min'],
    })
  })
})

const refusedBy = (world: OperateWorld, ...numbers: ReadonlyArray<number>): void =>
  world.fhir.faults.set(
    numbers.map((number) => ({
      fault: 'rejectResource',
      match: { bodyIncludes: `"${uidsOf({ study: `1.2.3.${number}` }).sopInstanceUid}"` },
    })),
  )

describe('a replay', () => {
  const withRows = async (): Promise<OperateWorld> => {
    const world = await newWorld()
    refusedBy(world, 1, 2, 3, 4, 5)
    world.dicom.control.append(
      ...[1, 2, 3, 4, 5, 6].map((number) => created({ study: `1.2.3.${number}` })),
      created({ study: '1.2.9', patientId: null }),
    )
    await world.cast()
    expect((await world.failed())[fhirTable]).toHaveLength(5)
    return world
  }
  const replayed = async (world: OperateWorld, request: object) => {
    const { json } = await world.call('POST', 'replay', request)
    const rows = json['replayed'] as ReadonlyArray<{ readonly sequence: number }>
    return { sequences: rows.map(({ sequence }) => sequence), left: json['left'], until: json['until'] }
  }

  it('takes those first that were tried least, so that none stands behind others that fail each time', async () => {
    const world = await withRows()
    const request = { table: fhirTable, limit: 2 }
    const calls = []
    for (let call = 0; call < 3; call += 1) calls.push((await replayed(world, request)).sequences)
    expect(calls).toEqual([
      [1, 2],
      [3, 4],
      [5, 1],
    ])
  })

  it('goes on where it ended until each was tried once, and then ends', async () => {
    const world = await withRows()
    const request = { table: fhirTable, limit: 2 }
    const first = await replayed(world, request)
    const goesOn = { ...request, until: first.until }
    expect([
      first,
      await replayed(world, goesOn),
      await replayed(world, goesOn),
      await replayed(world, goesOn),
    ]).toEqual([
      { sequences: [1, 2], left: 3, until: expect.any(String) },
      { sequences: [3, 4], left: 1, until: expect.any(String) },
      { sequences: [5], left: 0, until: expect.any(String) },
      { sequences: [], left: 0, until: undefined },
    ])
  })

  it('reaches rows by code, by time, by study and by table', async () => {
    const world = await withRows()
    const cli = async (...args: ReadonlyArray<string>) => {
      const { stdout } = await dicomcast(world.environment(), 'replay', '--dry-run', '--json', ...args)
      return (JSON.parse(stdout) as { selected: number }).selected
    }
    expect(await cli('--code', 'TagsRejected')).toBe(1)
    expect(await cli('--code', 'FhirRejected')).toBe(5)
    expect(await cli('--study', '1.2.3.4')).toBe(1)
    expect(await cli('--table', dicomTable)).toBe(1)
    expect(await cli('--since', '2000-01-01T00:00:00Z')).toBe(6)
    expect(await cli('--since', '2100-01-01T00:00:00Z')).toBe(0)
  })
})

describe('nothing is skipped without a trace:', () => {
  it('a server that refuses every study is told with the studies, their entries, statuses and elements', async () => {
    const world = await newWorld()
    world.dicom.control.append(
      ...Array.from({ length: 22 }, (_, number) => created({ study: `1.2.840.1.${number + 1}` })),
    )
    world.fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: '"urn:oid:1.2.840.1.' } }])
    const { reason, ended } = await world.cast({}, { maxBatches: 0 })
    const [first, ...studies] = reason.split('\n')
    expect([ended, first, studies.length]).toEqual([
      'FhirRejectsAll',
      expect.stringMatching(/^fhir: it refuses every study with 400/),
      20,
    ])
    expect(studies[0]).toMatch(
      /^ {2}study 1\.2\.840\.1\.\d+, entry \d+: 400 \(.*invalid ImagingStudy\.identifier\[0\]\.value\)$/,
    )
    const { runs } = (await statusOf(world)) as Told & { runs: ReadonlyArray<{ reason: string }> }
    expect(runs[0]?.reason).toBe(reason)
  })

  it('a checkpoint that is moved forth tells what it passes by, in the history, too, and how to find it', async () => {
    const world = await newWorld()
    world.dicom.control.append(
      ...[1, 2, 3].map((number) => ({
        ...created({ study: `1.2.840.1.${number}` }),
        timestamp: `2026-11-20T1${number}:30:00.0000000+00:00`,
      })),
    )
    const { code, stdout } = await dicomcast(
      world.environment(),
      ...['checkpoint', '--to-sequence', '2', '--etag', 'none', '--confirm'],
    )
    const since = '2026-11-20T11:28:00.000Z'
    expect([code, stdout]).toEqual([
      0,
      'The checkpoint was moved from 0 to 2; the head of the feed is 3.\n' +
        '  at most 2 entries are passed by and never cast, sequence 1 to 2\n' +
        `  dicomcast verify --since ${since} --repair finds them and casts their studies\n`,
    ])
    const { runs } = (await statusOf(world)) as Told & { runs: ReadonlyArray<object> }
    expect(runs[0]).toMatchObject({
      kind: 'checkpoint',
      from: 0,
      to: 2,
      reason: expect.stringContaining('sequence 1 to 2'),
    })
    await world.cast({}, { maxBatches: 0 })
    expect(await dicomcast(world.environment(), 'verify', '--since', since, '--repair')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 studies differ, 2 repaired'),
    })
  })
})

describe('a row about a position where it stood still', () => {
  it('goes with the first cast that succeeds, and failures end with 0 again', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2))
    world.fhir.faults.set([{ fault: '403' }])
    await world.cast()
    expect(await dicomcast(world.environment(), 'failures')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/0 Retrying: 1 run, service fhir \(403\), written \d{4}-\S+, since \d{4}-/),
    })
    world.fhir.faults.clear()
    await world.cast()
    expect(await world.rows('TransientRetryExceptionTable')).toEqual([])
    expect(await dicomcast(world.environment(), 'failures')).toMatchObject({ code: 0 })
  })
})

describe('preview', () => {
  it('counts what would be written, and as unchanged what stays as it is', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2, { study: '1.2.1' }), ...images(2, { study: '1.2.2' }))
    await world.cast({}, { maxBatches: 0 })
    world.dicom.control.append(created({ study: '1.2.2', instance: 3 }))
    expect((await world.call('POST', 'preview?fromSequence=0')).json).toMatchObject({
      patients: { create: 0, update: 0, unchanged: 1, inConflict: 0 },
      studies: { create: 0, adopt: 0, update: 1, unchanged: 1 },
    })
  })
})

describe('the version', () => {
  it('stands in the status, in the line of each cast and in the run history', async () => {
    const world = await newWorld()
    world.dicom.control.append(created())
    await world.cast()
    const { version, runs } = (await statusOf(world)) as Told & { runs: ReadonlyArray<object> }
    expect([version, runs[0], JSON.parse(world.logged.at(-1) ?? '')]).toMatchObject([
      expect.stringMatching(/^\d+\.\d+\.\d+\+\w+$/),
      { version },
      { message: 'cast', version },
    ])
  })
})
