import type { CastSettings } from '../../lib/app/context'
import { newCheckpoint } from '../../lib/domain/checkpoint'
import { settingsOf } from '../support/world/domain-settings'
import { type Plan, planBackfills, withBackfill } from './backfill/plan'
import { checkCommit } from './check-commit'
import { makeCurrentCheck } from './check-current'
import { checkEnd } from './check-end'
import { checkFinished, checkLooks, checkOriginal } from './check-original'
import { checkCuts } from './cuts'
import { type Image, makeFeed, studyText } from './feed-model'
import { startWriter } from './feed-writer'
import { type FaultKind, type Pair, faultKinds } from './faults'
import { makeForbidden } from './forbidden'
import { type FhirSide } from './fhir-server'
import { type Flavour, makeFhirStore } from './fhir-store'
import { breakLease, newLeaseBlob } from './lease'
import { finishRename, finishTakeOverAtLast, planOperators } from './operators'
import { issued, letOriginalWork, systemOf, withIssuers } from './original'
import { seenBy } from './original-view'
import { knownId, knownPatient, makeOtherSystems } from './other-systems'
import { quietNow, writtenAgain } from './quiet-again'
import { confusedIn } from './reference'
import type { Random } from './random'
import { type Running, type Services, startRun } from './runs'
import { newStorage } from './tables'
import { checkRestoredFeed } from './restored-feed'
import { makeVerdicts } from './verdicts'
import { playWakes } from './wakes'
import { type Options, type World, fhirBase, makeWorld, startOfTime } from './world'

export interface Result {
  readonly seed: number
  readonly violations: ReadonlyArray<string>
  readonly history: ReadonlyArray<string>
  readonly hits: ReadonlySet<FaultKind>
  readonly met: ReadonlyMap<Pair, number>
  readonly runs: number
  readonly entries: number
  readonly virtualMs: number
  /** How often a run waited: each is a place to be killed at. */
  readonly steps: number
}

/** What everybody is known by, where anything is said. */
const patientSystem = 'urn:oid:1.2.3.4'
const usual = settingsOf()

const settingsFrom = (random: Random): CastSettings => ({
  ...usual,
  dicom: { root: 'https://dicom.example', version: 'v2' },
  fhirBase,
  patient: { ...usual.patient, systemId: random.chance(0.7) ? patientSystem : undefined },
  batchSize: random.between(1, 10),
  backfillReads: 4,
  maxBatches: random.pick([0, 0, 1, 3]),
  maxBundleEntries: random.between(3, 8),
  maxBundleBytes: random.pick([4_000, 20_000, 1_000_000]),
  holeAgeMs: 120_000,
  totalRetryDurationMs: random.pick([60_000, 120_000, 600_000]),
  hidesRejectedForQuality: random.fork('quality').chance(0.5),
  startFrom: 'beginning',
})

const outages: ReadonlyArray<FaultKind> = [
  'feed: outage',
  'feed: metadata outage',
  'fhir: outage',
  'fhir: writes down',
  'fhir: rejects everything',
]

const planOutages = (world: World, random: Random): void => {
  const { faults, scheduler, say } = world
  for (const kind of outages.filter(faults.has)) {
    for (let times = random.between(1, 2); times > 0; times--) {
      scheduler.after(random.between(0, 300_000), () => {
        faults.begin(kind)
        say(() => `${kind} begins`)
        scheduler.after(random.chance(0.5) ? random.between(5_000, 60_000) : random.between(60_000, 900_000), () => {
          faults.end(kind)
          say(() => `${kind} ends`)
        })
      })
    }
  }
}

/** What makes two identifiers one to some server. */
const looseness: ReadonlyArray<Partial<Flavour>> = [
  { folds: (value) => value.toLowerCase() },
  { folds: (value) => value.normalize('NFD').replace(/\p{M}/gu, '') },
  { folds: (value) => value.replace(/[^ -~]+/g, '?') },
  { keepsEscapes: true },
]

/** Nothing ends a run half-way: each deletion that is tried is tried to its end. */
const isUndisturbed = ({ faults }: World): boolean =>
  faultKinds
    .filter(faults.has)
    .every((kind) => /^feed: (?!.*(request|outage|poison|slow))|^fhir: refuses a deletion$/.test(kind))

/** Without a position nothing keeps two apart who write at once: then there is only one. */
const hasNoBasic = ({ faults, at }: World): boolean => {
  const writesAlone = (['run: overlap', 'run: pause', 'lease: broken', 'fhir: late commit'] as const).every(
    (kind) => !faults.has(kind),
  )
  const isSo = writesAlone && at === undefined && faults.has('fhir: offers no Basic')
  if (isSo) faults.hit('fhir: offers no Basic')
  return isSo
}

