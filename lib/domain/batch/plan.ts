import type { Endpoint, Patient, Reference } from 'fhir/r4'
import type { EntryError } from '../cast-error'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { type TransactionEntry, createEntry, createdReference, deleteEntry, updateEntry } from '../fhir/bundle'
import { codeSystems } from '../fhir/code-systems'
import { hasIdentifier, identifierToken, studyIdentifier } from '../fhir/identifiers'
import { carriesOurMark, ourMeta, sourceOf } from '../fhir/provenance'
import { unchanged } from '../fhir/unchanged'
import { correctEndpoint, mapEndpoint } from '../mapping/endpoint'
import {
  type ClosedStudy,
  type StudyDraft,
  closeStudy,
  deleteInstance,
  modeOf,
  openStudy,
  upsertInstance,
} from '../mapping/merge-study'
import { demographicsConflict } from '../mapping/patient'
import { type Applied, applyOnce } from '../mapping/mapped'
import { patientKeyText } from '../mapping/patient-identity'
import type { MappingSettings } from '../mapping/settings'
import type { LiveRow, UpsertRow } from './judge'
import { type ObservationIndex, indexObservations } from './observation-index'
import { type CastReport, planObservations } from './plan-observations'
import { type Snapshot, findEndpoint, findPatient, findStudy, livePatient, referencedId } from './snapshot'

/** Entries that belong into one transaction, and the rows that are settled when it is committed. */
export interface Unit {
  readonly rows: ReadonlyArray<LiveRow>
  readonly entries: ReadonlyArray<TransactionEntry>
  /** Rows that can go on only when this unit is committed and read again: its Patients went first, alone. */
  readonly deferred: ReadonlyArray<LiveRow>
  /** Studies that it deletes, with the version they were read at. */
  readonly deletes: ReadonlyArray<{ readonly study: string; readonly version: string | undefined }>
}

export interface Plan {
  /** Rows that are settled without a write. */
  readonly recorded: ReadonlyArray<{ readonly row: LiveRow; readonly error: EntryError }>
  readonly unchanged: ReadonlyArray<LiveRow>
  /** Studies whose PatientID is in doubt: they must be read whole, then the batch is planned again. */
  readonly doubts: ReadonlyArray<Pick<InstanceKey, 'partition' | 'studyInstanceUid'>>
  readonly units: ReadonlyArray<Unit>
  /** Instances that were synced with a study that was read whole: nothing is wrong with them any more. */
  readonly syncedInstances: ReadonlyArray<InstanceKey>
  /** Of which rows the demographics conflict with their Patient's. */
  readonly verdicts: ReadonlyMap<string, boolean>
}

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
  /** Studies that the server refuses to delete. */
  readonly keep: ReadonlySet<string>
  /**
   * The verdicts of an earlier plan of this batch whose transactions were sent: the Patient that its rows meet now is
   * their own doing, and no longer speaks for or against them.
   */
  readonly verdicts?: ReadonlyMap<string, boolean>
  /** The highest sequence that an earlier run's last transaction held. */
  readonly reached?: number
  /** The highest sequence of this batch that is stored already, by patient (patientKeyText): older rows only fill. */
  readonly newest?: ReadonlyMap<string, number>
  /** Write the Patients, and nothing that needs them. */
  readonly patientsAlone: boolean
  /**
   * A reading only says whose the study is: its other instances come with rows of their own. Else one that FHIR
   * refuses would take along every row that it is split from.
   */
  readonly rowsAlone?: boolean
  /**
   * Studies of which an entry was recorded because it named another patient (studyKeyText). They are read whole when a
   * row of theirs comes: the others may agree with it by now, and a run that died may have stored it already.
   */
  readonly mismatched?: ReadonlySet<string>
  /** Coalesced, in sequence order. */
  readonly rows: ReadonlyArray<LiveRow>
}

