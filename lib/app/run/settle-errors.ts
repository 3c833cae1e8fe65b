import * as E from 'fp-ts/Either'
import type { Stop } from '../../domain/batch/delivery'
import { type EntryError, type FailTable, type ServiceError, failTableOf, isOfPatient } from '../../domain/cast-error'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'
import type { Keyword } from '../../domain/dicom/tags'
import { identityDigest } from '../../domain/fail-row'
import { firstRoot } from '../../domain/fhir/provenance'
import type { PatientIdentity } from '../../domain/mapping/patient-identity'
import { type Run, retrying } from '../context'
import type { Annotation, FailRow, FailRowKey, RecordedRow, TagRow } from '../ports'
import { besideNotes, rejectedBeside, wordsBeside } from './beside-notes'
import {
  type FailIndex,
  type SettledRow,
  aboutStudies,
  dropRow,
  keepRow,
  staleRows,
  underStandingEntries,
  wholeKey,
} from './fail-index'

export const tagRowsOf = (
  settled: ReadonlyArray<SettledRow>,
  studyKeywords: ReadonlySet<Keyword>,
): ReadonlyArray<TagRow> => {
  const rows = new Map<string, TagRow>()
  for (const { sequence, key, issues } of settled) {
    const { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = key
    if (partition === undefined || studyInstanceUid === undefined || sopInstanceUid === undefined) continue
    for (const issue of issues) {
      const series = studyKeywords.has(issue.keyword) ? undefined : seriesInstanceUid
      const place = `${partition} ${studyInstanceUid} ${series ?? ''} ${issue.keyword}`
      const known = rows.get(place)
      rows.set(place, {
        partition,
        studyInstanceUid,
        seriesInstanceUid: series,
        sopInstanceUid: known?.sopInstanceUid ?? sopInstanceUid,
        issue: known?.issue ?? issue,
        firstSequence: Math.min(sequence, known?.firstSequence ?? sequence),
        lastSequence: Math.max(sequence, known?.lastSequence ?? sequence),
        count: (known?.count ?? 0) + 1,
      })
    }
  }
  return [...rows.values()]
}

const identityIn = (run: Run, error: EntryError, names: PatientIdentity | undefined): Pick<FailRow, 'identity'> =>
  names === undefined || !isOfPatient(error._tag)
    ? {}
    : { identity: identityDigest(firstRoot(run.settings.dicom), names) }

export type CodeCounts = Readonly<Partial<Record<EntryError['_tag'], number>>>

export interface ErrorsSettled {
  readonly failed: Readonly<Partial<Record<FailTable, number>>>
  /** The same rows by their code. */
  readonly codes: CodeCounts
  /** To be taken back when the checkpoint turns out to be somebody else's. */
  readonly written: ReadonlyArray<RecordedRow>
}

interface Recorded {
  readonly errors: ErrorsSettled
  /** To be taken back as long as nothing else is gone. */
  readonly all: ReadonlyArray<RecordedRow>
}

interface Changes {
  readonly stale: ReadonlyArray<FailRowKey>
  readonly annotations: ReadonlyArray<Annotation>
  readonly fails: ReadonlyArray<FailRow>
  readonly tagRows: ReadonlyArray<TagRow>
}

/** What is known without an entry of a feed is about its own study. An entry has its number, whatever UIDs its row has. */
const nearOf = (
  index: FailIndex,
  settled: ReadonlyArray<SettledRow>,
  syncedInstances: ReadonlyArray<InstanceKey>,
): FailIndex =>
  settled.every(({ sequence }) => sequence === 0)
    ? aboutStudies(index, [...settled.map(({ key }) => key), ...syncedInstances])
    : index

/** None when the tables tell it already. */
const changesOf = (
  run: Run,
  whole: FailIndex,
  settled: ReadonlyArray<SettledRow>,
  syncedInstances: ReadonlyArray<InstanceKey>,
): Changes | undefined => {
  const index = nearOf(whole, settled, syncedInstances)
  const { settled: judged, annotations } = wordsBeside(run, index, settled)
  const beside = besideNotes(run, index, judged, syncedInstances)
  const named = underStandingEntries(index, beside.settled)
  const stale = staleRows(index, beside.settled, named, beside.syncedInstances)
  const fails = named.flatMap(({ sequence, key, error, names }): ReadonlyArray<FailRow> =>
    error === undefined
      ? []
      : [{ sequence, key, error, ...identityIn(run, error, names), ...rejectedBeside(run, key, error) }],
  )
  const tagRows = tagRowsOf(settled, run.judge.studyKeywords)
  const changes = { stale, annotations, fails, tagRows }
  return Object.values(changes).every(({ length }) => length === 0) ? undefined : changes
}

const removeStale = async (
  run: Run,
  index: FailIndex,
  stale: ReadonlyArray<FailRowKey>,
): Promise<E.Either<ServiceError, void>> => {
  const removed = stale.length === 0 ? E.right(undefined) : await retrying(run, run.ports.errors.remove(stale))
  if (E.isRight(removed)) for (const row of stale) dropRow(index, row)
  return removed
}

const recordNew = async (
  run: Run,
  index: FailIndex,
  { annotations, fails, tagRows }: Changes,
): Promise<E.Either<ServiceError, Recorded>> => {
  const { errors } = run.ports
  const noted = notedIn(
    aboutStudies(
      index,
      fails.map(({ key }) => key),
    ),
  )
  const written = fails.length === 0 ? E.right([]) : await retrying(run, errors.record(fails))
  if (E.isLeft(written)) return written
  const annotated = annotations.length === 0 ? E.right([]) : await retrying(run, errors.annotate(annotations))
  if (E.isLeft(annotated)) return annotated
  const all = [...written.right, ...annotated.right]
  for (const row of all) keepRow(index, row)
  const ours = all.filter((row) => isOurs(row, noted))
  if (tagRows.length > 0) {
    const recorded = await retrying(run, errors.recordTags(tagRows))
    if (E.isLeft(recorded)) {
      await takeBackWhenLost(run, recorded.left, ours)
      return recorded
    }
  }
  const failed: Partial<Record<FailTable, number>> = {}
  const codes: Partial<Record<EntryError['_tag'], number>> = {}
  for (const { error } of fails) {
    failed[failTableOf(error)] = (failed[failTableOf(error)] ?? 0) + 1
    codes[error._tag] = (codes[error._tag] ?? 0) + 1
  }
  return E.right({
    errors: { failed, codes, written: ours },
    all,
  })
}

/** Instances of which a row tells what a note says. */
const notedIn = ({ rows }: FailIndex): ReadonlySet<string | undefined> =>
  new Set([...rows.values()].flatMap((row) => (row.rejected === undefined ? [] : [wholeKey(row)])))

/**
 * What a note says stands in rows alone: one that took the place of another that told it, which is gone, is never taken
 * back. Whoever acted on it meanwhile has written it again, which gave it another ETag: then it stays.
 */
const isOurs = (row: RecordedRow, noted: ReadonlySet<string | undefined>): boolean =>
  row.before !== undefined || row.rejected === undefined || !noted.has(wholeKey(row))

const nothingToTell: ErrorsSettled = { failed: {}, codes: {}, written: [] }

/** Brings the error tables in step with what was settled. Doing it twice is the same as doing it once. */
export const settleErrors = async (
  run: Run,
  index: FailIndex,
  settled: ReadonlyArray<SettledRow>,
  syncedInstances: ReadonlyArray<InstanceKey>,
): Promise<E.Either<ServiceError, ErrorsSettled>> => {
  const changes = changesOf(run, index, settled, syncedInstances)
  if (changes === undefined) return E.right(nothingToTell)
  // Rows have no If-Match on the checkpoint: only the lease keeps a run that slept from telling old news.
  const held = await retrying(run, run.lease.confirm())
  if (E.isLeft(held)) return held
  // What notes say stands in rows alone: such a row goes only when the one in its place stands.
  const isNoted = ({ rejected }: FailRowKey): boolean => rejected !== undefined
  const removed = await removeStale(
    run,
    index,
    changes.stale.filter((row) => !isNoted(row)),
  )
  if (E.isLeft(removed)) return removed
  const recorded = await recordNew(run, index, changes)
  if (E.isLeft(recorded)) return recorded
  const replaced = changes.stale.filter(isNoted)
  return replaced.length === 0 ? E.right(recorded.right.errors) : replaceOld(run, index, replaced, recorded.right)
}

/** The new rows stand: the old ones go, unless whoever slept while they were on their way tells old news. */
const replaceOld = async (
  run: Run,
  index: FailIndex,
  old: ReadonlyArray<FailRowKey>,
  { errors, all }: Recorded,
): Promise<E.Either<ServiceError, ErrorsSettled>> => {
  const still = old.length + all.length === 0 ? E.right(undefined) : await retrying(run, run.lease.confirm())
  if (E.isLeft(still)) {
    await takeBackWhenLost(run, still.left, all)
    return still
  }
  const removed = await removeStale(run, index, old)
  return E.isLeft(removed) ? removed : E.right(errors)
}

const takeBackPauseMs = 500

/**
 * What was recorded of entries that somebody else settles now. It is told again when storage fails, whatever time is left
 * to a run that slept: such a row would be an alarm about nothing, and nobody else would take it away.
 */
export const takeBack = async (run: Run, written: ErrorsSettled['written']): Promise<void> => {
  for (let attempt = 0; attempt < 4 && written.length > 0; attempt++) {
    if (attempt > 0) await run.ports.clock.sleep(takeBackPauseMs * attempt)
    if (E.isRight(await run.ports.errors.takeBack(written)())) return
  }
}

/** Whoever slept while it recorded may hear of other trouble before it hears that its lease is lost. */
export const takeBackWhenLost = async (run: Run, trouble: Stop, written: ErrorsSettled['written']): Promise<void> => {
  if (written.length === 0) return
  const held = trouble._tag === 'LeaseLost' ? E.left(trouble) : await run.lease.confirm()()
  if (E.isLeft(held) && held.left._tag === 'LeaseLost') await takeBack(run, written)
}

/**
 * As settleErrors, for what no checkpoint is stored behind: no feed row will tell it again. So an old row goes only when
 * the new one stands, and whoever slept while it was on its way takes it back, for somebody else settles these
 * instances now.
 */
export const settleUnderLease = async (...given: Parameters<typeof settleErrors>): ReturnType<typeof settleErrors> => {
  const [run, index] = given
  const changes = changesOf(...given)
  if (changes === undefined) return E.right(nothingToTell)
  const held = await retrying(run, run.lease.confirm())
  if (E.isLeft(held)) return held
  const recorded = await recordNew(run, index, changes)
  return E.isLeft(recorded) ? recorded : replaceOld(run, index, changes.stale, recorded.right)
}
