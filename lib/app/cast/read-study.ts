import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Mismatched } from '../../domain/batch/fold'
import type { LiveRow, UpsertRow } from '../../domain/batch/judge'
import { heedRejection } from '../../domain/batch/rejected'
import { type Snapshot, findStudy } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../../domain/dicom/change-feed-entry'
import { studyIdentifier } from '../../domain/fhir/identifiers'
import { type Run, retrying } from '../context'
import { type EntryRow, neighbourRows } from '../feed/ask-rows'
import { canBeOfStudy } from '../feed/isolate-rows'

type Study = Pick<InstanceKey, 'partition' | 'studyInstanceUid'>
type Result<A> = Promise<E.Either<ServiceError, A>>

/** How many instances are asked when the study cannot be read whole. */
const sampleSize = 100
const atOnce = 8

export interface StudyReading {
  /** The rows that its live instances would make. */
  readonly live: ReadonlyArray<UpsertRow>
  /**
   * All that is alive (instanceKeyText), castable or not; of a study that could not be read whole all that is known of
   * it, but what the archive says is not there. What it has withdrawn is not.
   */
  readonly alive: ReadonlySet<string>
}

/**
 * The live instances of a study whose PatientID is in doubt, as the rows they would make. Nothing when it cannot be
 * told on whom they agree: then the study stays with its patient. That none is found is no vote, since rows in hand
 * were live a moment ago: it is read again later, when the feed tells what became of them.
 */
export const readStudy = async (
  run: Run,
  study: Study,
  snapshot: Snapshot,
  { rows, mismatched }: { readonly rows: ReadonlyArray<LiveRow>; readonly mismatched: Mismatched },
): Result<StudyReading> => {
  const whole = await retrying(run, run.ports.dicom.study(study.partition, study.studyInstanceUid))
  if (E.isLeft(whole) && !canBeOfStudy(whole.left)) return whole
  const inHand = rows.flatMap((row) =>
    row._tag === 'Upsert' && studyKeyText(row.key) === studyKeyText(study) ? [row.key] : [],
  )
  // Of a study that is gone nothing was live a moment ago.
  if (E.isRight(whole) && (whole.right.length > 0 || inHand.length === 0)) {
    const keys = whole.right.map((json) => ({ ...study, ...run.judge.uidsOf(json) }))
    const alive = namesOf(keys.filter(isNotWithdrawn(run)))
    return E.right({ live: judged(run, study, snapshot, whole.right), alive })
  }
  const error = E.isLeft(whole) ? whole.left : notFound
  const recorded = mismatched.get(studyKeyText(study))?.values() ?? []
  const keys = knownInstances(run, study, snapshot, [...inHand, ...recorded])
  const read = await readEach(run, study, snapshot, keys.slice(0, sampleSize), error, {
    wasAlive: inHand.length > 0,
    canReadOthers: () => canReadOthers(run, study, rows[0]?.sequence ?? 1),
  })
  if (E.isLeft(read)) return read
  const { live, gone } = read.right
  const there = keys.filter((key) => !gone.has(instanceKeyText(key)))
  return E.right({ live, alive: namesOf(there.filter(isNotWithdrawn(run))) })
}

const namesOf = (keys: ReadonlyArray<InstanceKey>): ReadonlySet<string> => new Set(keys.map(instanceKeyText))

/** What only a note in hand withdraws goes behind the batch. */
const isNotWithdrawn =
  ({ rejected, unheard }: Run) =>
  (key: InstanceKey): boolean => {
    const text = instanceKeyText(key)
    return rejected?.get(text)?.error.isHidden !== true || unheard?.has(text) === true
  }

const notFound: ServiceError = {
  ...{ _tag: 'ServiceUnavailable', hop: 'dicom' },
  reason: 'a study is not to be found that is live in the change feed: was it deleted this moment?',
}

/**
 * What the archive has withdrawn has no say, and is not brought in. What FHIR holds, and only a note in hand withdraws, goes
 * behind the batch, when a row tells it. Until then the study is not given to somebody else over it: of a run that dies before
 * that, and a note that is corrected, nothing would be left that says so.
 */