/** The Endpoint of a partition as it should be written; none when it stands as it should. */
export const planEndpoint = (
  settings: MappingSettings,
  snapshot: Snapshot,
  partition: string,
): TransactionEntry | undefined => {
  const wanted = mapEndpoint(settings.dicom, partition)
  const existing = findEndpoint(snapshot, settings, partition)
  if (existing === undefined) {
    const key = identifierToken(codeSystems.uri, wanted.address)
    return createEntry(`Endpoint ${wanted.address}`, wanted, `identifier=${encodeURIComponent(key)}`)
  }
  const corrected: Endpoint = correctEndpoint(existing, wanted)
  return unchanged(existing, corrected)
    ? undefined
    : updateEntry(settings.fhirBase, corrected, existing.meta?.versionId)
}

interface PatientDraft {
  /** The reference to it, also while it is only about to be created. */
  readonly reference: string
  readonly key: string
  readonly base: Patient | undefined
  resource: Patient | undefined
  applied: Applied<Patient> | undefined
}

interface Fold {
  readonly input: PlanInput
  readonly observations: ObservationIndex
  readonly patients: Map<string, PatientDraft | EntryError>
  readonly patientsById: Map<string, PatientDraft>
  /** Identifiers of merged Patients: they stay with those, and are not given to the target of the link. */
  readonly followed: Set<string>
  readonly studies: Map<string, StudyFold>
  /** Who changes a study of FHIR, by its id: two partitions may find one that is nobody's yet. */
  readonly owners: Map<string, StudyFold>
  readonly recorded: Array<{ row: LiveRow; error: EntryError }>
  readonly doubts: Map<string, Pick<InstanceKey, 'partition' | 'studyInstanceUid'>>
  readonly syncedInstances: Array<InstanceKey>
  readonly verdicts: Map<string, boolean>
}

interface StudyFold {
  readonly partition: string
  readonly uid: string
  draft: StudyDraft
  /** The Patient of the study so far; none while only FHIR's own reference is known. */
  patient: PatientDraft | undefined
  readonly patients: Set<PatientDraft>
  readonly rows: Array<LiveRow>
  readonly reports: Map<string, CastReport>
  readonly deleted: Set<string>
  /** From a study read whole: on whom all its live instances agree, and the rows they make. */
  synced: boolean
}

const patientOf = (fold: Fold, row: UpsertRow): PatientDraft | EntryError => {
  const key = patientKeyText(row.identity)
  const known = fold.patients.get(key)
  if (known !== undefined) return known
  const { snapshot, settings } = fold.input
  const hit = findPatient(snapshot, settings, row.identity)
  const created: PatientDraft = {
    reference: createdReference(`Patient ${key}`),
    key,
    base: undefined,
    resource: undefined,
    applied: undefined,
  }
  const make = (): PatientDraft | EntryError => {
    if (hit._tag === 'Unusable') return hit.error
    if (hit._tag === 'None') return created
    // Two identifiers may lead to one Patient, and a transaction may hold it only once.
    const { patient, followed, takenOver } = hit
    const id = patient.id ?? ''
    const same = fold.patientsById.get(id)
    if (same !== undefined && takenOver && !hasIdentifier(same.resource, undefined, row.identity.value)) return created
    if (followed) fold.followed.add(key)
    if (same !== undefined) return same
    const draft: PatientDraft = {
      reference: `Patient/${id}`,
      key,
      base: patient,
      resource: patient,
      applied: undefined,
    }
    fold.patientsById.set(id, draft)
    return draft
  }
  const made = make()
  fold.patients.set(key, made)
  return made
}

const applyToPatient = ({ input: { settings, newest }, followed }: Fold, draft: PatientDraft, row: UpsertRow): void => {
  const { overwrite } = settings.patient
  const ours = draft.base === undefined || carriesOurMark(draft.base.meta, settings.dicom)
  const follows = overwrite === 'always' || (overwrite === 'own' && ours)
  const isOlder = row.sequence < (newest?.get(patientKeyText(row.identity)) ?? 0)
  const mode = follows && !isOlder ? modeOf(row, ours) : 'fill'
  const before: Patient = draft.resource ?? {
    resourceType: 'Patient',
    meta: ourMeta(sourceOf(settings.dicom, row.key.partition)),
  }
  draft.applied = applyOnce(draft.applied, row.patient, mode, before)
  const { to: after } = draft.applied
  // The target of a link has identifiers of its own; the merged one keeps this.
  draft.resource =
    after.identifier !== before.identifier && followed.has(patientKeyText(row.identity))
      ? { ...after, identifier: before.identifier ?? [] }
      : after
}

