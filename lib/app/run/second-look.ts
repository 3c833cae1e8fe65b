import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Judgement } from '../../domain/batch/judge'
import { byStudy } from '../../domain/batch/parts'
import { type ServiceError, isOfPatient } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { identityDigest } from '../../domain/fail-row'
import { firstRoot } from '../../domain/fhir/provenance'
import type { PatientIdentity } from '../../domain/mapping/patient-identity'
import { type BatchInput, type BatchResult, castBatch } from '../cast/cast-batch'
import type { FhirSession } from '../cast/fhir-session'
import type { Stop } from '../../domain/batch/delivery'
import { type Run, remainingMs, retrying } from '../context'
import { isUnread, numbered, readInstance } from '../feed/read-instance'
import { judgeNow } from '../feed/read-page'
import type { FailRowKey } from '../ports'
import { settledRows } from './settled-rows'
import { type FailIndex, type SettledRow, mismatchedStudies } from './fail-index'
import { settleUnderLease } from './settle-errors'
import { asOfNow, settleTags } from './settle-tags'

/** What a batch did that may have taken away the reason of a row that stands recorded. */
export interface News {
  /** By identityDigest, the highest sequence of an entry that names this Patient and was taken. */
  readonly named: ReadonlyMap<string, number>
  /** Studies (studyKeyText) of which an instance was deleted, or taken out: it may have been the misfiled one. */
  readonly deletedFrom: ReadonlySet<string>
}

export const noNews: News = { named: new Map(), deletedFrom: new Set() }

/** What a second look came to. */
export interface SecondLook {
  readonly looked: number
  /** Rows that are true no more: stored, or gone from the archive. */
  readonly settled: number
  /** What ended it early; the rows it did not come to stay as they are. */
  readonly stop: Stop | undefined
}

const hourMs = 60 * 60_000
export const dayMs = 24 * hourMs
/** A look costs a request for each row, and the feed waits meanwhile. */
export const mostAtOnce = 20
/** A prime: by steps of `mostAtOnce` a list of twenty would begin at the same row for ever. */
const stride = 104_729

/**
 * Of the entries of a batch that were taken: what was refused itself shows no reason gone. But what was refused because
 * nobody knows whose it is was taken out, and may have been the misfiled one as well as what was deleted.
 */
export const newsOf = (run: Run, judged: ReadonlyArray<Judgement>, settled: ReadonlyArray<SettledRow>): News => {
  const of = new Map(settled.map((row) => [row.sequence, row]))
  const [taken, deletedFrom] = [new Map<PatientIdentity, number>(), new Set<string>()]
  for (const judgement of judged) {
    if (judgement._tag !== 'Live') continue
    const { row } = judgement
    const { settlement, error } = of.get(row.sequence) ?? {}
    const isTaken = settlement === 'Stored' || settlement === 'Unchanged'
    const isTakenOut = error !== undefined && (row._tag === 'Delete' || isOfPatient(error._tag))
    if (isTakenOut || (isTaken && row._tag === 'Delete')) deletedFrom.add(studyKeyText(row.key))
    if (!isTaken || row._tag === 'Delete') continue
    // The rows of a series have one in common.
    taken.set(row.identity, Math.max(row.sequence, taken.get(row.identity) ?? 0))
  }
  const named = new Map<string, number>()
  for (const [identity, sequence] of taken) {
    const digest = identityDigest(firstRoot(run.settings.dicom), identity)
    named.set(digest, Math.max(sequence, named.get(digest) ?? 0))
  }
  return { named, deletedFrom }
}

/**
 * Rows that may be mended by now without any entry of their own. Of those refused because of the Patient that FHIR has:
 * whose Patient a later entry names, and what was judged a day ago. Of those that named another Patient than their
 * study: where an instance of it was deleted.
 */
