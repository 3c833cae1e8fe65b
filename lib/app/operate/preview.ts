import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ImagingStudy } from 'fhir/r4'
import { coalesce } from '../../domain/batch/coalesce'
import type { LiveRow, UpsertRow } from '../../domain/batch/judge'
import { recordedIn } from '../../domain/batch/plan'
import { type Snapshot, findPatient, findStudy } from '../../domain/batch/snapshot'
import type { EntryError, ServiceError } from '../../domain/cast-error'
import { type Checkpoint, newCheckpoint, headOf } from '../../domain/checkpoint'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { carriesOurMark } from '../../domain/fhir/provenance'
import { studyIdentifier } from '../../domain/fhir/identifiers'
import { patientKeyText } from '../../domain/mapping/patient-identity'
import { type CastSettings, type Run, remainingMs, retrying } from '../context'
import { lookUnderName } from '../feed-name'
import { plannedWrites } from '../cast/planned-writes'
import { lookAhead } from '../cast/prepare'
import { type Operated, type OperatorOptions, looking, service } from './operating'
import type { OperatorPorts } from '../ports-operator'
import { type FeedBatch, newReading, readFeed } from '../feed/read-feed'
import { countByCode } from './resync'

export interface Preview {
  readonly from: number
  readonly to: number
  readonly head: number
  readonly batches: number
  readonly entries: number
  /** Each Patient and study once, however many entries name it. */
  readonly patients: {
    readonly create: number
    readonly update: number
    /** Found, and as it should be. */
    readonly unchanged: number
    readonly inConflict: number
  }
  readonly studies: {
    readonly create: number
    /** Written by the original, or by another system. */
    readonly adopt: number
    /** Written by us before. */
    readonly update: number
    /** It stays as it is. */
    readonly unchanged: number
  }
  readonly unchanged: number
  readonly superseded: number
  /** Of partitions that are not synced. */
  readonly skipped: number
  /** Entries, by code. */
  readonly recorded: Readonly<Partial<Record<EntryError['_tag'], number>>>
  /** True when it looked up to the head. */
  readonly complete: boolean
}

export interface PreviewRequest {
  readonly batches: number
  /** None: where the checkpoint is. */
  readonly fromSequence: number | undefined
}

type Kind = 'create' | 'update' | 'unchanged' | 'inConflict'
type StudyKind = 'create' | 'adopt' | 'update' | 'unchanged'

interface Seen {
  readonly patients: Map<string, Kind>
  readonly studies: Map<string, StudyKind>
  readonly errors: Array<EntryError>
  entries: number
  unchanged: number
  superseded: number
  skipped: number
}

/** What the next batches would do. Nothing is written, and no lease is taken: a run beside it may be faster. */
export const preview = async (
  ports: OperatorPorts,
  settings: CastSettings,
  options: OperatorOptions,
  { batches, fromSequence }: PreviewRequest,
): Promise<Operated<Preview>> => {
  const run = looking(ports, settings, options)
  const known = await lookUnderName(run)
  if (E.isLeft(known)) return service(known.left)
  const begin = await startOf(run, fromSequence)
  if (E.isLeft(begin)) return begin
  const seen: Seen = {
    patients: new Map(),
    studies: new Map(),
    errors: [],
    entries: 0,
    unchanged: 0,
    superseded: 0,
    skipped: 0,
  }
  let checkpoint = begin.right
  const from = checkpoint.syncedSequence
  let [head, done, complete] = [from, 0, false]
  const reading = newReading()
  while (done < batches && !complete && remainingMs(run) > 0 && !run.stopping()) {
    const feed = await readFeed(run, checkpoint, settings.batchSize, reading)
    if (E.isLeft(feed)) return service(feed.left)
    const looked = await lookAt(run, feed.right, seen)
    if (E.isLeft(looked)) return service(looked.left)
    head = feed.right.head
    complete = feed.right.reachedHead || feed.right.rows.length === 0
    checkpoint = { ...newCheckpoint(feed.right.rows.at(-1)?.sequence ?? checkpoint.syncedSequence) }
    done += 1
    options.steps?.(done, batches)
  }
  return E.right({
    ...{ from, to: checkpoint.syncedSequence, head, batches: done, complete },
    ...{ entries: seen.entries, unchanged: seen.unchanged, superseded: seen.superseded, skipped: seen.skipped },
    patients: tally(seen.patients, { create: 0, update: 0, unchanged: 0, inConflict: 0 }),
    studies: tally(seen.studies, { create: 0, adopt: 0, update: 0, unchanged: 0 }),
    recorded: countByCode(seen.errors),
  })
}

