import type { Reference } from 'fhir/r4'
import type { EntryError } from '../cast-error'
import { type TransactionEntry, createEntry, createdReference, deleteEntry, updateEntry } from '../fhir/bundle'
import { codeSystems } from '../fhir/code-systems'
import { identifierToken } from '../fhir/identifiers'
import { unchanged } from '../fhir/unchanged'
import { type ClosedStudy, closeStudy } from '../mapping/merge-study'
import type { Fold, PatientDraft, PlanLimits, StudyFold } from './fold'
import type { LiveRow } from './judge'
import { planObservations } from './plan-observations'
import { findEndpoint } from './snapshot'

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
  readonly deletes: ReadonlyArray<string>
}

export const planStudy = (fold: Fold, study: StudyFold): PlannedStudy => {
  const { input } = fold
  const { settings, snapshot, keep } = input
  const { partition, uid, draft } = study
  const endpointId = findEndpoint(snapshot, settings, partition)?.id
  const endpoint = endpointId === undefined ? undefined : `Endpoint/${endpointId}`
  const planned = (
    entry: TransactionEntry | undefined,
    written: { readonly reference: string; readonly subject: Reference } | undefined,
    deletes: ReadonlyArray<string> = [],
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
  const closed: ClosedStudy = closeStudy(draft, {
    settings,
    partition,
    endpoint,
    keep: keep.has(`ImagingStudy/${draft.base?.id}`),
  })
  switch (closed._tag) {
    case 'Nothing':
      return planned(undefined, undefined)
    case 'Deleted': {
      const { base } = closed
      return planned(deleteEntry(settings.fhirBase, base), undefined, [`ImagingStudy/${base.id}`])
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

const given = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> => (items.length === 0 ? [] : [items])

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
export const withoutSharing = (studies: ReadonlyArray<PlannedStudy>): ReadonlyArray<PlannedStudy> => {
  const writers = new Map<string, PlannedStudy>()
  return studies.filter((study) => {
    const first = study.observations.flatMap((key) => present(writers.get(key)))[0]
    first?.deferred.push(...study.rows)
    if (first === undefined) for (const key of study.observations) writers.set(key, study)
    return first === undefined
  })
}

/** A group as one unit; over a limit its Patients go first, alone; with its Patients as they are, study by study. */
export const unitsOf = (fold: Fold, group: ReadonlyArray<PlannedStudy>): ReadonlyArray<Unit> => {
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
        ? [{ rows: settled, entries: ofStudy, deferred, recorded: [], deletes: given(deletes) }]
        : [{ rows: [], entries: first, deferred: [...settled, ...deferred], recorded: [], deletes: [] }]
    })
  }
  if (!patientsAlone && (fits(entries, limits) || entries.length === 1)) {
    const deferred = group.flatMap((study) => study.deferred)
    return [{ rows, entries, deferred, recorded: [], deletes: group.flatMap(({ deletes }) => given(deletes)) }]
  }
  return patients.map(({ entry, draft }) => ({
    rows: [],
    entries: [entry],
    deferred: group
      .filter((study) => study.patients.includes(draft))
      .flatMap((study) => [...study.rows, ...study.deferred]),
    recorded: [],
    deletes: [],
  }))
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
