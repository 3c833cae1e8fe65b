import * as E from 'fp-ts/Either'
import { isUid } from '../../domain/backfill/parts'
import { type NoteRow, placeOf, withNotes } from '../../domain/batch/rejected'
import type { ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type Run, retrying } from '../context'
import type { StudyKey } from '../operate/resync'
import type { BackfillPorts } from '../ports-backfill-store'
import { readFailIndex } from '../run/fail-index'
import { isThere } from '../run/moved-notes'

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
    const unlisted = await retrying(run, ports.backfills.unknown(id, partition, [...named]))
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

/** What rows tell of notes in other studies that are gone, they tell of these studies no more. */
export const forgetGoneNotes = async (run: Run, studies: ReadonlyArray<StudyKey>): Result<void> => {
  const { rejected = new Map(), settings } = run
  const wanted = new Set(studies.map(studyKeyText))
  const notes = new Map<string, NoteRow['key']>()
  for (const { key, error } of rejected.values()) {
    if (!wanted.has(studyKeyText(key))) continue
    for (const { name } of error.notes) {
      if (isElsewhere(key.studyInstanceUid, name)) notes.set(`${key.partition} ${name}`, { ...key, ...placeOf(name) })
    }
  }
  const gone: Array<NoteRow> = []
  for (const key of notes.values()) {
    const there = await isThere(run, key)
    if (E.isLeft(there)) return there
    if (!there.right) gone.push({ key, note: undefined })
  }
  const after = gone.length === 0 ? rejected : withNotes(rejected, gone, settings.hidesRejectedForQuality)
  run.rejected = new Map([...after].filter(([, { error }]) => error.notes.length > 0))
  return E.right(undefined)
}
