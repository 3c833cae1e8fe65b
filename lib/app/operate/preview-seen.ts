import type { ImagingStudy } from 'fhir/r4'
import type { Mismatched } from '../../domain/batch/fold'
import type { LiveRow, UpsertRow } from '../../domain/batch/judge'
import type { Plan } from '../../domain/batch/plan'
import { type Snapshot, findPatient, findStudy, referencedId } from '../../domain/batch/snapshot'
import { createdPatient } from '../../domain/batch/units'
import type { EntryError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { hasIdentifier, studyIdentifier } from '../../domain/fhir/identifiers'
import { carriesOurMark, carriesOurTag } from '../../domain/fhir/provenance'
import { patientKeyText } from '../../domain/mapping/patient-identity'
import { type PlannedWrite, plannedWrites } from '../cast/planned-writes'
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
  readonly issuers: ReadonlySet<string>
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

export const nothingSeen = (issuers: ReadonlySet<string>, mismatched: Mismatched): Seen => ({
  ...{ patients: new Map(), studies: new Map(), repointed: new Map(), errors: [], withdrawn: new Set() },
  ...{ entries: 0, unchanged: 0, superseded: 0, skipped: 0 },
  ...{ issuers, mismatched },
})

const conflicts: ReadonlySet<EntryError['_tag']> = new Set([
  'DemographicsConflict',
  'PatientAmbiguous',
  'PatientInactive',
  'PatientMismatch',
])

/** What a plan would write. */
export interface Planned {
  /** References of what is there. */
  readonly written: ReadonlySet<string>
  /** What is not there, by what it is known by (createdPatient). */
  readonly created: ReadonlySet<string>
  /** Ids of studies that would get another subject. */
  readonly moved: ReadonlySet<string>
}

export const plannedIn = (plan: Plan, snapshot: Snapshot): Planned => {
  const writes = plannedWrites(plan, snapshot)
  const isMoved = ({ type, elements = [] }: PlannedWrite): boolean =>
    type === 'ImagingStudy' && elements.includes('subject')
  return {
    written: new Set(writes.map(({ type, id }) => `${type}/${id ?? ''}`)),
    created: new Set(plan.units.flatMap(({ entries }) => entries).flatMap(({ creates }) => creates ?? [])),
    moved: new Set(writes.filter(isMoved).flatMap(({ id }) => id ?? [])),
  }
}

interface Noted<Row> {
  readonly row: Row
  readonly planned: Planned
}

/** What stays as it is for one batch may be written for the next. */
const isOpen = (kind: string | undefined): boolean => kind === undefined || kind === 'unchanged'

export const notePatient = (
  run: Run,
  snapshot: Snapshot,
  seen: Seen,
  { row, error, planned }: Noted<UpsertRow> & { readonly error: EntryError | undefined },
): void => {
  const key = patientKeyText(row.identity)
  if (error !== undefined && conflicts.has(error._tag)) seen.patients.set(key, 'inConflict')
  if (error !== undefined || !isOpen(seen.patients.get(key))) return
  if (planned.created.has(createdPatient(key))) {
    seen.patients.set(key, 'create')
    return
  }
  const id = foundFor(run, snapshot, row)
  // A study of another system may need nobody.
  if (id !== undefined) seen.patients.set(key, planned.written.has(`Patient/${id}`) ? 'update' : 'unchanged')
}

/** The Patient whose image it is: of several with one identifier the one that is the subject already. */
const foundFor = (run: Run, snapshot: Snapshot, { key, identity, studyDate }: UpsertRow): string | undefined => {
  const subject = referencedId(run.settings.fhirBase, 'Patient', heldStudy(run, snapshot, key)?.subject)
  const target = snapshot.patients.get(subject ?? '')
  if (hasIdentifier(target, identity.system, identity.value)) return subject
  const today = new Date(run.ports.clock.now()).toISOString().slice(0, 10)
  const hit = findPatient(snapshot, run.settings, identity, { today, studyDate })
  return hit._tag === 'Found' ? hit.patient.id : undefined
}

const heldStudy = (run: Run, snapshot: Snapshot, { partition, studyInstanceUid }: LiveRow['key']) =>
  findStudy(snapshot, run.settings, partition, studyIdentifier(studyInstanceUid).value ?? '')

export const noteStudy = (run: Run, snapshot: Snapshot, seen: Seen, { row, planned }: Noted<LiveRow>): void => {
  const { key, _tag } = row
  const text = studyKeyText(key)
  if (!isOpen(seen.studies.get(text))) return
  const held = heldStudy(run, snapshot, key)
  // A delete of what is not there creates nothing.
  if (held === undefined && _tag === 'Delete') return
  seen.studies.set(text, held === undefined ? 'create' : kindOf(run, held, planned))
}

export const noteRepointed = (run: Run, snapshot: Snapshot, seen: Seen, { row, planned }: Noted<UpsertRow>): void => {
  const { key, identity } = row
  const held = heldStudy(run, snapshot, key)
  const subject = referencedId(run.settings.fhirBase, 'Patient', held?.subject)
  if (held === undefined || subject === undefined || !planned.moved.has(held.id ?? '')) return
  const isAnew = planned.created.has(createdPatient(patientKeyText(identity))) && !carriesOurTag(held.meta)
  seen.repointed.set(studyKeyText(key), isAnew ? patientKeyText(identity) : undefined)
}

const kindOf = (run: Run, { id = '', meta }: ImagingStudy, { written }: Planned): StudyKind => {
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