const studyOf = (fold: Fold, row: Pick<LiveRow, 'key'>): StudyFold => {
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
    reports: new Map(),
    deleted: new Set(),
    synced: false,
  }
  fold.studies.set(key, study)
  return study
}

/** Whether the study is this person's already, as far as FHIR and the rows before this one say. */
const isSubject = (fold: Fold, { draft, patient }: StudyFold, claimed: PatientDraft): boolean => {
  if (patient !== undefined) return patient === claimed
  if (draft.base === undefined || draft.fields === undefined) return true
  const { snapshot, settings } = fold.input
  const id = referencedId(settings.fhirBase, 'Patient', draft.subject)
  if (id === undefined) return draft.subject?.reference === undefined
  if (claimed.base?.id === id) return true
  // The subject was merged into the person that the identifier finds.
  const subject = snapshot.patients.get(id)
  const live = subject === undefined ? undefined : livePatient(snapshot.patients, settings.fhirBase, subject)
  return live?.id !== undefined && live.id === claimed.base?.id
}

const applyToStudy = (fold: Fold, study: StudyFold, patient: PatientDraft, row: UpsertRow): void => {
  study.patient = patient
  study.patients.add(patient)
  const { settings } = fold.input
  const subject = referencedId(settings.fhirBase, 'Patient', study.draft.subject)
  // A reference that is right already stays as it stands: others may have added a display to it.
  if (subject === undefined || subject !== patient.base?.id) study.draft.subject = { reference: patient.reference }
  upsertInstance(study.draft, settings, row.key, row, row.change)
  study.deleted.delete(row.key.sopInstanceUid)
  // The last row of an instance is also the last word on what reports share.
  study.reports.delete(row.key.sopInstanceUid)
  if (row.dose !== undefined) {
    study.reports.set(row.key.sopInstanceUid, { ...row.dose, late: row.late && !row.update })
  }
  own(fold, study)
}

const own = (fold: Fold, study: StudyFold): void => {
  const { base, touched } = study.draft
  if (touched && base?.id !== undefined) fold.owners.set(base.id, study)
}

/** Another person under a known PatientID. An Update row is a deliberate correction. */
const conflicts = ({ input, verdicts }: Fold, { resource }: PatientDraft, row: UpsertRow): boolean => {
  if (!input.settings.patient.matchGuard || row.update) return false
  // A row of the feed and the reading of its instance meet the Patient at different times.
  const key = `${row.sequence} ${instanceKeyText(row.key)}`
  const verdict = input.verdicts?.get(key) ?? (resource !== undefined && demographicsConflict(resource, row.claimed))
  verdicts.set(key, verdict)
  return verdict
}

const recordConflict = (fold: Fold, { base }: PatientDraft, row: UpsertRow): void => {
  fold.recorded.push({ row, error: { _tag: 'DemographicsConflict', patientId: base?.id } })
}

/** On whom all live instances of a study agree, as far as they name anybody. */
const agreed = (fold: Fold, reading: ReadonlyArray<UpsertRow>): PatientDraft | undefined => {
  const patients = new Set(reading.map((each) => patientOf(fold, each)))
  const [sole] = patients
  return patients.size === 1 && sole !== undefined && !('_tag' in sole) ? sole : undefined
}

/**
 * The PatientID of this row is not that of the study. Only when the DICOM service says that all its live instances
 * agree does the study move: one misfiled image must not take three thousand along.
 */
const settleDoubt = (fold: Fold, study: StudyFold, row: UpsertRow): 'Go on' | 'Stop' => {
  const key = studyKeyText(row.key)
  const reading = fold.input.readings.get(key)
  if (reading === undefined) {
    fold.doubts.set(key, { partition: row.key.partition, studyInstanceUid: row.key.studyInstanceUid })
    return 'Stop'
  }
  const patient = agreed(fold, reading)
  if (patient === undefined) {
    fold.recorded.push({ row, error: { _tag: 'PatientMismatch' } })
    return 'Stop'
  }
  const isTheirs = patientOf(fold, row) === patient
  if (isTheirs && conflicts(fold, patient, row)) {
    recordConflict(fold, patient, row)
    return 'Stop'
  }
  sync(fold, study, patient, reading, row)
  if (isTheirs) return 'Go on'
  // The instance was corrected since its page was read: what was just synced is newer than this row.
  study.rows.push(row)
  return 'Stop'
}

