import type { Patient } from 'fhir/r4'
import type { EntryError } from '../cast-error'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { studyIdentifier } from '../fhir/identifiers'
import type { Applied } from '../mapping/mapped'
import { upsertInstance } from '../mapping/merge-study'
import { keepStatedOfStudy } from '../mapping/stated'
import { type StudyDraft, openStudy } from '../mapping/study-draft'
import type { MappingSettings } from '../mapping/settings'
import type { SaidOfPatients, StudyAge } from './newest-study'
import type { ForeignStudy } from './foreign-names'
import type { LiveRow, UpsertRow } from './judge'
import type { ObservationIndex } from './observation-index'
import { type Snapshot, findStudy, referencedId } from './snapshot'
import { type Asked, subjectSays } from './subject'

export interface PlanLimits {
  /** Of one bundle, the position's entry left out. */
  readonly entries: number
  readonly bytes: number
}

export interface PlanInput {
  readonly settings: MappingSettings
  readonly limits: PlanLimits
  readonly snapshot: Snapshot
  /** Studies that were read whole, by study key: the rows of their live instances. */
  readonly readings: ReadonlyMap<string, ReadonlyArray<UpsertRow>>
  /** Resources that the server refuses to delete, as references: they are emptied. */
  readonly keep: ReadonlySet<string>
  /**
   * The verdicts of an earlier plan of this batch whose transactions were sent: the Patient that its rows meet now is
   * their own doing, and no longer speaks for or against them.
   */
  readonly verdicts?: ReadonlyMap<string, boolean>
  /** The highest sequence that an earlier run's last transaction held. */
  readonly reached?: number
  /** What of this batch is stored already: older rows only fill. */
  readonly said?: SaidOfPatients
  /** What this run created (`creates` of its entries), and the id: a server may not find it at once, or ever. */
  readonly created?: ReadonlyMap<string, string | undefined>
  /** Write the Patients, and nothing that needs them. */
  readonly patientsAlone: boolean
  /**
   * A reading only says whose the study is: its other instances come with rows of their own. Else one that FHIR
   * refuses would take along every row that it is split from.
   */
  readonly rowsAlone?: boolean
  /**
   * By study (studyKeyText) the instances (instanceKeyText) on record as PatientMismatch: they are witnesses, and come
   * in when the reason is gone; a run that died may have stored them already. Beside them those that have no vote.
   */
  readonly mismatched?: Mismatched
  /** What is alive (instanceKeyText) in studies that were read: of what is known, all that the archive does not say is gone. */
  readonly alive?: ReadonlyMap<string, ReadonlySet<string>>
  /**
   * In a rebuild all live instances of the studies, also those that are written apart from these rows: each is a
   * witness and has a say on values, and no order tells who came first.
   */
  readonly rebuilt?: ReadonlyArray<LiveRow>
  /** The clock's, as YYYY-MM-DD. */
  readonly today?: string
  /** Our studies of a Patient (id) that FHIR holds; only of those that an earlier plan wanted to know them of. */
  readonly ages?: ReadonlyMap<string, ReadonlyArray<StudyAge>>
  /** Conflicts that an operator let through (acceptedDigest). */
  readonly accepted?: ReadonlySet<string>
  /** Coalesced, in sequence order. */
  readonly rows: ReadonlyArray<LiveRow>
}

export type Mismatched = ReadonlyMap<string, ReadonlyMap<string, Mismatch>>

/** `hasNoVote`: it stands recorded because of its own Patient, and is no witness of whose its study is. */
interface Vote {
  readonly hasNoVote?: true
}

/** `sequence`: of its row in this batch, of which those before have not heard; `recordedAs`: in an earlier one, 0 without entry. */
export type Mismatch = InstanceKey & Vote & { readonly sequence?: number; readonly recordedAs?: number }

/** A row of this batch that was recorded. */
export type Stray = Vote & { readonly row: LiveRow }

