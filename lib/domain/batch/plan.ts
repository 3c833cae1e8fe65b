import type { Endpoint } from 'fhir/r4'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import { type TransactionEntry, createEntry, updateEntry } from '../fhir/bundle'
import { codeSystems } from '../fhir/code-systems'
import { identifierToken } from '../fhir/identifiers'
import { withoutUntrue } from '../fhir/others'
import { unchanged } from '../fhir/unchanged'
import { besideOriginals, correctEndpoint, endpointKind, mapEndpoint } from '../mapping/endpoint'
import type { MappingSettings } from '../mapping/settings'
import type { Fold, PlanInput, StudyFold } from './fold'
import { foldRow } from './fold-rows'
import type { LiveRow } from './judge'
import { indexObservations } from './observation-index'
import { rowsOf } from './parts'
import { otherSpellings } from './spelling'
import { type Snapshot, findEndpoint } from './snapshot'
import { type RecordedLive, type Unit, confusableIn, groupsOf, planStudy, unitsOf, writesOf } from './units'

export interface Plan {
  /** Rows that are settled without a write. */
  readonly recorded: ReadonlyArray<RecordedLive>
  readonly unchanged: ReadonlyArray<LiveRow>
  /** Studies whose PatientID is in doubt: they must be read whole, then the batch is planned again. */
  readonly doubts: ReadonlyArray<Pick<InstanceKey, 'partition' | 'studyInstanceUid'>>
  /** Patients (ids) whose studies must be known, then the batch is planned again. */
  readonly agesWanted: ReadonlyArray<string>
  /** Studies of FHIR (references) that it deletes, or gives to somebody else: all their Observations must be looked up. */
  readonly leaving: ReadonlyArray<string>
  readonly units: ReadonlyArray<Unit>
  /** Studies (studyKeyText) that do not stand in FHIR as planned until they are written. */
  readonly writes: ReadonlySet<string>
  /** Instances that were synced with a study that was read whole: nothing is wrong with them any more. */
  readonly syncedInstances: ReadonlyArray<InstanceKey>
  /** Of which rows the demographics conflict with their Patient's. */
  readonly verdicts: ReadonlyMap<string, boolean>
}

/** All rows that are recorded when the plan is carried out. */
export const recordedIn = ({ recorded, units }: Plan): ReadonlyArray<RecordedLive> => [
  ...recorded,
  ...units.flatMap((unit) => unit.recorded),
]

/** The Endpoint of a partition as it should be written; none when it stands as it should. */
export const planEndpoint = (
  settings: MappingSettings,
  snapshot: Snapshot,
  partition: string,
): TransactionEntry | undefined => {
  const wanted = besideOriginals(mapEndpoint(settings.dicom, partition), partition, snapshot.endpoints)
  const existing = findEndpoint(snapshot, settings, partition)
  if (existing === undefined) {
    const key = identifierToken(codeSystems.uri, wanted.address)
    return createEntry(`Endpoint ${wanted.address}`, wanted, `identifier=${encodeURIComponent(key)}`)
  }
  if (endpointKind(settings.dicom, partition)(existing) === 'Administrators') return undefined
  const corrected: Endpoint = correctEndpoint(existing, wanted)
  return unchanged(existing, corrected)
    ? undefined
    : updateEntry(settings.fhirBase, withoutUntrue(existing, corrected), existing.meta?.versionId)
}

/**
 * What has to be written so that FHIR holds what these rows say: map → settle → merge → drop the unchanged. Pure: the
 * same rows on the same snapshot give the same bytes.
 */
export const plan = (input: PlanInput): Plan => {
  const steps = planSteps(input)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

/** What came in with its study after its own row was recorded: whoever holds it has no row. */
const settleStrays = ({ syncedInstances }: Fold, { recorded, takenOut, rows }: StudyFold): void => {
  if (syncedInstances.size === 0) return
  for (const list of [recorded, takenOut]) {
    const isStray = ({ row, error }: RecordedLive): boolean =>
      error._tag === 'PatientMismatch' && syncedInstances.has(instanceKeyText(row.key))
    const strays = list.filter(isStray)
    if (strays.length === 0) continue
    list.splice(0, list.length, ...list.filter((each) => !isStray(each)))
    rows.push(...strays.map(({ row }) => row))
  }
}

/** A thousand rows take some 30 ms. */
const rowsOfAStep = 1_000

/** Tells when so many rows are done that it is time for a pause. */
const pacer = (): ((rows: number) => boolean) => {
  let done = 0
  return (rows) => {
    done += rows
    if (done < rowsOfAStep) return false
    done = 0
    return true
  }
}

/** The same, with a pause after each step: a batch may have a hundred thousand rows. */
export function* planSteps(input: PlanInput): Generator<undefined, Plan> {
  const isPauseAfter = pacer()
  const fold: Fold = {
    input,
    observations: indexObservations(input.settings.fhirBase, input.snapshot.observations),
    observationOwners: new Map(),
    patients: new Map(),
    created: new Map(),
    patientsById: new Map(),
    followed: new Set(),
    studies: new Map(),
    owners: new Map(),
    waitingFor: new Map(),
    probes: [],
    doubts: new Map(),
    agesWanted: new Set(),
    leaving: new Set(),
    syncedInstances: new Map(),
    verdicts: new Map(),
    otherSpellings: otherSpellings(input.settings.dicom, input.snapshot.endpoints, input.rows),
  }
  for (const row of input.rows) {
    foldRow(fold, row)
    if (isPauseAfter(1)) yield undefined
  }
  for (const study of fold.studies.values()) {
    settleStrays(fold, study)
    if (study.lost) study.takenOut.push(...study.recorded.splice(0))
  }
  const studies: Array<ReturnType<typeof planStudy>> = []
  const names = new Set<string>()
  for (const study of fold.studies.values()) {
    const { rows, takenOut, waiting, partition, uid } = study
    if (rows.length === 0 && takenOut.length === 0 && waiting.length === 0) continue
    studies.push(planStudy(fold, study))
    names.add(studyKeyText({ partition, studyInstanceUid: uid }))
    if (isPauseAfter(rows.length)) yield undefined
  }
  const units: Array<Unit> = []
  const isConfusable = confusableIn(fold)
  for (const group of groupsOf(studies)) {
    units.push(...unitsOf(fold, group, isConfusable))
    if (isPauseAfter(group.length)) yield undefined
  }
  const written = new Set(rowsOf(units))
  const recorded = [...fold.studies.values()].flatMap((study) => [
    ...study.recorded,
    ...study.takenOut.filter(({ row }) => !written.has(row)),
  ])
  return {
    recorded,
    unchanged: [...studies.flatMap(({ rows }) => rows).filter((row) => !written.has(row)), ...fold.probes],
    doubts: [...fold.doubts.values()],
    agesWanted: [...fold.agesWanted].filter((id) => input.ages?.has(id) !== true),
    leaving: [...fold.leaving],
    units,
    // Of one that is not planned, since all of it in hand is recorded, nothing comes in.
    writes: new Set(writesOf(studies)),
    syncedInstances: [...fold.syncedInstances.values()].filter((key) => names.has(studyKeyText(key))),
    verdicts: fold.verdicts,
  }
}