/** Brings a study in step with all its live instances; once. */
const sync = (
  fold: Fold,
  study: StudyFold,
  patient: PatientDraft,
  reading: ReadonlyArray<UpsertRow>,
  row: UpsertRow,
): void => {
  if (study.synced) return
  study.synced = true
  for (const read of fold.input.rowsAlone === true ? [] : reading) {
    // What a late row makes us read is no newer than that row.
    const each = row.late ? { ...read, late: true } : read
    if (!row.update && conflicts(fold, patient, each)) continue
    applyToPatient(fold, patient, each)
    applyToStudy(fold, study, patient, each)
    fold.syncedInstances.push(each.key)
  }
}

/** The row is the study's own patient's. Was an entry on record wrong, is it still? */
const recallMismatch = (fold: Fold, study: StudyFold, patient: PatientDraft, row: UpsertRow): 'Go on' | 'Stop' => {
  const key = studyKeyText(row.key)
  const { mismatched, rowsAlone, readings } = fold.input
  if (study.synced || rowsAlone === true || mismatched?.has(key) !== true) return 'Go on'
  const reading = readings.get(key)
  if (reading === undefined) {
    fold.doubts.set(key, { partition: row.key.partition, studyInstanceUid: row.key.studyInstanceUid })
    return 'Stop'
  }
  if (agreed(fold, reading) === patient) sync(fold, study, patient, reading, row)
  return 'Go on'
}

const foldUpsert = (fold: Fold, row: UpsertRow): void => {
  const study = studyOf(fold, row)
  const patient = patientOf(fold, row)
  if ('_tag' in patient) {
    fold.recorded.push({ row, error: patient })
    return
  }
  if (!isSubject(fold, study, patient)) {
    if (settleDoubt(fold, study, row) === 'Stop') return
  } else if (conflicts(fold, patient, row)) {
    if (!wasTakenIn(fold, study, row)) return recordConflict(fold, patient, row)
    // A later row has corrected the person since: that stays.
    applyToStudy(fold, study, patient, row)
    study.rows.push(row)
    return
  } else if (recallMismatch(fold, study, patient, row) === 'Stop') return
  applyToPatient(fold, patient, row)
  applyToStudy(fold, study, patient, row)
  study.rows.push(row)
}

/** By a run that died before it could move the checkpoint: it was judged when it was written. */
const wasTakenIn = ({ input: { reached = 0 } }: Fold, { draft: { base } }: StudyFold, { sequence, key }: UpsertRow) =>
  sequence <= reached &&
  (base?.series ?? []).some(
    ({ uid, instance = [] }) =>
      uid === key.seriesInstanceUid && instance.some((each) => each.uid === key.sopInstanceUid),
  )

const foldRow = (fold: Fold, row: LiveRow): void => {
  if (row._tag === 'Upsert') return foldUpsert(fold, row)
  const study = studyOf(fold, row)
  deleteInstance(study.draft, fold.input.settings, row.key)
  study.deleted.add(row.key.sopInstanceUid)
  study.reports.delete(row.key.sopInstanceUid)
  own(fold, study)
  // Whoever the study belonged to: when it comes back, it is a new one.
  if (study.draft.fields === undefined) study.patient = undefined
  study.rows.push(row)
}

const patientEntry = ({ input: { settings } }: Fold, draft: PatientDraft): TransactionEntry | undefined => {
  const { base, resource, key } = draft
  if (resource === undefined) return undefined
  if (base === undefined) return createEntry(`Patient ${key}`, resource, `identifier=${encodeURIComponent(key)}`)
  return unchanged(base, resource) ? undefined : updateEntry(settings.fhirBase, resource, base.meta?.versionId)
}

const present = <A>(value: A | undefined): ReadonlyArray<A> => (value === undefined ? [] : [value])

