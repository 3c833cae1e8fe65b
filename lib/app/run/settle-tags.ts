import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import { findStudy } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { type InstanceKey, studyKeyText } from '../../domain/dicom/change-feed-entry'
import { studyIdentifier } from '../../domain/fhir/identifiers'
import { loadSnapshot, probe } from '../cast/load-snapshot'
import { type Run, retrying } from '../context'
import type { TagRowKey } from '../ports'
import type { FailIndex, SettledRow } from './fail-index'
import { tagRowsOf } from './settle-errors'

type StudyKey = Pick<InstanceKey, 'partition' | 'studyInstanceUid'>
type Result<A> = Promise<E.Either<ServiceError, A>>

/** A batch of deletions may be of as many studies; this many are asked for together. */
const atOnce = 64

const placeText = ({ seriesInstanceUid: series, keyword }: Pick<TagRowKey, 'seriesInstanceUid' | 'keyword'>): string =>
  `${series ?? ''} ${keyword}`

const placesAtFault = (run: Run, settled: ReadonlyArray<SettledRow>): ReadonlySet<string> =>
  new Set(
    tagRowsOf(settled, run.judge.studyKeywords).map(({ seriesInstanceUid, issue: { keyword } }) =>
      placeText({ seriesInstanceUid, keyword }),
    ),
  )

const remove = async (run: Run, stale: ReadonlyArray<TagRowKey>): Result<void> => {
  if (stale.length === 0) return E.right(undefined)
  // As for the rows that are written: a run that slept tells old news.
  const held = await retrying(run, run.lease.confirm())
  return E.isLeft(held) ? held : retrying(run, run.ports.errors.removeTags(stale))
}

/** A study, and the rows of all its live instances: what was read in parts says nothing about the rest. */
export interface SettledStudy {
  readonly study: StudyKey
  readonly settled: ReadonlyArray<SettledRow>
}

/** Takes away the rows of tags that no instance of the study bears out any more: how many. */
export const settleTagsOfStudy = (run: Run, study: StudyKey, settled: ReadonlyArray<SettledRow>): Result<number> =>
  settleTagsOfStudies(run, [{ study, settled }])

/** The same of many: one request, or, where there are many rows, a request each, some beside each other. */
export const settleTagsOfStudies = async (run: Run, studies: ReadonlyArray<SettledStudy>): Result<number> => {
  const standing = await standingTags(
    run,
    studies.map(({ study }) => study),
  )
  if (E.isLeft(standing)) return standing
  if (standing.right.length === 0) return E.right(0)
  const places = new Map(studies.map(({ study, settled }) => [studyKeyText(study), placesAtFault(run, settled)]))
  const stale = standing.right.filter((row) => places.get(studyKeyText(row))?.has(placeText(row)) !== true)
  return E.map(() => stale.length)(await remove(run, stale))
}

const standingTags = async (run: Run, studies: ReadonlyArray<StudyKey>): Result<ReadonlyArray<TagRowKey>> => {
  const { errors } = run.ports
  const among = studies.length > 1 ? await retrying(run, errors.tagRowsAmong(studies)) : E.right(O.none)
  if (E.isLeft(among)) return among
  if (O.isSome(among.right)) return E.right(among.right.value)
  const rows: Array<TagRowKey> = []
  for (const together of RA.chunksOf(atOnce)(studies)) {
    for (const listed of await Promise.all(together.map((study) => retrying(run, errors.tagRows(study))))) {
      if (E.isLeft(listed)) return listed
      rows.push(...listed.right)
    }
  }
  return E.right(rows)
}

/**
 * Takes away the rows of tags that a batch has shown to be true no more: a correction was read without the fault, or the
 * study or series is gone. One request for each study that was corrected or deleted from.
 */
