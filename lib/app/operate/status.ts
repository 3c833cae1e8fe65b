import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { headOf, type KnownRow } from '../../domain/checkpoint'
import { type Hop, type ServiceError, describeServiceError } from '../../domain/cast-error'
import { positionId } from '../../domain/fhir/position'
import type { CastSettings } from '../context'
import { whatItDoes } from '../gate-open'
import type { StoredCheckpoint } from '../ports'
import type { GateRow } from '../ports-gate'
import { type CodeCount, type OperatorPorts, type RunRecord, errorTables } from '../ports-operator'
import type { ArchiveFacts, Facts, HopHealth, LastCast, Status } from './facts'
import { behindOf, feedOf, gateOf, placeOf, takeOverOf } from './feed-facts'
import type { lastSucceeded } from './timer'
import { type Timer, type TimerSettings, endedWell, isCast, timerOf } from './timer'
import { verdictOn, waits } from './verdict'

const listedRuns = 50

interface Timed<A> {
  readonly result: E.Either<ServiceError, A>
  readonly ms: number
}

const timed = async <A>({ clock }: OperatorPorts, request: TE.TaskEither<ServiceError, A>): Promise<Timed<A>> => {
  const startedAt = clock.now()
  const result = await request()
  return { result, ms: clock.now() - startedAt }
}

const healthOf = (...asked: ReadonlyArray<Timed<unknown>>): HopHealth => {
  const ms = Math.max(...asked.map((each) => each.ms))
  const failed = asked.map(({ result }) => result).find(E.isLeft)
  return failed === undefined
    ? { healthy: true, ms }
    : { healthy: false, ms, reason: describeServiceError(failed.left) }
}

const rightOf = <A>({ result }: Timed<A>): A | undefined => (E.isRight(result) ? result.right : undefined)

/**
 * How it stands, in about a dozen small requests side by side, one attempt each: it answers when a service is down,
 * and says which.
 */
export const readStatus = async (
  ports: OperatorPorts,
  settings: CastSettings,
  timerSettings: TimerSettings,
  archive?: ArchiveFacts,
): Promise<Status> => {
  const { clock, checkpoints, dicom, failures, fhir, gate, history, leaseInspection } = ports
  const [stored, latest, position, server, holder, gateRow, runs, beat, ...counts] = await Promise.all([
    timed(ports, checkpoints.readNamed()),
    timed(ports, dicom.latest()),
    // Our position: a small resource; one that is not there yet is an answer, too. So is a wrong address: hence the probe.
    timed(ports, fhir.read('Basic', positionId(settings.dicom.root))),
    timed(ports, fhir.probe()),
    timed(ports, leaseInspection.holder()),
    timed(ports, gate.read()),
    timed(ports, history.list(listedRuns)),
    timed(ports, history.lastBeat()),
    ...errorTables.map((table) => timed(ports, failures.count(table))),
  ])
  const now = clock.now()
  const named = rightOf(stored)
  const checkpoint = checkpointOf(named?.checkpoint)
  const newest = rightOf(latest)
  const head = newest === undefined ? undefined : headOf(newest)
  const [behind, ...studies] = await Promise.all([
    checkpoint === undefined || head === undefined ? {} : behindOf(ports, checkpoint, head),
    // The feed has a version of its own: it answers where studies are not to be found.
    ...(head === undefined ? [] : [timed(ports, dicom.probeStudies(head))]),
  ])
  const listed = rightOf(runs)
  const lease = leaseOf(rightOf(holder), now)
  const seen = { beat: rightOf(beat), runs: listed ?? [], leaseHeld: lease.held === true, now }
  const tables = Object.fromEntries(
    errorTables.flatMap((table, index) => {
      const counted = counts[index]
      const rows = counted === undefined ? undefined : rightOf(counted)
      return rows === undefined ? [] : [[table, rows] as const]
    }),
  )
  const facts: Facts = {
    ...(archive === undefined ? {} : { archive }),
    timer: timerOf(behindGate(timerSettings, rightOf(gateRow)), seen),
    ...feedOf(named?.name, settings),
    ...gateOf(rightOf(gateRow)),
    ...lastCastOf(seen),
    ...(archive?.source === 'dicomweb' ? {} : placeOf(checkpoint, head, behind)),
    lease,
    ...rateOf(seen.runs),
    failures: tables,
    ...identityOf(tables),
    ...withdrawnOf(tables),
    ...(await takeOverOf(ports, settings, named?.name, tables)),
    ...(listed === undefined ? {} : { runs: listed }),
    health: {
      dicom: healthOf(latest, ...studies),
      fhir: healthOf(server, position),
      storage: healthOf(stored, holder, gateRow, runs, beat, ...counts),
    },
  }
  return { at: new Date(now).toISOString(), ...verdictOn(facts, now), ...facts }
}

/** A closed gate pauses the timer, whatever its settings say. */
const behindGate = (settings: TimerSettings, row: O.Option<GateRow> | undefined): TimerSettings =>
  row === undefined || O.isNone(row) || row.value.state === 'running'
    ? settings
    : { ...settings, pausedBy: [...settings.pausedBy, whatItDoes[row.value.state]] }

/** The hop begins a reason that is about one, but for the feed's. */
const hopOf = (ended: string, reason: string): Hop | undefined => {
  const [, hop] = /^(dicom|fhir|storage|identity): /.exec(reason) ?? []
  return ended === 'FeedReset' ? 'dicom' : (hop as Hop | undefined)
}

