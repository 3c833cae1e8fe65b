import * as E from 'fp-ts/Either'
import type { LiveRow } from '../../domain/batch/judge'
import { type NoteRow, type RejectedInstances, placeOf } from '../../domain/batch/rejected'
import type { ServiceError } from '../../domain/cast-error'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'
import { type Run, retrying } from '../context'
import { canBeOfStudy } from '../feed/isolate-rows'

type Numbered = NoteRow & { readonly sequence: number }

/**
 * Notes that got another StudyInstanceUID, of which no row of deletion need tell: a row names a note of the same
 * SOPInstanceUID, and where it stood before it is not any more. Else what it listed there would be hidden for ever.
 */
export const movedNotes = async (
  run: Run,
  rows: ReadonlyArray<LiveRow>,
  known: RejectedInstances,
): Promise<E.Either<ServiceError, ReadonlyArray<Numbered>>> => {
  const moved: Array<Numbered> = []
  if (known.size === 0) return E.right(moved)
  const places = placesOf(known)
  for (const { key, sequence } of rows.filter((row) => row._tag === 'Delete' && row.unowned === undefined)) {
    for (const studyInstanceUid of places.get(placeText(key.partition, key.sopInstanceUid)) ?? []) {
      if (studyInstanceUid === key.studyInstanceUid) continue
      const there = { ...key, studyInstanceUid }
      const lives = await isThere(run, there)
      if (E.isLeft(lives)) return lives
      if (!lives.right) moved.push({ key: there, note: undefined, sequence })
    }
  }
  return E.right(moved)
}

const placeText = (partition: string, sopInstanceUid: string): string => `${partition} ${sopInstanceUid}`

/** In which studies a note stands that lists something, by partition and SOPInstanceUID. */
const placesOf = (known: RejectedInstances): ReadonlyMap<string, ReadonlySet<string>> => {
  const places = new Map<string, Set<string>>()
  for (const { key, error } of known.values()) {
    for (const { name } of error.notes) {
      const { studyInstanceUid, sopInstanceUid } = placeOf(name)
      const place = placeText(key.partition, sopInstanceUid)
      places.set(place, (places.get(place) ?? new Set()).add(studyInstanceUid))
    }
  }
  return places
}

/** A study that cannot be read may hold it still. */
const isThere = async (run: Run, key: InstanceKey): Promise<E.Either<ServiceError, boolean>> => {
  const study = await retrying(run, run.ports.dicom.study(key.partition, key.studyInstanceUid))
  if (E.isRight(study)) {
    return E.right(study.right.some((json) => run.judge.uidsOf(json).sopInstanceUid === key.sopInstanceUid))
  }
  return canBeOfStudy(study.left) ? E.right(true) : study
}
