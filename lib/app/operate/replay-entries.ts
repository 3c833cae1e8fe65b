import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Stop } from '../../domain/batch/delivery'
import type { Judgement, LiveRow } from '../../domain/batch/judge'
import type { Settlement } from '../../domain/batch/ledger'
import { recordedIn } from '../../domain/batch/plan'
import { type ServiceError, describeEntryError } from '../../domain/cast-error'
import { failRowName } from '../../domain/fail-row'
import { castBatch, nothingCast } from '../cast/cast-batch'
import type { FhirSession } from '../cast/fhir-session'
import { lookAhead } from '../cast/prepare'
import { type Run, retrying } from '../context'
import type { OperatorPorts } from '../ports-operator'
import { settledRows } from '../run/settled-rows'
import { type FailIndex, mismatchedStudies } from '../run/fail-index'
import { settleUnderLease } from '../run/settle-errors'
import { asOfNow, settleTags } from '../run/settle-tags'
import type { Numbered } from './reread-entries'
import { triesOf } from './select-rows'

// What becomes of entries that are cast again, and what would.

export type ReplayOutcome = 'Stored' | 'Unchanged' | 'Superseded' | 'Skipped' | 'Recorded' | 'NotInFeed'

export interface Outcome {
  /** By the number that the row was cast with. */
  readonly settled: ReadonlyMap<
    number,
    { readonly outcome: ReplayOutcome; readonly code?: string; readonly reason?: string }
  >
  readonly stop?: Stop
}

export type Caster = (judged: ReadonlyArray<Judgement>, rows: Numbered) => Promise<E.Either<ServiceError, Outcome>>

const liveOf = (judgement: Judgement): ReadonlyArray<LiveRow> => (judgement._tag === 'Live' ? [judgement.row] : [])

const fateOf = ({ settlement, error }: ReturnType<typeof settledRows>[number]) => ({
  outcome: settlement,
  ...(error === undefined ? {} : { code: error._tag, reason: describeEntryError(error) }),
})

export const castAndSettle = async (
  run: Run,
  ports: OperatorPorts,
  session: FhirSession,
  index: FailIndex,
  judged: ReadonlyArray<Judgement>,
  numbers: Numbered,
): Promise<E.Either<ServiceError, Outcome>> => {
  const rows = judged.flatMap(liveOf)
  const sequences = await positionOf(run, numbers)
  if (E.isLeft(sequences)) return sequences
  const input = {
    rows,
    stuckSince: undefined,
    mismatched: mismatchedStudies(index),
    ...(sequences.right === undefined ? {} : { sequences: sequences.right }),
  }
  const result = rows.length === 0 ? nothingCast() : await castBatch(run, session, input)
  const settled = settledRows(judged, result)
  const before = triesBefore(index, settled, numbers)
  const errors = await settleUnderLease(
    run,
    index,
    settled.map((row) => ({ ...row, sequence: numbers.get(row.sequence)?.sequence ?? 0 })),
    result.syncedInstances,
  )
  if (E.isLeft(errors)) return errors
  const tags = await settleTags(run, index, asOfNow(settled))
  if (E.isLeft(tags)) return tags
  for (const row of index.rows.values()) {
    const attempts = row.original === undefined ? before.get(failRowName(row)) : undefined
    if (attempts !== undefined) await ports.failures.setAttempts(row, attempts + 1)()
  }
  return E.right({
    settled: new Map(settled.map((row) => [row.sequence, fateOf(row)])),
    ...(result.stop === undefined ? {} : { stop: result.stop }),
  })
}

/** Where the feed is settled, for our position in FHIR: numbers that were made up are none of the feed. */
const positionOf = async (
  run: Run,
  rows: Numbered,
): Promise<E.Either<ServiceError, { readonly from: number; readonly to: number } | undefined>> => {
  if ([...rows.values()].every(({ sequence }) => sequence > 0)) return E.right(undefined)
  const read = await retrying(run, run.ports.checkpoints.read())
  if (E.isLeft(read)) return read
  const at = O.isSome(read.right) ? read.right.value.checkpoint.syncedSequence : 0
  return E.right({ from: at, to: at })
}

/** Of those that failed again: their rows are written anew, and how often they were tried must not be lost. By row name. */
const triesBefore = (
  index: FailIndex,
  settled: ReturnType<typeof settledRows>,
  numbers: Numbered,
): ReadonlyMap<string, number> => {
  const failed = new Set(
    settled.flatMap(({ sequence, error }) => {
      const row = numbers.get(sequence)
      return error === undefined || row === undefined ? [] : [failRowName(row)]
    }),
  )
  return new Map(
    [...index.rows.values()].flatMap((row) =>
      failed.has(failRowName(row)) ? [[failRowName(row), triesOf(row)] as const] : [],
    ),
  )
}

/** The same without a write: what each row would come to. */
export const foresee = async (
  run: Run,
  index: FailIndex,
  judged: ReadonlyArray<Judgement>,
): Promise<E.Either<ServiceError, Outcome>> => {
  const rows = judged.flatMap(liveOf)
  const mismatched = mismatchedStudies(index)
  const ahead = rows.length === 0 ? undefined : await lookAhead(run, rows, { mismatched })
  if (ahead !== undefined && E.isLeft(ahead)) return ahead
  const settled = new Map<number, Settlement>(rows.map(({ sequence }) => [sequence, { _tag: 'Stored' }]))
  for (const { sequence } of ahead?.right.plan.unchanged ?? []) settled.set(sequence, { _tag: 'Unchanged' })
  const recorded = ahead === undefined ? [] : recordedIn(ahead.right.plan)
  for (const { row, error } of recorded) settled.set(row.sequence, { _tag: 'Recorded', error })
  const foreseen = settledRows(judged, { ...nothingCast(), settled })
  return E.right({ settled: new Map(foreseen.map((row) => [row.sequence, fateOf(row)])) })
}