export const rowsToLookAt = (
  run: Run,
  { rows }: FailIndex,
  { named, deletedFrom }: News,
): ReadonlyArray<FailRowKey> => {
  if (rows.size === 0) return []
  const yesterday = run.ports.clock.now() - dayMs
  const judgedAt = ({ judgedAt: at = 0 }: FailRowKey): number => at
  const isNews = ({ code, identity, sequence, partition = '', studyInstanceUid = '' }: FailRowKey): boolean =>
    code === 'PatientMismatch'
      ? deletedFrom.has(studyKeyText({ partition, studyInstanceUid }))
      : isOfPatient(code) && (named.get(identity ?? '') ?? 0) > sequence
  const waiting = [...rows.values()]
    .filter(({ sopInstanceUid }) => sopInstanceUid !== undefined)
    .sort((left, right) => judgedAt(left) - judgedAt(right))
  const isDaily = ({ code, rejected }: FailRowKey): boolean =>
    isOfPatient(code) || code === 'PatientMismatch' || rejected?.notes.length === 0
  const old = waiting.filter((row) => isDaily(row) && !isNews(row) && judgedAt(row) <= yesterday)
  // Those that cannot be read stay the oldest: hour by hour it begins elsewhere, so that they keep no other waiting.
  const start = (Math.floor(run.ports.clock.now() / hourMs) * stride) % Math.max(1, old.length)
  return [...waiting.filter(isNews), ...old.slice(start), ...old.slice(0, start)].slice(0, mostAtOnce)
}

/** All at once; where that fails, study by study, once each: one at which FHIR always fails keeps no other out. */
const castLooked = async (run: Run, session: FhirSession, input: BatchInput): Promise<BatchResult> => {
  const once: Run = { ...run, settings: { ...run.settings, totalRetryDurationMs: 0 } }
  const together = await castBatch(once, session, input)
  const studies = byStudy(input.rows)
  if (together.stop?._tag !== 'ServiceUnavailable' || studies.length === 1) return together
  let result = together
  for (const rows of studies) {
    if (run.stopping() || remainingMs(run) <= 0) break
    const { settled, syncedInstances, ...last } = await castBatch(once, session, { ...input, rows })
    result = {
      ...last,
      settled: new Map([...result.settled, ...settled]),
      syncedInstances: [...result.syncedInstances, ...syncedInstances],
    }
    if (last.stop !== undefined && last.stop._tag !== 'ServiceUnavailable') break
  }
  return result
}

/**
 * Judges such rows again, by what the archive and FHIR have now: as late rows, under the lease, with the position. What
 * is still so is recorded again with the time of now; an outage settles nothing.
 */
export const secondLook = async (
  run: Run,
  session: FhirSession,
  index: FailIndex,
  news: News,
): Promise<E.Either<ServiceError, SecondLook>> => {
  const due = numbered(rowsToLookAt(run, index, news))
  if (due.size === 0) return E.right({ looked: 0, settled: 0, stop: undefined })
  const read = await retrying(run, run.ports.checkpoints.read())
  if (E.isLeft(read)) return read
  const at = O.isSome(read.right) ? read.right.value.checkpoint.syncedSequence : 0
  const judged: Array<Judgement> = []
  for (const [number, row] of due) {
    // One attempt: what cannot be read now keeps neither the feed nor the other rows waiting.
    const entry = await readInstance(run, row, number, (request) => request())
    if (E.isRight(entry) && entry.right !== undefined) judged.push(judgeNow(run, entry.right))
    else if (E.isLeft(entry) && !isUnread(entry.left)) return entry
  }
  const rows = judged.flatMap((each) => (each._tag === 'Live' ? [each.row] : []))
  const result = await castLooked(run, session, {
    ...{ rows, stuckSince: undefined, sequences: { from: at, to: at }, mismatched: mismatchedStudies(index) },
  })
  const settled = settledRows(judged, result).map((row) => ({
    ...row,
    sequence: due.get(row.sequence)?.sequence ?? 0,
  }))
  const errors = await settleUnderLease(run, index, settled, result.syncedInstances)
  if (E.isLeft(errors)) return errors
  const tags = await settleTags(run, index, asOfNow(settled))
  if (E.isLeft(tags)) return tags
  return E.right({
    looked: settled.length,
    settled: settled.filter(({ error }) => error === undefined).length,
    stop: result.stop,
  })
}
