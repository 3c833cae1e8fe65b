import * as E from 'fp-ts/Either'
import type { PlanInput } from '../../domain/batch/fold'
import type { LiveRow, UpsertRow } from '../../domain/batch/judge'
import type { StudyAge } from '../../domain/batch/newest-study'
import { type Plan, planSteps } from '../../domain/batch/plan'
import type { Snapshot } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type Run, retrying } from '../context'
import type { Clock } from '../ports'
import { agesOf } from './ages'
import type { FhirSession } from './fhir-session'
import { loadSnapshot } from './load-snapshot'
import { readStudy } from './read-study'

export interface Prepared {
  readonly plan: Plan
  readonly snapshot: Snapshot
  /** Whether nothing but these rows is in it: no study had to be read whole. */
  readonly isRowsAlone: boolean
}

/** What a plan must know besides the rows and what FHIR holds. */
export type Known = Omit<
  PlanInput,
  'settings' | 'limits' | 'snapshot' | 'readings' | 'alive' | 'ages' | 'accepted' | 'today' | 'rows'
>

type Result<A> = Promise<E.Either<ServiceError, A>>

/** Room for our position. */
export const limitsOf = ({ settings }: Run): PlanInput['limits'] => ({
  entries: settings.maxBundleEntries - 1,
  bytes: settings.maxBundleBytes - 2_000,
})

/** Snapshot; studies in doubt, that go or move, or are rivals for a Patient's values; plan. `known` comes before each. */
export const prepare = async (
  run: Run,
  rows: ReadonlyArray<LiveRow>,
  known: () => Result<Known>,
  foundAhead?: FhirSession['foundAhead'],
): Result<Prepared> => {
  const readings = new Map<string, ReadonlyArray<UpsertRow>>()
  const alive = new Map<string, ReadonlySet<string>>()
  const ages = new Map<string, ReadonlyArray<StudyAge>>()
  const leaving = new Set<string>()
  for (;;) {
    const before = await known()
    if (E.isLeft(before)) return before
    const { created } = before.right
    const beyond = { created, leaving, ...(foundAhead === undefined ? {} : { foundAhead }) }
    const snapshot = await loadSnapshot(run, rows, [...readings.values()].flat(), beyond)
    if (E.isLeft(snapshot)) return snapshot
    const steps = planSteps({
      settings: run.settings,
      limits: limitsOf(run),
      snapshot: snapshot.right,
      readings,
      alive,
      ages,
      ...(run.accepted === undefined ? {} : { accepted: run.accepted }),
      today: new Date(run.ports.clock.now()).toISOString().slice(0, 10),
      rows,
      ...before.right,
    })
    const planned = await inSteps(run.ports.clock, steps)
    // Whatever hangs on it: doses can go in a transaction before that which would record the conflict.
    if (run.accepted === undefined && [...planned.verdicts.values()].includes(true)) {
      const accepted = await retrying(run, run.ports.accepted.read())
      if (E.isLeft(accepted)) return accepted
      run.accepted = accepted.right
      if (accepted.right.size > 0) continue
    }
    const unasked = planned.leaving.filter((each) => !leaving.has(each))
    if (planned.doubts.length === 0 && planned.agesWanted.length === 0 && unasked.length === 0) {
      return E.right({ plan: planned, snapshot: snapshot.right, isRowsAlone: readings.size === 0 })
    }
    unasked.forEach((each) => leaving.add(each))
    const wanted = await agesOf(run, planned.agesWanted)
    if (E.isLeft(wanted)) return wanted
    for (const [id, found] of wanted.right) ages.set(id, found)
    for (const study of planned.doubts) {
      const { mismatched = new Map() } = before.right
      const read = await readStudy(run, study, snapshot.right, { rows, mismatched })
      if (E.isLeft(read)) return read
      readings.set(studyKeyText(study), read.right.live)
      alive.set(studyKeyText(study), read.right.alive)
    }
  }
}

/**
 * Before each step others have their turn: what is about to be asked of services goes out first, the lease is renewed by a
 * timer, and the host wants signs of life.
 */
export const inSteps = async <A>({ sleep }: Pick<Clock, 'sleep'>, steps: Generator<undefined, A>): Promise<A> => {
  for (;;) {
    await sleep(0)
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

const nothingKnown: Known = { keep: new Set(), patientsAlone: false, rowsAlone: false }

/** What casting these rows would do now: as cast-batch prepares it, without a position and without a write. */
export const lookAhead = (
  run: Run,
  rows: ReadonlyArray<LiveRow>,
  known: Pick<Known, 'rebuilt' | 'mismatched'>,
): Result<Prepared> => prepare(run, rows, () => Promise.resolve(E.right({ ...nothingKnown, ...known })))
