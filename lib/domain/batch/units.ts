import type { ImagingStudy } from 'fhir/r4'
import type { EntryError } from '../cast-error'
import { studyKeyText } from '../dicom/change-feed-entry'
import { type TransactionEntry, createEntry, createdReference, deleteEntry, updateEntry } from '../fhir/bundle'
import { codeSystems } from '../fhir/code-systems'
import { confusableWith, identifierToken } from '../fhir/identifiers'
import { withoutUntrue } from '../fhir/others'
import { unchanged } from '../fhir/unchanged'
import { type ClosedStudy, closeStudy } from '../mapping/merge-study'
import type { Fold, PatientDraft, PlanLimits, StudyFold } from './fold'
import type { LiveRow } from './judge'
import type { WrittenStudy } from './held-doses'
import { planObservations } from './plan-observations'
import { endpointsOf, findEndpoint } from './snapshot'
import { dosesOf } from './study-doses'

/** A row that cannot be stored, and why. */
export interface RecordedLive {
  readonly row: LiveRow
  readonly error: EntryError
}

/** Entries that belong into one transaction, and the rows that are settled when it is committed. */
export interface Unit {
  readonly rows: ReadonlyArray<LiveRow>
  readonly entries: ReadonlyArray<TransactionEntry>
  /** Rows that can go on only when this unit is committed and read again: its Patients went first, alone. */
  readonly deferred: ReadonlyArray<LiveRow>
  /** Rows that are recorded when it is committed: it takes out what an earlier row of theirs stored. */
  readonly recorded: ReadonlyArray<RecordedLive>
  /** What it deletes of each study, as references, in this order: summaries, events, the study. */
  readonly deletes: ReadonlyArray<ReadonlyArray<string>>
  /** Studies (studyKeyText) that stand in FHIR as planned when it is committed, whatever is still to be written of their doses. */
  readonly writes: ReadonlyArray<string>
  /** It shares a transaction with nothing but the position. */
  readonly isAlone?: true
}

/** What the creation of this Patient (token) is known by. */
export const createdPatient = (token: string): string => `Patient ${token}`

const patientEntry = ({ input: { settings } }: Fold, draft: PatientDraft): TransactionEntry | undefined => {
  const { base, resource, key } = draft
  if (resource === undefined) return undefined
  if (base === undefined) return createEntry(createdPatient(key), resource, `identifier=${encodeURIComponent(key)}`)
  return unchanged(base, resource)
    ? undefined
    : updateEntry(settings.fhirBase, withoutUntrue(base, resource), base.meta?.versionId)
}

const present = <A>(value: A | undefined): ReadonlyArray<A> => (value === undefined ? [] : [value])

interface PlannedStudy {
  readonly rows: ReadonlyArray<LiveRow>
  readonly recorded: ReadonlyArray<RecordedLive>
  /** Rows of other studies that go on when this one is written. */
  readonly deferred: ReadonlyArray<LiveRow>
  readonly patients: ReadonlyArray<PatientDraft>
  /** Of the deletions, summaries come first, then events, then the study. */
  readonly entries: ReadonlyArray<TransactionEntry>
  /** The one of the study itself; none when that stands as planned. */
  readonly own: TransactionEntry | undefined
  /** studyKeyText. */
  readonly name: string
}

/** Its Observations go with it: also those that were emptied long ago, which nothing else asks for. */
const noteLeaving = ({ input: { snapshot }, leaving }: Fold, { id }: ImagingStudy): void => {
  const reference = `ImagingStudy/${id}`
  if (snapshot.observed?.has(reference) !== true) leaving.add(reference)
}