export interface PatientDraft {
  /** The reference to it, also while it is only about to be created. */
  readonly reference: string
  readonly key: string
  readonly base: Patient | undefined
  resource: Patient | undefined
  applied: Applied<Patient> | undefined
  /** Whether the last two that were compared are two people: the images of a series claim the same. */
  compared: { readonly known: Patient; readonly claimed: Patient; readonly conflict: boolean } | undefined
  readonly kept: Set<keyof Patient>
  /** Identifiers (patientKeyText) whose instances, in a rebuild, have said what stays. */
  readonly keptFor: Set<string>
}

export interface Fold {
  readonly input: PlanInput
  readonly observations: ObservationIndex
  /** Whose study writes an Observation, by its id: a transaction may hold it once. */
  readonly observationOwners: Map<string, StudyFold>
  readonly patients: Map<string, PatientDraft | EntryError>
  /** Patients that are only about to be created, by their identifier. */
  readonly created: Map<string, PatientDraft>
  readonly patientsById: Map<string, PatientDraft>
  /** Identifiers of merged Patients: they stay with those, and are not given to the target of the link. */
  readonly followed: Set<string>
  readonly studies: Map<string, StudyFold>
  /** Who changes a study of FHIR, by its id: two partitions may find one that is nobody's yet. */
  readonly owners: Map<string, StudyFold>
  /** Studies (studyKeyText) with a row that goes on when another study is written: later rows of theirs wait with it. */
  readonly waitingFor: Map<string, StudyFold>
  /** They have asked what they were to ask. */
  readonly probes: Array<LiveRow>
  readonly doubts: Map<string, Pick<InstanceKey, 'partition' | 'studyInstanceUid'>>
  /** Patients (ids) of whom a value may change: that depends on which of their studies is the newest. */
  readonly agesWanted: Set<string>
  /** Studies of FHIR (references) that this plan deletes, or gives to somebody else, without all their Observations. */
  readonly leaving: Set<string>
  /** By instanceKeyText: what came in with a study that was read whole, and stands there still. */
  readonly syncedInstances: Map<string, InstanceKey>
  /** Partitions that another one's name stands for in other case. */
  readonly otherSpellings: ReadonlySet<string>
  readonly verdicts: Map<string, boolean>
}

type DosedRow = UpsertRow & Required<Pick<UpsertRow, 'dose'>>

export const hasDose = (row: LiveRow): row is DosedRow => row._tag === 'Upsert' && row.dose !== undefined

export interface StudyFold {
  readonly partition: string
  readonly uid: string
  draft: StudyDraft
  /** The Patient of the study so far; none while only FHIR's own reference is known. */
  patient: PatientDraft | undefined
  readonly patients: Set<PatientDraft>
  readonly rows: Array<LiveRow>
  /** The identifier that each row so far named, by instance (instanceKeyText): they are witnesses. */
  readonly told: Map<string, string>
  /** Images that were added to a study whose subject is not ours to touch (instanceKeyText), and whom all of it name. */
  readonly joined: Set<string>
  foreign: ForeignStudy | undefined
  /** Rows of other studies that go on when this one is written: their instances stood here. */
  readonly waiting: Array<LiveRow>
  /** Rows that are not stored, and of which nothing was. */
  readonly recorded: Array<{ row: LiveRow; error: EntryError }>
  /** Something of it was taken out, for whichever row: those that are not stored wait for that, too. */
  lost: boolean
  /** Those of which something was: they are recorded when it is gone. */
  readonly takenOut: Array<{ row: LiveRow; error: EntryError }>
  /** Rows of the dose reports in hand, by instance (instanceKeyText), in the order of their last rows. */
  readonly reports: Map<string, DosedRow>
  /** The Patient with whose instances it was brought in step. */
  syncedFor: PatientDraft | undefined
  /** Whether those on record were asked whose they are now. */
  recalled: boolean
}

export const askedOf = ({ input: { settings, snapshot, today }, patientsById: drafts }: Fold): Asked => ({
  ...{ settings, snapshot, today, drafts },
})

