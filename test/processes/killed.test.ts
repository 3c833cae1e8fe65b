import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { BlobServiceClient } from '@azure/storage-blob'
import { type Azurite, startAzurite } from '../../local/azurite'
import { reportOf } from './cast-process'
import { type EndState, endStateOf } from './end-state'
import { feedSettings, type ToldFeed, tellFeed } from './feed'
import { type KillPoint, killAt, requestsOf, textOf } from './kill'
import type { Kind } from './request-kinds'
import { type ProcessWorld, openWorld } from './world'

// Real processes: the compiled app is killed with SIGKILL at chosen requests, and a new one goes on.

/** The app is killed while it casts this part of the feed. */
type Part = 'first part' | 'second part'

interface Case extends KillPoint {
  readonly part: Part
}

const atOnce = 4

let azurite: Azurite
let undisturbed: EndState
let requests: Readonly<Record<Part, ReadonlyArray<Kind>>>
const killed: Case[] = []

const untilCaughtUp = async (world: ProcessWorld): Promise<void> => {
  const ended = await world.start('--until-caught-up').ended
  expect([ended.code, reportOf(ended)['ended']]).toEqual([0, 'CaughtUp'])
}

const withWorld = async <A>(use: (world: ProcessWorld, feed: ToldFeed) => Promise<A>): Promise<A> => {
  const world = await openWorld(azurite, feedSettings)
  try {
    return await use(world, tellFeed(world))
  } finally {
    await world.close()
  }
}

/** Another process does, once for each kind of request; then the same app in this one: to start it is most of the work. */
const goesOn = ({ nth, when }: Case, world: ProcessWorld): Promise<void> =>
  nth === 1 && when === 'before' ? untilCaughtUp(world) : world.castHere()

/** What is wrong with the end state of a run that was killed at this point; nothing when all is well. */
const outcomeOf = (point: Case): Promise<string | undefined> =>
  withWorld(async (world, feed) => {
    if (point.part === 'second part') {
      await world.castHere()
      await feed.goOn()
    }
    const ended = await killAt(world, point)
    if (ended.signal !== 'SIGKILL') return `was not reached: ${ended.stdout} ${ended.stderr}`
    killed.push(point)
    await world.breakLease()
    await goesOn(point, world)
    if (point.part === 'first part') {
      await feed.goOn()
      await world.castHere()
    }
    const [state, wanted] = [JSON.stringify(await endStateOf(world)), JSON.stringify(undisturbed)]
    return state === wanted ? undefined : differenceOf(await endStateOf(world), undisturbed)
  })

/** The first places where two states differ, short enough to be read in a list of many. */
const differenceOf = (left: EndState, right: EndState): string => {
  const [ours, theirs] = [left, right].map(({ resources, tables }) => [
    ...resources.map((each) => JSON.stringify(each)),
    ...Object.entries(tables).flatMap(([table, rows]) => rows.map((row) => `${table} ${JSON.stringify(row)}`)),
  ])
  const only = (mine: ReadonlyArray<string> = [], others: ReadonlyArray<string> = []): string =>
    mine.filter((each) => !others.includes(each)).join('\n    ')
  return `ends otherwise:\n  now  ${only(ours, theirs)}\n  else ${only(theirs, ours)}`
}

