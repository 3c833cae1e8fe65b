import * as E from 'fp-ts/Either'
import { isUid } from '../../domain/backfill/parts'
import { type NoteRow, placeOf, withNotes } from '../../domain/batch/rejected'
import type { ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type Run, retrying } from '../context'
import { canBeOneRow } from '../feed/isolate-rows'
import { type StudyKey, judgeInstance } from '../operate/resync'
import type { BackfillPorts } from '../ports-backfill-store'
import { readFailIndex } from '../run/fail-index'
import { unlistedOf } from './unlisted'

// What the error tables tell, and entries of the feed would have ended that the checkpoint is about to pass by.

type Result<A> = Promise<E.Either<ServiceError, A>>

const isElsewhere = (study: string, name: string): boolean => placeOf(name).studyInstanceUid !== study

/** Studies that have rows and are not listed are left over, and those from which a note in another study takes images. */
export const leaveOverByRows = async (
  run: Run,
  ports: BackfillPorts,
  id: string,
  partitions: ReadonlyArray<string>,
): Result<void> => {
  const index = await readFailIndex(run)
  if (E.isLeft(index)) return index
  for (const partition of partitions) {
    const [named, noted] = [new Set<string>(), new Set<string>()]
    for (const { studyInstanceUid: uid, ...row } of index.right.rows.values()) {
      if (row.partition !== partition || uid === undefined || !isUid(uid)) continue
      const isNoted = row.rejected?.notes.some(({ name }) => isElsewhere(uid, name)) === true
      ;(isNoted ? noted : named).add(uid)
    }
    const unlisted = await unlistedOf(run, ports, id, partition, [...named])
    if (E.isLeft(unlisted)) return unlisted
    const keys = [...new Set([...noted, ...unlisted.right])].map((studyInstanceUid) => ({
      partition,
      studyInstanceUid,
    }))
    const left = keys.length === 0 ? E.right(undefined) : await retrying(run, ports.backfills.leaveOver(id, keys))
    if (E.isLeft(left)) return left
  }
  return E.right(undefined)
}

/** Notes in other studies of which the rows of these studies tell are heard as they are now: gone, or listing others. */
export const hearNotesElsewhere = async (
  run: Run,
  studies: ReadonlyArray<StudyKey>,
): Promise<E.Either<ServiceError, void>> => {
  const { rejected = new Map(), settings } = run
  const wanted = new Set(studies.map(studyKeyText))
  const notes = new Map<string, NoteRow['key']>()
  for (const { key, error } of rejected.values()) {
    if (!wanted.has(studyKeyText(key))) continue
    for (const { name } of error.notes) {
      if (isElsewhere(key.studyInstanceUid, name)) notes.set(`${key.partition} ${name}`, { ...key, ...placeOf(name) })
    }
  }
  const heard: Array<NoteRow> = []
  for (const key of notes.values()) {
    const now = await noteNow(run, key)
    if (E.isLeft(now)) return now
    if (now.right !== undefined) heard.push(now.right)
  }
  const after = withNotes(rejected, heard, settings.hidesRejectedForQuality)
  run.rejected = new Map([...after].filter(([, { error }]) => error.notes.length > 0))
  return E.right(undefined)
}

/** None where its study cannot be read: it may be there still. */
const noteNow = async (run: Run, key: NoteRow['key']): Promise<E.Either<ServiceError, NoteRow | undefined>> => {
  const study = await retrying(run, run.ports.dicom.study(key.partition, key.studyInstanceUid))
  if (E.isLeft(study)) return canBeOneRow(study.left) ? E.right(undefined) : study
  const metadata = study.right.find((json) => run.judge.uidsOf(json).sopInstanceUid === key.sopInstanceUid)
  const judged = metadata === undefined ? undefined : judgeInstance(run, key, metadata, 1)
  const row = judged?._tag === 'Live' && judged.row._tag === 'Delete' ? judged.row : undefined
  return E.right({ key: row?.key ?? key, note: row?.note })
}
