import * as E from 'fp-ts/Either'
import type { Judgement, LiveRow } from '../../domain/batch/judge'
import { isProbe } from '../../domain/batch/parts'
import {
  type NoteRow,
  type RejectedInstance,
  type RejectedInstances,
  noteName,
  rejectionBy,
  saysTheSame,
  takeOutRow,
  withNotes,
} from '../../domain/batch/rejected'
import type { ServiceError } from '../../domain/cast-error'
import { instanceKeyText, studyKeyText } from '../../domain/dicom/change-feed-entry'
import { castBatch, nothingCast } from '../cast/cast-batch'
import type { FhirSession } from '../cast/fhir-session'
import type { Stop } from '../../domain/batch/delivery'
import type { Run } from '../context'
import { isUnread, readInstance } from '../feed/read-instance'
import { judgeNow } from '../feed/read-page'
import { type FailIndex, type SettledRow, failingRows, mismatchedStudies } from './fail-index'
import { settleUnderLease } from './settle-errors'
import { settledRows } from './settled-rows'

/** What rejection notes asked for before a batch, and what its own rows are. */
export interface Noted {
  readonly before: RejectedInstances
  /** In the order of the feed. */
  readonly notes: ReadonlyArray<NoteRow & { readonly sequence: number }>
  readonly rows: ReadonlyArray<LiveRow>
  /** Since when the checkpoint stands still: one study that FHIR fails for holds up nothing else. */
  readonly stuckSince: number | undefined
}

interface Work {
  /** To be taken out of FHIR. */
  readonly out: Array<RejectedInstance>
  /** Only to be recorded. */
  readonly told: Array<RejectedInstance>
  /** To be looked at: no note hides them any more, or they failed. */
  readonly back: Array<RejectedInstance>
}

/**
 * What is left to do when the rows of the batch themselves are settled, with what notes say of them: most of it is about
 * images of earlier ones.
 */
export const workOf = (
  { before, rows, notes }: Omit<Noted, 'stuckSince'>,
  after: RejectedInstances,
  failing: ReadonlyMap<string, unknown>,
): Work => {
  const inHand = new Set(rows.flatMap((row) => (isProbe(row) ? [] : [instanceKeyText(row.key)])))
  const names = new Set(notes.map(({ key }) => noteName(key)))
  const work: Work = { out: [], told: [], back: [] }
  for (const [text, each] of after) {
    const { notes: left, isHidden } = each.error
    const known = before.get(text)
    const isListed = left.some(({ name }) => names.has(name))
    if (inHand.has(text) || (left.length === 0 && known?.error.notes.length === 0)) continue
    if (left.length === 0) work.back.push(each)
    // What is still listed comes back when the note that hid it is gone.
    else if (known?.error.isHidden === true && !isHidden) work.back.push(each)
    // Whoever looked at the study of the note before the feed told of it has recorded what it lists, and no more.
    else if (isHidden && isListed) work.out.push(each)
    // Heard again, it is told again: who told it first may have been too late, and about to take it back.
    else if (!isListed && known !== undefined && saysTheSame(known, each)) continue
    // Its row says why it is not in FHIR: it is looked at again, and what the note says of it stands beside.
    else if (!isHidden && failing.has(text)) work.back.push(each)
    else work.told.push(each)
  }
  return work
}

const recordOf = ({ key, error }: RejectedInstance): SettledRow => ({
  ...{ sequence: 0, key, error, issues: [], settlement: 'Recorded' },
})

/**
 * Brings FHIR and the fail tables in step with the rejection notes of a batch, before its checkpoint is stored: instances
 * that a note lists go, wherever the feed told of them, and those that no note lists any more are read and come back.
 * Right: the studies (studyKeyText) that notes took something from.
 */
export const heedNotes = async (
  run: Run,
  session: FhirSession,
  index: FailIndex,
  noted: Noted,
  /** The checkpoint will stand here: what lies behind it is heeded when it is settled. */
  syncedSequence: number,
): Promise<E.Either<Stop, ReadonlySet<string>>> => {
  const isPassed = ({ sequence }: { readonly sequence: number }): boolean => sequence <= syncedSequence
  const notes = noted.notes.filter(isPassed)
  const passed = { ...noted, notes, rows: noted.rows.filter(isPassed) }
  const after = withNotes(noted.before, notes, run.settings.hidesRejectedForQuality)
  run.rejected = new Map([...after].filter(([, { error }]) => error.notes.length > 0))
  const work = workOf(passed, after, failingRows(index))
  const returned = await readBack(run, work.back)
  if (E.isLeft(returned)) return returned
  const { judged, unread } = returned.right
  // The row first: whoever is killed behind it, or finds the note corrected, knows what may have left FHIR.
  const told = [...work.told, ...work.out, ...unread].map(recordOf)
  const recorded = told.length === 0 ? E.right(undefined) : await settleUnderLease(run, index, told, [])
  if (E.isLeft(recorded)) return recorded
  const out = work.out.map((each, at): Judgement => ({
    _tag: 'Live',
    row: takeOutRow(each, work.back.length + at + 1),
  }))
  const all = [...judged, ...out]
  const rows = all.flatMap((each) => (each._tag === 'Live' ? [each.row] : []))
  const input = {
    ...{ rows, stuckSince: noted.stuckSince, sequences: { from: syncedSequence, to: syncedSequence } },
    mismatched: mismatchedStudies(index),
  }
  const result = rows.length === 0 ? nothingCast() : await castBatch(run, session, input)
  const settled = settledRows(all, result)
    .filter(({ error }) => error?._tag !== 'Rejected')
    .map((row) => ({ ...row, sequence: 0 }))
  const errors =
    settled.length === 0 && result.syncedInstances.length === 0
      ? E.right(undefined)
      : await settleUnderLease(run, index, settled, result.syncedInstances)
  if (E.isLeft(errors)) return errors
  if (result.stop !== undefined) return E.left(result.stop)
  return E.right(new Set([...work.out, ...work.told].map(({ key }) => studyKeyText(key))))
}

/** As the archive has them now. What cannot be read keeps nothing waiting: it is due for the daily look. */
export const readBack = async (
  run: Run,
  back: ReadonlyArray<RejectedInstance>,
): Promise<
  E.Either<
    ServiceError,
    { readonly judged: ReadonlyArray<Judgement>; readonly unread: ReadonlyArray<RejectedInstance> }
  >
> => {
  const [judged, unread]: [Array<Judgement>, Array<RejectedInstance>] = [[], []]
  for (const [at, each] of back.entries()) {
    const read = await readInstance(run, { ...each.key, sequence: 0 }, at + 1)
    if (E.isLeft(read) && !isUnread(read.left)) return read
    if (E.isLeft(read)) unread.push({ key: each.key, error: rejectionBy([], each.error.code) })
    else if (read.right !== undefined) judged.push(judgeNow(run, read.right))
  }
  return E.right({ judged, unread })
}