const makeFhir = (world: World, settings: CastSettings): FhirSide => {
  const referred = new Map<string, boolean>()
  const flavour: Flavour = {
    staleStatus: world.random.pick([409, 412]),
    refusesToDelete: (path) => {
      const refuses = referred.get(path) ?? world.faults.strikes('fhir: refuses a deletion')
      referred.set(path, refuses)
      return refuses
    },
    ...(world.faults.has('fhir: compares loosely') ? world.random.fork('looseness').pick(looseness) : {}),
  }
  const store = makeFhirStore(flavour, world.violate)
  store.put(`Patient/${knownId}`, knownPatient(systemOf(settings)))
  const others = makeOtherSystems(world, store, systemOf(settings))
  const side: FhirSide = {
    store,
    verdicts: makeVerdicts(world),
    current: makeCurrentCheck(store),
    others,
    hasNoBasic: hasNoBasic(world),
    mayStayEmptied: (path) => !isUndisturbed(world) || referred.get(path) === true,
    rebuilt: new Set(),
    committed: (_bundle, outcome, process) => {
      if (outcome._tag !== 'Committed') return
      if (process.backfills) for (const path of outcome.written) side.rebuilt?.add(path)
      checkCommit(seenBy(side, true), others.doubled).forEach(world.violate)
      checkLooks(side).forEach(world.violate)
    },
    pending: 0,
  }
  return side
}

const makeServices = (world: World, settings: CastSettings): Services => {
  const storage = newStorage()
  const isOpenHole = (sequence: number): boolean =>
    (storage.checkpoint?.checkpoint.holes ?? []).some(({ from, to }) => from <= sequence && sequence <= to)
  return {
    feed: makeFeed(world, isOpenHole),
    fhir: makeFhir(world, settings),
    storage,
    lease: newLeaseBlob(),
    pageCap: world.random.pick([3, 10, 100]),
    hasWindows: world.random.chance(0.7),
    hidesForQuality: settings.hidesRejectedForQuality,
    forbidden: makeForbidden(world),
  }
}

const patience = 200

/** Where nothing is there to compare it with, all waits for a study that is forbidden; else nothing does. */
const allowAtLast = (world: World, { feed, forbidden }: Services): void => {
  const isOther = ({ key, tags, poison }: Image): boolean =>
    tags !== undefined && !poison && !forbidden?.ever.has(studyText(key))
  const others = [...feed.images.values()].filter(isOther)
  const waits = [...(forbidden?.ever ?? [])].some((name) => forbidden?.isForbidden(name))
  if (waits && others.length > 0) world.violate('all waits for the one study that the archive forbids')
  forbidden?.allow()
}

/** Runs that nothing disturbs, one after the other, until all is done. */
const quietly = async (
  world: World,
  services: Services,
  settings: CastSettings,
  runs: Array<Running>,
  name: string,
  backfills?: Plan,
): Promise<void> => {
  const { scheduler, violations } = world
  const { feed, fhir } = services
  for (let count = 1; violations.length === 0; count++) {
    if (count > 400) return world.violate(`${name}: no end after ${count} runs`)
    const running = startRun(world, services, settings, `${name}${count}`, 240_000)
    runs.push(running)
    await scheduler.run(() => !running.process.alive || violations.length > 0, scheduler.now() + 3_600_000)
    if (running.process.alive) return world.violate(`${name}${count} does not end`)
    const { summary } = running
    await backfills?.workQuietly(count)
    if (count === patience) allowAtLast(world, services)
    const isBackfilling = backfills?.isAtWork() === true
    const idle = fhir.pending === 0 && runs.every(({ process }) => !process.alive) && !isBackfilling
    if (summary?.ended === 'CaughtUp' && summary.openHoles === 0 && summary.to === feed.head() && idle) return
    const isClosed = summary?.ended === 'GateClosed' || summary?.ended === 'ConfigurationInvalid'
    if (isClosed) {
      let over = false
      const finished = finishRename(world, services, settings).then(() => (over = true))
      await scheduler.run(() => over || violations.length > 0, scheduler.now() + 3_600_000)
      await finished
    }
    if (summary?.ended === 'FeedReset') return world.violate(`${name}${count} took the feed for another one`)
    const until = scheduler.now() + Math.max(20_000, settings.totalRetryDurationMs / 4)
    await scheduler.run(() => violations.length > 0, until)
  }
}