export const planStudy = (fold: Fold, study: StudyFold): PlannedStudy => {
  const { input } = fold
  const { settings, snapshot, keep } = input
  const { partition, uid, draft } = study
  const name = studyKeyText({ partition, studyInstanceUid: uid })
  const endpointId = findEndpoint(snapshot, settings, partition)?.id
  const endpoint = endpointId === undefined ? undefined : `Endpoint/${endpointId}`
  const planned = (entry: TransactionEntry | undefined, written: WrittenStudy | undefined): PlannedStudy => {
    const doses = planObservations(dosesOf(fold, study, written))
    if (doses.mustBeRead && input.rowsAlone !== true && !input.readings.has(name)) {
      fold.doubts.set(name, { partition, studyInstanceUid: uid })
    }
    const [first, last] = doses.isWrittenFirst ? [doses.written, []] : [[], doses.written]
    const entries = [...doses.withdrawn, ...first, ...present(entry), ...last]
    const { rows, takenOut, waiting, patients } = study
    return { rows, recorded: takenOut, patients: [...patients], entries, deferred: [...waiting], own: entry, name }
  }
  const endpoints = endpointsOf(snapshot, settings, partition)
  const closedAs = (isKept: boolean): ClosedStudy =>
    closeStudy(draft, { settings, partition, endpoint, endpoints, keep: isKept })
  const plannedAs = (closed: ClosedStudy): PlannedStudy => {
    switch (closed._tag) {
      case 'Nothing':
        return planned(undefined, undefined)
      case 'Deleted': {
        const deleted = planned(deleteEntry(settings.fhirBase, closed.base), undefined)
        // An Observation of it cannot be deleted: then neither can the study that it is part of.
        if (deleted.entries.some(({ deletes = '' }) => keep.has(deletes))) return plannedAs(closedAs(true))
        noteLeaving(fold, closed.base)
        return deleted
      }
      case 'Study': {
        const { resource } = closed
        const { base } = draft
        if (base !== undefined) {
          if (base.subject?.reference !== draft.subject?.reference) noteLeaving(fold, base)
          const entry = unchanged(base, resource)
            ? undefined
            : updateEntry(settings.fhirBase, withoutUntrue(base, resource), base.meta?.versionId)
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
  return plannedAs(closedAs(keep.has(`ImagingStudy/${draft.base?.id}`)))
}

/** What they delete, in their order; none when nothing. */
const deletesOf = (entries: ReadonlyArray<TransactionEntry>): ReadonlyArray<ReadonlyArray<string>> => {
  const deletes = entries.flatMap((entry) => present(entry.deletes))
  return deletes.length === 0 ? [] : [deletes]
}

/** Those that are to be written themselves, by name. */
export const writesOf = (studies: ReadonlyArray<PlannedStudy>): ReadonlyArray<string> =>
  studies.flatMap(({ own, name }) => (own === undefined ? [] : [name]))

/** Studies that share a Patient form one group. */
export const groupsOf = (studies: ReadonlyArray<PlannedStudy>): ReadonlyArray<ReadonlyArray<PlannedStudy>> => {
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

export const bytesOf = (entries: ReadonlyArray<TransactionEntry>): number =>
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

const allRowsOf = ({ rows, recorded }: PlannedStudy): ReadonlyArray<LiveRow> => [
  ...rows,
  ...recorded.map(({ row }) => row),
]

export const emptyUnit: Unit = { rows: [], entries: [], deferred: [], recorded: [], deletes: [], writes: [] }

const alone = (entry: TransactionEntry): Unit => ({ ...emptyUnit, entries: [entry], isAlone: true })

/** New Patients (tokens) that a server may take for somebody else, one of this plan or not. */
export const confusableIn = ({ created }: Fold): ((key: string) => boolean) => confusableWith(created.keys())

/** A group as one unit; over a limit its Patients go first, alone; with its Patients as they are, study by study. */
export const unitsOf = (
  fold: Fold,
  group: ReadonlyArray<PlannedStudy>,
  isConfusable: (key: string) => boolean,
): ReadonlyArray<Unit> => {
  const patients = [...new Set(group.flatMap((study) => study.patients))].flatMap((draft) =>
    present(patientEntry(fold, draft)).map((entry) => ({ entry, draft })),
  )
  const rows = group.flatMap((study) => study.rows)
  const entries = [...patients.map(({ entry }) => entry), ...group.flatMap((study) => study.entries)]
  const { limits, patientsAlone, created } = fold.input
  const doubtful = patients.filter(
    ({ draft: { base, key } }) => base === undefined && isConfusable(key) && created?.has(createdPatient(key)) !== true,
  )
  // The server may take it for somebody else, or two of a batch for one: read and compared before anything refers to it.
  if (doubtful.length > 0 && !patientsAlone) {
    const deferred = group.flatMap((study) => [...allRowsOf(study), ...study.deferred])
    return doubtful.map(({ entry }) => ({ ...alone(entry), deferred }))
  }
  if (patients.length === 0) {
    if (patientsAlone) return []
    return group.flatMap((study): ReadonlyArray<Unit> => {
      const { entries: ofStudy, rows: settled, recorded, deferred } = study
      if (ofStudy.length === 0) return []
      const first = startOf(ofStudy, limits)
      const deletes = deletesOf(first)
      const writes = first.some((entry) => entry === study.own) ? [study.name] : []
      return first.length === ofStudy.length
        ? [{ rows: settled, entries: ofStudy, deferred, recorded, deletes, writes }]
        : [{ ...emptyUnit, entries: first, deferred: [...allRowsOf(study), ...deferred], deletes, writes }]
    })
  }
  if (!patientsAlone && (fits(entries, limits) || entries.length === 1)) {
    const deferred = group.flatMap((study) => study.deferred)
    const recorded = group.flatMap((study) => study.recorded)
    const deletes = group.flatMap((study) => deletesOf(study.entries))
    return [{ rows, entries, deferred, recorded, deletes, writes: writesOf(group) }]
  }
  return patients.map(({ entry, draft }) => ({
    ...emptyUnit,
    entries: [entry],
    ...(doubtful.some((each) => each.draft === draft) ? { isAlone: true as const } : {}),
    deferred: group
      .filter((study) => study.patients.includes(draft))
      .flatMap((study) => [...allRowsOf(study), ...study.deferred]),
  }))
}