type Casts = Parameters<typeof lastSucceeded>[0]

const lastCastOf = (seen: Casts): Pick<Status, 'lastCast'> => {
  const run = seen.runs.find(isCast)
  if (run === undefined) return {}
  const { ended, kind, by, reason, startedAt, durationMs } = run
  // A cast that finds nothing to do is in no history: only its heartbeat tells that all is well again.
  const ill = !endedWell(run) && (seen.beat?.succeededAt ?? 0) < startedAt
  const hop = hopOf(ended, reason ?? '')
  return {
    lastCast: {
      ...{ at: new Date(startedAt + durationMs).toISOString(), ended, kind, by, ill },
      ...(reason === undefined ? {} : { reason }),
      ...(hop === undefined ? {} : { hop }),
    },
  }
}

/** None when they cannot be read. */
export const readCasts = async ({ history }: OperatorPorts): Promise<Casts | undefined> => {
  const [runs, beat] = await Promise.all([history.list(listedRuns)(), history.lastBeat()()])
  return E.isLeft(runs) || E.isLeft(beat) ? undefined : { runs: runs.right, beat: beat.right }
}

/** The last cast, when it ended ill and none has succeeded since. */
export const illCastIn = (casts: Casts | undefined): LastCast | undefined => {
  const { lastCast } = casts === undefined ? {} : lastCastOf(casts)
  return lastCast?.ill === true ? lastCast : undefined
}

/** Of the fail tables; known only when each could be read. */
const identityOf = (tables: Status['failures']): Pick<Status, 'identity'> => {
  const counts = errorTables.map((table) => tables[table]?.identity)
  const known = counts.flatMap((count) => (count === undefined ? [] : [count]))
  if (known.length < counts.length) return {}
  const codes = Object.assign({}, ...known.map((each) => each.codes)) as CodeCount['codes']
  return { identity: { rows: sum(known.map(({ rows }) => rows)), more: known.some(({ more }) => more), codes } }
}

const withdrawnOf = ({ DicomFailToStoreExceptionTable: table }: Status['failures']): Pick<Status, 'withdrawn'> =>
  table === undefined ? {} : { withdrawn: table.withdrawn }

const checkpointOf = (stored: O.Option<StoredCheckpoint> | undefined): Status['checkpoint'] => {
  if (stored === undefined) return undefined
  if (O.isNone(stored)) return { sequence: 0, etag: null, openHoles: 0, refusedStudiesInARow: 0 }
  const { checkpoint, etag } = stored.value
  return {
    sequence: checkpoint.syncedSequence,
    etag: etag ?? null,
    ...(checkpoint.timestamp === undefined ? {} : { timestamp: checkpoint.timestamp }),
    ...(checkpoint.stuckSince === undefined ? {} : { stuckSince: new Date(checkpoint.stuckSince).toISOString() }),
    openHoles: checkpoint.holes.length,
    refusedStudiesInARow: checkpoint.rejectedStudies.length,
  }
}

const leaseOf = (
  holder: O.Option<{ readonly runId?: string; readonly since?: number }> | undefined,
  now: number,
): Status['lease'] => {
  if (holder === undefined) return { held: null }
  if (O.isNone(holder)) return { held: false }
  const { runId, since } = holder.value
  return {
    held: true,
    ...(runId === undefined ? {} : { runId }),
    ...(since === undefined ? {} : { heldForS: Math.max(0, Math.round((now - since) / 1000)) }),
  }
}

const rateOf = (runs: ReadonlyArray<RunRecord>): Pick<Status, 'entriesPerSecond'> => {
  const worked = runs.filter(({ entries, durationMs }) => entries > 0 && durationMs > 0)
  if (worked.length === 0) return {}
  const [entries, ms] = [sum(worked.map((run) => run.entries)), sum(worked.map((run) => run.durationMs))]
  return { entriesPerSecond: Math.round((entries / ms) * 10_000) / 10 }
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, each) => total + each, 0)

export interface Health {
  readonly healthy: boolean
  readonly timer: Timer | undefined
}

/** Can it work, and does it: does each service answer, does the timer run, did the last cast end well? A few small requests. */
export const readHealth = async (
  ports: OperatorPorts,
  settings: CastSettings,
  timerSettings: TimerSettings,
): Promise<Health> => {
  const { checkpoints, clock, dicom, fhir, gate, history, leaseInspection } = ports
  const [runs, beat, holder, gateRow, ...answers] = await Promise.all([
    history.list(listedRuns)(),
    history.lastBeat()(),
    leaseInspection.holder()(),
    gate.read()(),
    checkpoints.read()(),
    TE.flatMap((newest: O.Option<KnownRow>) => dicom.probeStudies(headOf(newest)))(dicom.latest())(),
    fhir.probe()(),
    fhir.read('Basic', positionId(settings.dicom.root))(),
  ])
  if (E.isLeft(runs) || E.isLeft(beat) || E.isLeft(holder) || E.isLeft(gateRow)) {
    return { healthy: false, timer: undefined }
  }
  const seen = { beat: beat.right, runs: runs.right, leaseHeld: O.isSome(holder.right), now: clock.now() }
  const timer = timerOf(behindGate(timerSettings, gateRow.right), seen)
  const { lastCast } = lastCastOf(seen)
  const stands = lastCast?.ill === true && !waits(lastCast)
  const works = timer.state !== 'late' && timer.state !== 'missing' && !stands
  return { healthy: works && answers.every(({ _tag }) => _tag === 'Right'), timer }
}