const judged = (
  run: Run,
  study: Study,
  snapshot: Snapshot,
  datasets: ReadonlyArray<unknown>,
): ReadonlyArray<UpsertRow> => {
  const { rejected = new Map(), unheard = new Set() } = run
  const held = unheard.size === 0 ? [] : knownInstances(run, study, snapshot, [])
  const waits = new Set(held.map(instanceKeyText).filter((text) => unheard.has(text)))
  return datasets.flatMap((json) => {
    const row = run.judge.judgeDataset(json, study.partition)
    if (row === undefined) return []
    const isOut = heedRejection(rejected, row)._tag === 'Delete' && !waits.has(instanceKeyText(row.key))
    return isOut ? [] : [row]
  })
}

/** Of the rows in hand first: their metadata was read a moment ago. */
const knownInstances = (
  { settings }: Run,
  study: Study,
  snapshot: Snapshot,
  first: ReadonlyArray<InstanceKey>,
): ReadonlyArray<InstanceKey> => {
  const { partition, studyInstanceUid } = study
  const stored = findStudy(snapshot, settings, partition, studyIdentifier(studyInstanceUid).value ?? '')
  const inFhir = (stored?.series ?? []).flatMap(({ uid: seriesInstanceUid, instance = [] }) =>
    instance.map(({ uid: sopInstanceUid }) => ({ partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid })),
  )
  return [...new Map([...first, ...inFhir].map((key) => [instanceKeyText(key), key])).values()]
}

/** By the same route. */
const canReadOthers = async (run: Run, study: Study, sequence: number): Promise<boolean> => {
  const isOther = ({ entry }: EntryRow): boolean => studyKeyText(entry) !== studyKeyText(study)
  for (const { entry } of await neighbourRows(run, sequence - 1, 1, isOther)) {
    const read = await run.ports.dicom.instance(entry)()
    if (E.isRight(read) && O.isSome(read.right)) return true
  }
  return false
}

interface EachRead {
  readonly live: ReadonlyArray<UpsertRow>
  /** What is not there (instanceKeyText). */
  readonly gone: ReadonlySet<string>
}

interface Comparison {
  /** Of the study something was live a moment ago. */
  readonly wasAlive: boolean
  readonly canReadOthers: () => Promise<boolean>
}

/**
 * One unreadable instance makes the study unreadable. Each is asked alone; those that fail while others of the same
 * study can be read have no vote, as long as they are the smaller part. When none can be read, and no other row of the
 * feed either, the service is down; else nobody of this study can vote.
 */
const readEach = async (
  run: Run,
  study: Study,
  snapshot: Snapshot,
  keys: ReadonlyArray<InstanceKey>,
  error: ServiceError,
  { wasAlive, canReadOthers }: Comparison,
): Result<EachRead> => {
  const datasets: Array<unknown> = []
  const readable: Array<InstanceKey> = []
  const gone = new Set<string>()
  let open = keys
  const once = (key: InstanceKey): Result<O.Option<unknown>> => run.ports.dicom.instance(key)()
  const patiently = (key: InstanceKey): Result<O.Option<unknown>> => retrying(run, run.ports.dicom.instance(key))
  for (const ask of [once, patiently]) {
    const still: Array<InstanceKey> = []
    for (let start = 0; start < open.length; start += atOnce) {
      const chunk = open.slice(start, start + atOnce)
      const answers = await Promise.all(chunk.map(ask))
      for (const [index, answer] of answers.entries()) {
        const key = chunk[index]
        if (key === undefined) continue
        if (E.isLeft(answer)) still.push(key)
        else if (O.isNone(answer.right)) gone.add(instanceKeyText(key))
        else {
          readable.push(key)
          datasets.push(answer.right.value)
        }
      }
    }
    open = still
    if (readable.length === 0 && open.length > 0 && !(await canReadOthers())) return E.left(error)
  }
  if (readable.length === 0) return wasAlive && open.length === 0 ? E.left(notFound) : E.right({ live: [], gone })
  if (open.length === 0) return E.right({ live: judged(run, study, snapshot, datasets), gone })
  // Blamed by comparison: an instance of the same study must still be readable now.
  const [compared] = readable
  const again = compared === undefined ? E.left(error) : await once(compared)
  if (E.isLeft(again)) return E.left(error)
  return E.right({ live: open.length < readable.length ? judged(run, study, snapshot, datasets) : [], gone })
}