/** One history: a feed that moves, runs that meet every fault of this seed, a quiet end, and then the truth. */
export const simulate = async (seed: number, options: Options = {}): Promise<Result> => {
  const world = makeWorld(seed, options)
  const { scheduler, faults, violations } = world
  const random = world.random.fork('plan')
  const settings = withIssuers(world, settingsFrom(random))
  const services = withBackfill(world, makeServices(world, settings))
  const writer = startWriter(world, issued(world, services.feed), services.fhir.others.register)
  world.say(() => `settings ${JSON.stringify({ ...settings, patient: undefined, dicom: undefined })}`)
  planOutages(world, random)
  await letOriginalWork(world, services, settings)
  const operators = planOperators(world, services, settings)

  const runs: Array<Running> = []
  const tickMs = random.pick([5_000, 15_000, 60_000])
  const budgetMs = random.pick([15_000, 60_000, 240_000])
  let active = true
  const host = (name: string): void => {
    let [current, count]: [Running | undefined, number] = [undefined, 0]
    const tick = (): void => {
      if (!active) return
      const waits = services.backfill?.waits === true
      if (!waits && (current === undefined || !current.process.alive)) {
        current = startRun(world, services, settings, `${name}${++count}`, budgetMs)
        runs.push(current)
        current.process.onPause.push((where) => {
          if (!where.startsWith('→ fhir.transact') || !random.chance(0.7)) return
          const [, study] = /(1\.2\.\d+)\.\d+\.\d+/.exec(where) ?? []
          if (writer.deleteSomething(study)) faults.meet('pause × Delete')
        })
      }
      scheduler.after(tickMs, tick)
    }
    scheduler.after(random.between(0, tickMs), tick)
  }
  const backfills = planBackfills(world, services, settings, () => active, writer.deleteSomething)
  host('A')
  if (faults.has('run: overlap') || faults.has('run: pause') || options.at?.what === 'stop') host('B')
  if (faults.has('lease: broken')) {
    for (let times = 0; times < 40; times++) {
      scheduler.after(random.between(0, 600_000), () => breakLease(world, services.lease))
    }
  }

  const activeUntil = startOfTime + random.between(60_000, 600_000)
  const isLongEnough = (): boolean => scheduler.now() > activeUntil && !backfills.isExpected()
  await scheduler.run(() => (writer.isDone() && isLongEnough()) || violations.length > 0)
  active = backfills.isAtWork()
  faults.quiet()
  world.say(() => 'all faults end')
  writer.createHealthy()
  writer.createAlike()
  await scheduler.run(
    () => (!operators.busy() && services.feed.open() === 0) || violations.length > 0,
    scheduler.now() + 3_600_000,
  )
  active = false
  await scheduler.run(() => !backfills.busy() || violations.length > 0, scheduler.now() + 3_600_000)
  if (operators.busy() || backfills.busy()) world.violate('what an operator does has no end')
  const seen = (): Services => ({ ...services, fhir: { ...services.fhir, store: seenBy(services.fhir) } })
  const truth = (replayed: boolean): void => {
    checkEnd(seen(), replayed, world.faults.hits()).forEach(world.violate)
    checkOriginal(services, replayed).forEach(world.violate)
  }
  await quietly(world, services, settings, runs, 'quiet', backfills)
  if (violations.length === 0 && faults.has('feed: only events wake')) {
    faults.hit('feed: only events wake')
    await playWakes(world, services, settings)
    if (violations.length === 0) await quietly(world, services, settings, runs, 'still')
  }
  if (violations.length === 0) truth(false)
  services.forbidden?.allow()

  // The same rows again, all of them in one batch: nothing but values may change, and then nothing at all.
  const whole: CastSettings = { ...settings, batchSize: 1_000, maxBatches: 0 }
  const replay = async (name: string): Promise<void> => {
    if (violations.length > 0) return
    services.storage.checkpoint = { checkpoint: newCheckpoint(0), etag: `operator ${name}`, writer: 'operator' }
    world.say(() => `the operator resets the checkpoint: ${name}`)
    await quietly(world, services, whole, runs, name)
    if (violations.length === 0) truth(true)
  }
  await replay('again')
  const before = quietNow(seen())
  await replay('twice')
  // Where a server confuses two people of the feed, a study is begun and withdrawn each time.
  const isConfused = confusedIn(services.feed, services.fhir.store).size > 0
  if (!isConfused) writtenAgain(seen(), before).forEach(world.violate)
  if (
    violations.length === 0 &&
    services.fhir.account !== undefined &&
    faults.has('operator: finishes the take-over')
  ) {
    await finishTakeOverAtLast(world, services, settings)
    truth(true)
    checkFinished(services).forEach(world.violate)
  }
  const castAnew = async (anew: CastSettings, name: string): Promise<Services> => {
    const storage = { ...newStorage(), root: services.storage.root }
    const empty = { ...services, backfill: undefined, storage, fhir: makeFhir(world, settings), lease: newLeaseBlob() }
    await quietly(world, empty, anew, runs, name)
    return empty
  }
  // Which of two that are one to the server came first depends on the cut.
  if (violations.length === 0 && !isConfused) (await checkCuts(seen(), settings, castAnew)).forEach(world.violate)
  if (violations.length === 0) await checkRestoredFeed(world, services, whole, runs)
  return {
    seed,
    violations,
    history: world.history,
    hits: faults.hits(),
    met: faults.met(),
    runs: runs.length,
    entries: services.feed.rows.length,
    virtualMs: scheduler.now() - startOfTime,
    steps: world.steps,
  }
}
