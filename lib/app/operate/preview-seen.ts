import type { ImagingStudy } from 'fhir/r4'
import type { Mismatched } from '../../domain/batch/fold'
import type { LiveRow, UpsertRow } from '../../domain/batch/judge'
import { type Snapshot, findPatient, findStudy, referencedId } from '../../domain/batch/snapshot'
import type { EntryError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { studyIdentifier } from '../../domain/fhir/identifiers'
import { carriesOurMark, carriesOurTag, isOfService } from '../../domain/fhir/provenance'
import { patientKeyText } from '../../domain/mapping/patient-identity'
import type { Run } from '../context'

// What a preview has seen so far, each Patient and study once.

type Kind = 'create' | 'update' | 'unchanged' | 'inConflict'
type StudyKind = 'create' | 'adopt' | 'update' | 'unchanged'

export interface Seen {
  readonly patients: Map<string, Kind>
  readonly studies: Map<string, StudyKind>
  /** Studies that get another subject; of one of the original's whose Patient would be made anew, that (patientKeyText). */
  readonly repointed: Map<string, string | undefined>
  /** Of those without a system. */
  readonly issuers: Set<string>
  readonly errors: Array<EntryError>
  /** By instance. */
  readonly withdrawn: Set<string>
  entries: number
  unchanged: number
  superseded: number
  skipped: number
  /** What stands recorded has a say on whose its study is. */
  readonly mismatched: Mismatched
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

export const notePatient = (
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

export const noteStudy = (run: Run, snapshot: Snapshot, seen: Seen, { row, written }: Noted<LiveRow>): void => {
  const { key, _tag } = row
  const text = studyKeyText(key)
  if (!isOpen(seen.studies.get(text))) return
  const held = findStudy(snapshot, run.settings, key.partition, studyIdentifier(key.studyInstanceUid).value ?? '')
  // A delete of what is not there creates nothing.
  if (held === undefined && _tag === 'Delete') return
  seen.studies.set(text, held === undefined ? 'create' : kindOf(run, held, written))
}

export const noteRepointed = (run: Run, snapshot: Snapshot, seen: Seen, { key, identity }: UpsertRow): void => {
  const { dicom, fhirBase } = run.settings
  const held = findStudy(snapshot, run.settings, key.partition, studyIdentifier(key.studyInstanceUid).value ?? '')
  const subject = referencedId(fhirBase, 'Patient', held?.subject)
  const hit = findPatient(snapshot, run.settings, identity)
  // What others wrote keeps its subject.
  if (held === undefined || subject === undefined || !isOfService(held.meta, dicom) || hit._tag === 'Unusable') return
  if (hit._tag === 'Found' && hit.patient.id === subject) return
  const isAnew = hit._tag === 'None' && !carriesOurTag(held.meta)
  seen.repointed.set(studyKeyText(key), isAnew ? patientKeyText(identity) : undefined)
}

const kindOf = (run: Run, { id = '', meta }: ImagingStudy, written: ReadonlySet<string>): StudyKind => {
  if (!written.has(`ImagingStudy/${id}`)) return 'unchanged'
  return carriesOurMark(meta, run.settings.dicom) ? 'update' : 'adopt'
}

export const tally = <K extends string>(
  kinds: ReadonlyMap<string, K>,
  zero: Readonly<Record<K, number>>,
): Record<K, number> => {
  const counts: Record<K, number> = { ...zero }
  for (const kind of kinds.values()) counts[kind] += 1
  return counts
}