interface PlannedStudy {
  readonly rows: ReadonlyArray<LiveRow>
  /** Rows of studies that share an Observation with this one: they are planned again when this one stands. */
  readonly deferred: Array<LiveRow>
  /** Which Observations it writes. */
  readonly observations: ReadonlyArray<string>
  readonly patients: ReadonlyArray<PatientDraft>
  readonly entries: ReadonlyArray<TransactionEntry>
  readonly deletes: Unit['deletes']
}

const planStudy = (fold: Fold, study: StudyFold): PlannedStudy => {
  const { input } = fold
  const { settings, snapshot, keep } = input
  const { partition, uid, draft } = study
  const endpointId = findEndpoint(snapshot, settings, partition)?.id
  const endpoint = endpointId === undefined ? undefined : `Endpoint/${endpointId}`
  const studyKey = studyKeyText({ partition, studyInstanceUid: uid })
  const planned = (
    entry: TransactionEntry | undefined,
    written: { readonly reference: string; readonly subject: Reference } | undefined,
    deletes: Unit['deletes'] = [],
  ): PlannedStudy => {
    const { reports, deleted } = study
    const doses = planObservations({
      settings,
      partition,
      index: fold.observations,
      base: draft.base,
      study: written,
      reports,
      deleted,
    })
    const entries = [...doses.withdrawn, ...present(entry), ...doses.written]
    const { rows, patients } = study
    return { rows, patients: [...patients], entries, deletes, observations: doses.keys, deferred: [] }
  }
  const closed: ClosedStudy = closeStudy(draft, { settings, partition, endpoint, keep: keep.has(studyKey) })
  switch (closed._tag) {
    case 'Nothing':
      return planned(undefined, undefined)
    case 'Deleted': {
      const { base } = closed
      return planned(deleteEntry(settings.fhirBase, base), undefined, [
        { study: studyKey, version: base.meta?.versionId },
      ])
    }
    case 'Study': {
      const { resource } = closed
      const { base } = draft
      if (base !== undefined) {
        const entry = unchanged(base, resource)
          ? undefined
          : updateEntry(settings.fhirBase, resource, base.meta?.versionId)
        return planned(entry, { reference: `ImagingStudy/${base.id}`, subject: resource.subject })
      }
      const token = identifierToken(codeSystems.dicomUid, `urn:oid:${uid}`)
      const condition = `identifier=${encodeURIComponent(token)}&endpoint=${endpoint}`
      const key = `ImagingStudy ${endpoint} ${uid}`
      const reference = createdReference(key)
      return planned(createEntry(key, resource, condition), { reference, subject: resource.subject })
    }
  }
}

/** Studies that share a Patient form one group. */
const groupsOf = (studies: ReadonlyArray<PlannedStudy>): ReadonlyArray<ReadonlyArray<PlannedStudy>> => {
  const groups = new Map<PatientDraft, Array<PlannedStudy>>()
  const all = new Set<Array<PlannedStudy>>()
  for (const study of studies) {
    const [target = [], ...others] = [...new Set(study.patients.flatMap((patient) => present(groups.get(patient))))]
    all.add(target)
    target.push(study)
    const joining = [study, ...others.flat()]
    for (const other of others) {
      target.push(...other)
      all.delete(other)
    }
    for (const member of joining) for (const patient of member.patients) groups.set(patient, target)
  }
  return [...all]
}

const bytesOf = (entries: ReadonlyArray<TransactionEntry>): number =>
  entries.reduce((total, { bytes }) => total + bytes + 1, 0)

const fits = (entries: ReadonlyArray<TransactionEntry>, limits: PlanLimits): boolean =>
  entries.length <= limits.entries && bytesOf(entries) <= limits.bytes

/** As much as fits, one entry at least: what stands later in a study refers to what stands before it. */
const startOf = (entries: ReadonlyArray<TransactionEntry>, limits: PlanLimits): ReadonlyArray<TransactionEntry> => {
  let [count, bytes] = [0, 0]
  for (const entry of entries) {
    bytes += entry.bytes + 1
    if (count > 0 && (count === limits.entries || bytes > limits.bytes)) break
    count += 1
  }
  return entries.slice(0, count)
}