export const studyOf = (fold: Fold, row: Pick<LiveRow, 'key'>): StudyFold => {
  const key = studyKeyText(row.key)
  const known = fold.studies.get(key)
  const owner = fold.owners.get(known?.draft.base?.id ?? '')
  if (known !== undefined && owner !== undefined && owner !== known) known.draft = openStudy(undefined)
  if (known !== undefined) return known
  const { snapshot, settings } = fold.input
  const { partition, studyInstanceUid: uid } = row.key
  const base = findStudy(snapshot, settings, partition, studyIdentifier(uid).value ?? '')
  const study: StudyFold = {
    partition,
    uid,
    draft: openStudy(fold.owners.has(base?.id ?? '') ? undefined : base),
    patient: undefined,
    patients: new Set(),
    rows: [],
    told: new Map(),
    joined: new Set(),
    foreign: undefined,
    waiting: [],
    recorded: [],
    lost: false,
    takenOut: [],
    reports: new Map(),
    syncedFor: undefined,
    recalled: false,
  }
  fold.studies.set(key, study)
  for (const each of fold.input.rebuilt ?? []) {
    if (each._tag === 'Upsert' && studyKeyText(each.key) === key) {
      keepStatedOfStudy(study.draft, each.key.seriesInstanceUid, each.change)
    }
  }
  return study
}

/** `patient`: none when the subject is not ours to touch. */
export const applyToStudy = (fold: Fold, study: StudyFold, patient: PatientDraft | undefined, row: UpsertRow): void => {
  const { settings } = fold.input
  if (patient !== undefined) hangOn(fold, study, patient, row)
  upsertInstance(study.draft, settings, row.key, row, row.change)
  // Of copies in two series the last row is the last word.
  if (study.reports.size > 0) study.reports.delete(instanceKeyText(row.key))
  if (hasDose(row)) study.reports.set(instanceKeyText(row.key), row)
  own(fold, study)
}

const hangOn = (fold: Fold, study: StudyFold, patient: PatientDraft, { identity }: UpsertRow): void => {
  // Who is not in FHIR, and whose the study was only until this row, is not created for it: he might be refused.
  const { patient: former } = study
  if (former !== undefined && former !== patient && former.base === undefined) study.patients.delete(former)
  study.patient = patient
  study.patients.add(patient)
  const { draft } = study
  const { settings } = fold.input
  const subject = referencedId(settings.fhirBase, 'Patient', draft.subject)
  // A reference that is right already stays as it stands: others may have added a display to it.
  if (subject !== undefined && subject === patient.base?.id) return
  const isLogical = draft.subject?.reference === undefined && draft.subject?.identifier !== undefined
  const claim = { identity, patientId: patient.base?.id }
  const isEqual = isLogical && subjectSays(askedOf(fold), draft.subject, undefined, claim) === 'Equal'
  // A search by patient finds a literal reference only.
  const { reference = '' } = draft.subject ?? {}
  draft.subject = { ...(isEqual ? draft.subject : {}), reference: patient.reference }
  if (reference.startsWith('#')) dropContained(draft, reference)
}

/** A contained resource to which nothing refers any more makes the study invalid (dom-3). */
const dropContained = (draft: StudyDraft, reference: string): void => {
  if (draft.fields === undefined) return
  const { contained = [], ...rest } = draft.fields
  const others = contained.filter(({ id }) => `#${id}` !== reference)
  const text = JSON.stringify([
    { ...rest, subject: undefined },
    others,
    [...draft.series.values()].map(({ fields }) => fields),
  ])
  if (text.includes(JSON.stringify(reference))) return
  draft.fields = others.length === 0 ? rest : { ...rest, contained: others }
}

export const own = (fold: Fold, study: StudyFold): void => {
  const { base, touched } = study.draft
  if (touched && base?.id !== undefined) fold.owners.set(base.id, study)
}
