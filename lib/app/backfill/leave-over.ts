import * as E from 'fp-ts/Either'
import { laneOf } from '../../domain/backfill/lane'
import type { ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type Run, retrying } from '../context'
import type { ReadStudy } from '../operate/rebuild-studies'
import type { StudyKey, StudyRows } from '../operate/resync'
import type { BackfillPorts } from '../ports-backfill-store'
import { type FailIndex, wholeKey } from '../run/fail-index'

interface Reader {
  readonly run: Run
  readonly ports: BackfillPorts
  readonly index: FailIndex
  readonly backfillId: string
  readonly lanes: number
  /** None: the only writer at the end. */
  readonly lane?: number
}

/** By their text (studyKeyText). */
export interface LeftOver {
  /** Not to be cast here. */
  readonly foreign: ReadonlySet<string>
  /** To be cast once more, whatever is cast of them here. */
  readonly noted: ReadonlySet<string>
}

/**
 * A study of another lane's patient waits for the end: a worker that slept there could still create him. So does a study
 * that a rejection note of another one takes images from, whose own lane may have read it before. At the end itself such
 * a study may have been cast before the study of the note: it is left over again, unless a row tells the note already.
 */
export const leaveOver = async (
  { run, ports, index, backfillId, lanes, lane }: Reader,
  read: ReadonlyArray<ReadStudy>,
): Promise<E.Either<ServiceError, LeftOver>> => {
  const isForeign = ({ rows }: StudyRows): boolean =>
    lane !== undefined && rows.some((row) => row._tag === 'Upsert' && laneOf(row.identity.value, lanes) !== lane)
  const hidden = lane === undefined ? hiddenIn(index) : undefined
  const foreign = read.filter(({ study }) => isForeign(study)).map(({ key }) => key)
  const noted = read.flatMap(({ key, study }) => studiesOfNotes(key, study, hidden))
  const all = [...foreign, ...noted]
  if (all.length > 0) {
    const left = await retrying(run, ports.backfills.leaveOver(backfillId, all))
    if (E.isLeft(left)) return left
  }
  return E.right({ foreign: new Set(foreign.map(studyKeyText)), noted: new Set(noted.map(studyKeyText)) })
}

const hiddenIn = ({ rows }: FailIndex): ReadonlySet<string | undefined> =>
  new Set([...rows.values()].flatMap((row) => (row.rejected?.isHidden === true ? [wholeKey(row)] : [])))

/** `hidden`: of what is told already, and of what changes nothing in FHIR, none. */
const studiesOfNotes = (
  { partition, studyInstanceUid: own }: StudyKey,
  { rejected }: StudyRows,
  hidden: ReadonlySet<string | undefined> | undefined,
) =>
  rejected.flatMap(({ key, error }) => {
    const { studyInstanceUid } = key
    if (error._tag !== 'Rejected' || studyInstanceUid === undefined || studyInstanceUid === own) return []
    const isKnown = hidden !== undefined && (!error.isHidden || hidden.has(wholeKey(key)))
    return isKnown ? [] : [{ partition, studyInstanceUid }]
  })