export const settleTags = async (run: Run, fails: FailIndex, settled: ReadonlyArray<SettledRow>): Result<void> => {
  const stale: Array<TagRowKey> = []
  for (const together of RA.chunksOf(atOnce)(byStudy(settled))) {
    const answers = await Promise.all(together.map((rows) => staleAmong(run, fails, rows)))
    for (const answer of answers) {
      if (E.isLeft(answer)) return answer
      stale.push(...answer.right)
    }
  }
  return remove(run, stale)
}

/** Of the study that all these rows are of. */
const staleAmong = async (
  run: Run,
  fails: FailIndex,
  rows: ReadonlyArray<SettledRow>,
): Result<ReadonlyArray<TagRowKey>> => {
  const { partition = '', studyInstanceUid = '' } = rows[0]?.key ?? {}
  const study = { partition, studyInstanceUid }
  const listed = await retrying(run, run.ports.errors.tagRows(study))
  if (E.isLeft(listed)) return listed
  const places = placesAtFault(run, rows)
  const doubtful = listed.right.filter((row) => !places.has(placeText(row)))
  const gone = await goneOf(run, fails, study, rows, doubtful)
  if (E.isLeft(gone)) return gone
  return E.right([...new Set([...doubtful.filter(isCorrectedBy(rows)), ...gone.right])])
}

/** Of rows that were read again, as settleTags is told them: what they say is so now, whatever the feed said when. */
export const asOfNow = (settled: ReadonlyArray<SettledRow>): ReadonlyArray<SettledRow> =>
  settled.map((row) => (row.names === undefined ? row : { ...row, sequence: Infinity, says: 'Corrected' }))

/** The rows of the studies that were corrected or deleted from. */
const byStudy = (settled: ReadonlyArray<SettledRow>): ReadonlyArray<ReadonlyArray<SettledRow>> => {
  const studyOf = ({ key: { partition = '', studyInstanceUid = '' } }: SettledRow): string =>
    studyKeyText({ partition, studyInstanceUid })
  const studies = new Map(
    settled.flatMap((row) => (row.says === undefined ? [] : [[studyOf(row), [] as SettledRow[]]])),
  )
  for (const row of settled) studies.get(studyOf(row))?.push(row)
  return [...studies.values()]
}

const isIn = ({ seriesInstanceUid }: TagRowKey, { key }: Pick<SettledRow, 'key'>): boolean =>
  seriesInstanceUid === undefined || seriesInstanceUid === key.seriesInstanceUid

// A late correction knows nothing of a fault that came after it.
const isCorrectedBy =
  (rows: ReadonlyArray<SettledRow>) =>
  (tag: TagRowKey): boolean =>
    rows.some((row) => row.says === 'Corrected' && row.sequence > tag.lastSequence && isIn(tag, row))

/** A recorded instance may not say of which series it is. */
const unnamed = ''

/** Of places from which something was deleted: those where neither FHIR nor a fail table has an instance any more. */
const goneOf = async (
  run: Run,
  fails: FailIndex,
  study: StudyKey,
  rows: ReadonlyArray<SettledRow>,
  doubtful: ReadonlyArray<TagRowKey>,
): Result<ReadonlyArray<TagRowKey>> => {
  const suspects = doubtful.filter((tag) => rows.some((row) => row.says === 'Gone' && isIn(tag, row)))
  if (suspects.length === 0) return E.right([])
  const snapshot = await loadSnapshot(run, [probe(study)], [])
  if (E.isLeft(snapshot)) return snapshot
  const identifier = studyIdentifier(study.studyInstanceUid).value ?? ''
  const held = findStudy(snapshot.right, run.settings, study.partition, identifier)
  const series = new Set((held?.series ?? []).map(({ uid }) => uid))
  const ofStudy = (row: Partial<StudyKey>): boolean =>
    row.partition === study.partition && row.studyInstanceUid === study.studyInstanceUid
  for (const row of fails.rows.values()) if (ofStudy(row)) series.add(row.seriesInstanceUid ?? unnamed)
  return E.right(
    suspects.filter(({ seriesInstanceUid: uid }) =>
      uid === undefined ? series.size === 0 : !series.has(uid) && !series.has(unnamed),
    ),
  )
}