const startOf = async (run: Run, fromSequence: number | undefined): Promise<Operated<Checkpoint>> => {
  const { startFrom } = run.settings
  if (fromSequence === undefined) {
    const read = await retrying(run, run.ports.checkpoints.read())
    if (E.isLeft(read)) return service(read.left)
    if (O.isSome(read.right)) return E.right(read.right.value.checkpoint)
    if (startFrom !== 'now') return E.right(newCheckpoint(startFrom === 'beginning' ? 0 : startFrom))
  }
  const latest = await retrying(run, run.ports.dicom.latest())
  if (E.isLeft(latest)) return service(latest.left)
  const head = headOf(latest.right)
  return (fromSequence ?? head) > head
    ? E.left({ _tag: 'Refused', reason: `the head of the change feed is ${head}: nothing can be behind it` })
    : E.right(newCheckpoint(fromSequence ?? head))
}

const lookAt = async (run: Run, feed: FeedBatch, seen: Seen): Promise<E.Either<ServiceError, void>> => {
  const live: Array<LiveRow> = []
  for (const judgement of feed.judged) {
    seen.entries += 1
    if (judgement._tag === 'Live') live.push(judgement.row)
    else if (judgement._tag === 'Recorded') seen.errors.push(judgement.row.error)
    else if (judgement._tag === 'Skipped') seen.skipped += 1
    else seen.superseded += 1
  }
  const { live: rows, superseded } = coalesce(live)
  seen.superseded += superseded.length
  if (rows.length === 0) return E.right(undefined)
  const ahead = await lookAhead(run, rows)
  if (E.isLeft(ahead)) return ahead
  const { plan, snapshot } = ahead.right
  seen.unchanged += plan.unchanged.length
  const errors = recordedIn(plan)
  seen.errors.push(...errors.map(({ error }) => error))
  const recorded = new Map(errors.map(({ row, error }) => [row, error]))
  const written = new Set(plannedWrites(plan, snapshot).map(({ type, id }) => `${type}/${id ?? ''}`))
  for (const row of rows) {
    if (row._tag === 'Upsert') notePatient(run, snapshot, seen, { row, error: recorded.get(row), written })
    if (!recorded.has(row)) noteStudy(run, snapshot, seen, { row, written })
  }
  return E.right(undefined)
}

const conflicts: ReadonlySet<EntryError['_tag']> = new Set([
  'DemographicsConflict',
  'PatientAmbiguous',
  'PatientInactive',
  'PatientMismatch',
])

interface Noted<Row> {
  readonly row: Row
  /** `Patient/{id}` of what is there and would be written. */
  readonly written: ReadonlySet<string>
}

/** What stays as it is for one batch may be written for the next. */
const isOpen = (kind: string | undefined): boolean => kind === undefined || kind === 'unchanged'

const notePatient = (
  run: Run,
  snapshot: Snapshot,
  seen: Seen,
  { row, error, written }: Noted<UpsertRow> & { readonly error: EntryError | undefined },
): void => {
  const key = patientKeyText(row.identity)
  if (error !== undefined && conflicts.has(error._tag)) seen.patients.set(key, 'inConflict')
  if (error !== undefined || !isOpen(seen.patients.get(key))) return
  const hit = findPatient(snapshot, run.settings, row.identity)
  const isWritten = hit._tag === 'Found' && written.has(`Patient/${hit.patient.id ?? ''}`)
  seen.patients.set(key, hit._tag !== 'Found' ? 'create' : isWritten ? 'update' : 'unchanged')
}

const noteStudy = (run: Run, snapshot: Snapshot, seen: Seen, { row, written }: Noted<LiveRow>): void => {
  const { key, _tag } = row
  const text = studyKeyText(key)
  if (!isOpen(seen.studies.get(text))) return
  const held = findStudy(snapshot, run.settings, key.partition, studyIdentifier(key.studyInstanceUid).value ?? '')
  // A delete of what is not there creates nothing.
  if (held === undefined && _tag === 'Delete') return
  seen.studies.set(text, held === undefined ? 'create' : kindOf(run, held, written))
}

const kindOf = (run: Run, { id = '', meta }: ImagingStudy, written: ReadonlySet<string>): StudyKind => {
  if (!written.has(`ImagingStudy/${id}`)) return 'unchanged'
  return carriesOurMark(meta, run.settings.dicom) ? 'update' : 'adopt'
}

const tally = <K extends string>(
  kinds: ReadonlyMap<string, K>,
  zero: Readonly<Record<K, number>>,
): Record<K, number> => {
  const counts: Record<K, number> = { ...zero }
  for (const kind of kinds.values()) counts[kind] += 1
  return counts
}