/** All points at once, a few at a time; resolves with what went wrong. */
const failuresOf = async (points: ReadonlyArray<Case>): Promise<ReadonlyArray<string>> => {
  const left = [...points]
  const failures: string[] = []
  const work = async (): Promise<void> => {
    for (let point = left.shift(); point !== undefined; point = left.shift()) {
      const failure = await outcomeOf(point)
      if (failure !== undefined) failures.push(`${point.part}, ${textOf(point)}: ${failure}`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return failures
}

const changing: ReadonlyArray<Kind> = [
  'FHIR: transaction',
  'tables: checkpoint written',
  'tables: name written',
  'tables: row removed',
]
const manyTimes: ReadonlyArray<Kind> = [
  'feed: page',
  'FHIR: batch of searches',
  'tables: rows written',
  'lease: renewed',
]

/** Of each kind the first; the last, too, of those that come up many times; all that change what is in FHIR. */
const chosen = (kind: Kind, made: number): ReadonlyArray<number> => {
  if (changing.includes(kind)) return Array.from({ length: made }, (_, index) => index + 1)
  return manyTimes.includes(kind) && made > 1 ? [1, made] : [1]
}

/** A request that only reads leaves all as it was: whoever dies after it leaves what who dies before it does. */
const readsOnly = (kind: Kind): boolean => /^(feed|DICOM): |read$|listed$|searches$|metadata$/.test(kind)

/** From the third on, who dies before a request leaves about what who dies after the last one did. */
const whenFor = (kind: Kind, nth: number): ReadonlyArray<KillPoint['when']> => {
  if (readsOnly(kind)) return ['before']
  return nth > 2 ? ['after'] : ['before', 'after']
}

const pointsOf = (part: Part): ReadonlyArray<Case> =>
  [...new Set(requests[part])].flatMap((kind) =>
    chosen(kind, requests[part].filter((each) => each === kind).length).flatMap((nth) =>
      whenFor(kind, nth).map((when) => ({ part, kind, nth, when })),
    ),
  )

/** One for all leases of a storage account: only its very first run makes it. */
const leaseContainer = () =>
  BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('dicomcast')

beforeAll(async () => {
  azurite = await startAzurite()
  await leaseContainer().create()
  requests = await withWorld(async (world, feed) => {
    const first = await requestsOf(world, () => untilCaughtUp(world))
    await feed.goOn()
    const second = await requestsOf(world, () => untilCaughtUp(world))
    undisturbed = await endStateOf(world)
    return { 'first part': first, 'second part': second }
  })
}, 60_000)

afterAll(async () => {
  await azurite.close()
  const counts = new Map<string, number>()
  for (const { kind } of killed) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const lines = [...counts].sort().map(([kind, count]) => `  ${String(count).padStart(3)}  ${kind}`)
  console.log(`${killed.length} processes killed, before or after this request:\n${lines.join('\n')}`)
})

describe('a process that is killed at any point and started again', () => {
  it('has something to lose: the undisturbed run uses every part of the app', () => {
    expect(undisturbed.tables['SyncStateTable']).toMatchObject([
      { SyncedSequence: expect.anything() },
      { Root: 'http://dicom' },
    ])
    expect(undisturbed.tables['TransientRetryExceptionTable']).toEqual([])
    const codes = ['DicomFailToStoreExceptionTable', 'FhirFailToStoreExceptionTable'].flatMap((table) =>
      (undisturbed.tables[table] ?? []).map(({ Code }) => Code),
    )
    expect(codes).toEqual(['EntryMalformed', 'EntryMalformed', 'FhirRejected', 'DemographicsConflict'])
  })

  it('knows all requests it makes by their kind', () => {
    expect([...requests['first part'], ...requests['second part']]).not.toContain('other')
  })

  it('ends in the same state, also when it died while it made the container of its lease', async () => {
    for (const when of ['before', 'after'] as const) {
      await leaseContainer().delete()
      expect(await failuresOf([{ part: 'first part', kind: 'lease: container created', nth: 1, when }])).toEqual([])
    }
  }, 60_000)

  it('ends in the same state: while it casts into an empty FHIR server', async () => {
    const points = pointsOf('first part')
    expect(points.length).toBeGreaterThan(50)
    expect(await failuresOf(points)).toEqual([])
  }, 900_000)

  it('ends in the same state: while it deletes, moves and corrects what it has cast', async () => {
    const points = pointsOf('second part')
    expect(points.length).toBeGreaterThan(30)
    expect(await failuresOf(points)).toEqual([])
  }, 900_000)
})