/** A transaction holds an Observation once: a study that shares one with another waits until that one stands. */
const withoutSharing = (studies: ReadonlyArray<PlannedStudy>): ReadonlyArray<PlannedStudy> => {
  const writers = new Map<string, PlannedStudy>()
  return studies.filter((study) => {
    const first = study.observations.flatMap((key) => present(writers.get(key)))[0]
    first?.deferred.push(...study.rows)
    if (first === undefined) for (const key of study.observations) writers.set(key, study)
    return first === undefined
  })
}

/** A group as one unit; over a limit its Patients go first, alone; with its Patients as they are, study by study. */
const unitsOf = (fold: Fold, group: ReadonlyArray<PlannedStudy>): ReadonlyArray<Unit> => {
  const patients = [...new Set(group.flatMap((study) => study.patients))].flatMap((draft) =>
    present(patientEntry(fold, draft)).map((entry) => ({ entry, draft })),
  )
  const rows = group.flatMap((study) => study.rows)
  const entries = [...patients.map(({ entry }) => entry), ...group.flatMap((study) => study.entries)]
  const { limits, patientsAlone } = fold.input
  if (patients.length === 0) {
    if (patientsAlone) return []
    return group.flatMap((study): ReadonlyArray<Unit> => {
      const { entries: ofStudy, rows: settled, deletes, deferred } = study
      if (ofStudy.length === 0) return []
      const first = startOf(ofStudy, limits)
      return first.length === ofStudy.length
        ? [{ rows: settled, entries: ofStudy, deferred, deletes }]
        : [{ rows: [], entries: first, deferred: [...settled, ...deferred], deletes: [] }]
    })
  }
  if (!patientsAlone && (fits(entries, limits) || entries.length === 1)) {
    const deferred = group.flatMap((study) => study.deferred)
    return [{ rows, entries, deferred, deletes: group.flatMap(({ deletes }) => deletes) }]
  }
  return patients.map(({ entry, draft }) => ({
    rows: [],
    entries: [entry],
    deferred: group
      .filter((study) => study.patients.includes(draft))
      .flatMap((study) => [...study.rows, ...study.deferred]),
    deletes: [],
  }))
}

/**
 * What has to be written so that FHIR holds what these rows say: map → settle → merge → drop the unchanged. Pure: the
 * same rows on the same snapshot give the same bytes.
 */
export const plan = (input: PlanInput): Plan => {
  const fold: Fold = {
    input,
    observations: indexObservations(input.settings.fhirBase, input.snapshot.observations),
    patients: new Map(),
    patientsById: new Map(),
    followed: new Set(),
    studies: new Map(),
    owners: new Map(),
    recorded: [],
    doubts: new Map(),
    syncedInstances: [],
    verdicts: new Map(),
  }
  for (const row of input.rows) foldRow(fold, row)
  const studies = [...fold.studies.values()]
    .filter(({ rows }) => rows.length > 0)
    .map((study) => planStudy(fold, study))
  const groups = groupsOf(withoutSharing(studies))
  const units = groups.flatMap((group) => unitsOf(fold, group))
  const written = new Set(units.flatMap(({ rows, deferred }) => [...rows, ...deferred]))
  return {
    recorded: fold.recorded,
    unchanged: studies.flatMap(({ rows }) => rows).filter((row) => !written.has(row)),
    doubts: [...fold.doubts.values()],
    units,
    syncedInstances: fold.syncedInstances,
    verdicts: fold.verdicts,
  }
}

/** Packs whole units into bundles, in order. A unit over a limit stands alone: only the server may refuse it. */
export const packUnits = (units: ReadonlyArray<Unit>, limits: PlanLimits): ReadonlyArray<ReadonlyArray<Unit>> => {
  const bundles: Array<Array<Unit>> = []
  let [entries, bytes] = [0, 0]
  for (const unit of units) {
    const size = bytesOf(unit.entries)
    const last = bundles.at(-1)
    if (last !== undefined && entries + unit.entries.length <= limits.entries && bytes + size <= limits.bytes) {
      last.push(unit)
      entries += unit.entries.length
      bytes += size
    } else {
      bundles.push([unit])
      ;[entries, bytes] = [unit.entries.length, size]
    }
  }
  return bundles
}
