import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { type Hop, type ServiceError, describeServiceError, failTables } from '../../domain/cast-error'
import { positionId } from '../../domain/fhir/position'
import type { CastSettings } from '../context'
import type { StoredCheckpoint } from '../ports'
import { type ErrorTable, type OperatorPorts, type RunRecord, type TableCount, errorTables } from '../ports-operator'

export type HopHealth =
  | { readonly healthy: true; readonly ms: number }
  | { readonly healthy: false; readonly ms: number; readonly reason: string }

/** Everything in it is a fact that was read now; what could not be read is not in it, and `health` says why. */
export interface Status {
  readonly at: string
  /** In words, for a person: green, amber or red, and why. */
  readonly state: 'fine' | 'behind' | 'broken'
  readonly reasons: ReadonlyArray<string>
  readonly checkpoint?: {
    readonly sequence: number
    /** Of the stored row; null when there is none yet. */
    readonly etag: string | null
    readonly timestamp?: string
    readonly stuckSince?: string
    readonly openHoles: number
    readonly refusedStudiesInARow: number
  }
  readonly head?: number
  /** Entries at the most that are not settled: numbers that never became rows count. */
  readonly backlog?: number
  /** Age of the oldest entry that is not settled; 0 when there is none. */
  readonly lagS?: number
  readonly lease: { readonly held: boolean | null; readonly runId?: string; readonly heldForS?: number }
  /** Over the runs listed. */
  readonly entriesPerSecond?: number
  readonly failures: Readonly<Partial<Record<ErrorTable, TableCount>>>
  readonly runs: ReadonlyArray<RunRecord>
  readonly health: Readonly<Record<Hop, HopHealth>>
}

/** Behind by more than this is worth a look. */
const lateAfterS = 15 * 60
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
export const readStatus = async (ports: OperatorPorts, settings: CastSettings): Promise<Status> => {
  const { clock, checkpoints, dicom, failures, fhir, history, leaseInspection } = ports
  const [stored, latest, position, holder, runs, ...counts] = await Promise.all([
    timed(ports, checkpoints.read()),
    timed(ports, dicom.latest()),
    // Our position: a small resource; one that is not there yet is an answer, too.
    timed(ports, fhir.read('Basic', positionId(settings.dicom.root))),
    timed(ports, leaseInspection.holder()),
    timed(ports, history.list(listedRuns)),
    ...errorTables.map((table) => timed(ports, failures.count(table))),
  ])
  const now = clock.now()
  const checkpoint = checkpointOf(rightOf(stored))
  const newest = rightOf(latest)
  const head = newest === undefined ? undefined : O.getOrElse(() => 0)(newest)
  const backlog = checkpoint === undefined || head === undefined ? undefined : Math.max(0, head - checkpoint.sequence)
  const [lagS, ...studies] = await Promise.all([
    checkpoint === undefined || backlog === undefined ? undefined : lagOf(ports, checkpoint, backlog),
    // The feed has a version of its own: it answers where studies are not to be found.
    ...(head === undefined ? [] : [timed(ports, dicom.probeStudies(head))]),
  ])
  const listed = rightOf(runs) ?? []
  const health = {
    dicom: healthOf(latest, ...studies),
    fhir: healthOf(position),
    storage: healthOf(stored, holder, runs, ...counts),
  }
  const facts = {
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(head === undefined ? {} : { head }),
    ...(backlog === undefined ? {} : { backlog }),
    ...(lagS === undefined ? {} : { lagS }),
    lease: leaseOf(rightOf(holder), now),
    ...rateOf(listed),
    failures: Object.fromEntries(
      errorTables.flatMap((table, index) => {
        const counted = counts[index]
        const rows = counted === undefined ? undefined : rightOf(counted)
        return rows === undefined ? [] : [[table, rows] as const]
      }),
    ),
    runs: listed,
    health,
  }
  return { at: new Date(now).toISOString(), ...verdictOn(facts, head), ...facts }
}

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

/** By the row after the checkpoint; behind a gap by the checkpoint's own. */
const lagOf = async (
  { dicom, clock }: OperatorPorts,
  { sequence, timestamp }: NonNullable<Status['checkpoint']>,
  backlog: number,
): Promise<number | undefined> => {
  if (backlog === 0) return 0
  const page = await dicom.range(sequence, Math.min(100, backlog), false)()
  const [first] = E.isRight(page) ? page.right.elements : []
  const oldest = Date.parse(timestampOf(first) ?? timestamp ?? '')
  const now = E.isRight(page) ? page.right.servedAt : clock.now()
  return Number.isNaN(oldest) ? undefined : Math.max(0, Math.round((now - oldest) / 1000))
}

const timestampOf = (element: unknown): string | undefined => {
  if (typeof element !== 'object' || element === null) return undefined
  const [, value] = Object.entries(element).find(([key]) => key.toLowerCase() === 'timestamp') ?? []
  return typeof value === 'string' ? value : undefined
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

type Facts = Omit<Status, 'at' | 'state' | 'reasons'>

const verdictOn = (facts: Facts, head: number | undefined): Pick<Status, 'state' | 'reasons'> => {
  const { checkpoint, failures, health, lagS, backlog = 0 } = facts
  const lastCast = facts.runs.find(({ kind }) => casts.has(kind))
  const broken = [
    ...Object.values(health).flatMap((hop) => (hop.healthy ? [] : [hop.reason])),
    ...(checkpoint?.stuckSince === undefined
      ? []
      : [`the checkpoint has stood still since ${checkpoint.stuckSince}, stopped by a service`]),
    ...(checkpoint !== undefined && head !== undefined && head < checkpoint.sequence
      ? [
          `the head of the feed ${head} is below the checkpoint ${checkpoint.sequence}: the feed was restored or replaced`,
        ]
      : []),
    ...(lastCast?.ended === 'FhirRejectsAll' ? [lastCast.reason ?? 'FHIR refuses every study'] : []),
  ]
  const behind = [
    ...((lagS ?? 0) > lateAfterS ? [`${backlog} entries behind, the oldest for ${minutes(lagS ?? 0)}`] : []),
    ...failTables.flatMap((table) => {
      const count = failures[table]
      return count === undefined || count.rows === 0 ? [] : [counted(table, count)]
    }),
  ]
  return {
    state: broken.length > 0 ? 'broken' : behind.length > 0 ? 'behind' : 'fine',
    reasons: [...broken, ...behind],
  }
}

/** Runs that take what comes next in the feed. */
const casts: ReadonlySet<RunRecord['kind']> = new Set(['timer', 'cast', 'catch-up'])

const counted = (table: ErrorTable, { rows, more, codes }: TableCount): string =>
  `${more ? 'more than ' : ''}${rows} row${rows === 1 ? '' : 's'} in ${table}: ` +
  Object.entries(codes)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ')

const minutes = (seconds: number): string => `${Math.round(seconds / 60)} min`

/** Can it work: does each service answer? A few small requests. */
export const isHealthy = async (
  { checkpoints, dicom, fhir }: OperatorPorts,
  settings: CastSettings,
): Promise<boolean> => {
  const answers = await Promise.all([
    checkpoints.read()(),
    TE.flatMap((latest: O.Option<number>) => dicom.probeStudies(O.getOrElse(() => 0)(latest)))(dicom.latest())(),
    fhir.read('Basic', positionId(settings.dicom.root))(),
  ])
  return answers.every(({ _tag }) => _tag === 'Right')
}
