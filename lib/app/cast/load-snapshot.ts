import * as E from 'fp-ts/Either'
import type { Endpoint, ImagingStudy, Observation, Patient } from 'fhir/r4'
import type { PlanInput } from '../../domain/batch/fold'
import type { DeleteRow, LiveRow, UpsertRow } from '../../domain/batch/judge'
import type { Snapshot } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'
import { codeSystems } from '../../domain/fhir/code-systems'
import { identifierToken, studyIdentifier } from '../../domain/fhir/identifiers'
import { type Run, retrying } from '../context'
import type { FhirSearch } from '../ports'
import type { FhirSession } from './fhir-session'
import {
  addCreated,
  addLinkedPatients,
  addMistaken,
  addOurSubjects,
  patientIdsByValue,
  tokensOf,
} from './snapshot-patients'
import { addElsewhere } from './snapshot-elsewhere'
import { addReports, doseTokens } from './snapshot-reports'
import { type Loading, addStudy, byToken, ofType } from './snapshot-searches'

// A service with its partitions has few Endpoints: all of them, so that a study of another partition is known as such.
export const dicomEndpoints: FhirSearch = {
  type: 'Endpoint',
  parameters: [
    ['connection-type', identifierToken(codeSystems.endpointConnectionType, 'dicom-wado-rs')],
    ['_count', '500'],
  ],
}

/** What FHIR holds is looked up by rows: a delete of nothing asks for the study, and changes none. */
export const probe = ({
  partition,
  studyInstanceUid,
}: Pick<InstanceKey, 'partition' | 'studyInstanceUid'>): DeleteRow => ({
  _tag: 'Delete',
  sequence: 0,
  key: { partition, studyInstanceUid, seriesInstanceUid: '', sopInstanceUid: '' },
  late: false,
})

/** What is asked for beyond what the rows name. */
interface Beyond {
  readonly created?: PlanInput['created']
  /** Studies that are about to go or to change hands, as references. */
  readonly leaving?: ReadonlySet<string>
  /** What was found before it is asked for. */
  readonly foundAhead?: FhirSession['foundAhead']
}

const identitiesOf = (upserts: ReadonlyArray<UpsertRow>): ReadonlyArray<UpsertRow['identity']> => {
  // The rows of a series have one in common.
  const identities = new Set(upserts.map(({ identity }) => identity))
  return [...new Map([...identities].map((each) => [identifierToken(each.system, each.value), each])).values()]
}

/** What is asked for first. */
export const firstSearches = (
  { settings }: Run,
  rows: ReadonlyArray<LiveRow>,
  readings: ReadonlyArray<UpsertRow>,
): ReadonlyArray<FhirSearch> => {
  const upserts = [...rows.filter((row) => row._tag === 'Upsert'), ...readings]
  const studyTokens = [...new Set(rows.map(({ key }) => key.studyInstanceUid))].map((uid) =>
    identifierToken(codeSystems.dicomUid, studyIdentifier(uid).value ?? ''),
  )
  return [
    dicomEndpoints,
    ...byToken('Patient', 'identifier', identitiesOf(upserts).flatMap(tokensOf), '500'),
    // A study of a thousand images is 145 KB: pages, not all at once.
    ...byToken('ImagingStudy', 'identifier', studyTokens, '100'),
    ...byToken('Observation', 'identifier', upserts.flatMap(doseTokens(settings)), '500'),
  ]
}

/**
 * Looks up what FHIR holds of everything these rows touch: one request, and another one only where a subject or the
 * target of a link was not among the hits. Our position must have been read before.
 */
export const loadSnapshot = async (
  run: Run,
  rows: ReadonlyArray<LiveRow>,
  readings: ReadonlyArray<UpsertRow>,
  { created, leaving = new Set(), foundAhead }: Beyond = {},
): Promise<E.Either<ServiceError, Snapshot>> => {
  const { fhir } = run.ports
  const upserts = [...rows.filter((row) => row._tag === 'Upsert'), ...readings]
  const identities = identitiesOf(upserts)
  const searches = firstSearches(run, rows, readings)
  // One that failed was the first attempt: a server that wants to be left alone for a while is.
  const found = await retrying(run, async () => (await foundAhead?.(searches)) ?? fhir.search(searches)())
  if (E.isLeft(found)) return found
  const resources = found.right.flat()
  const snapshot = {
    endpoints: ofType<Endpoint>('Endpoint', resources),
    patients: new Map(ofType<Patient>('Patient', resources).map((patient) => [patient.id ?? '', patient])),
    patientsByValue: patientIdsByValue(ofType<Patient>('Patient', resources)),
    studies: studiesByIdentifier(ofType<ImagingStudy>('ImagingStudy', resources)),
    observations: byId(ofType<Observation>('Observation', resources)),
    observed: new Set<string>(),
    ourSubjects: new Set<string>(),
    ofOriginal: new Set<string>(),
    mistaken: new Map<string, ReadonlyArray<string>>(),
    elsewhere: new Map<string, ReadonlyArray<string>>(),
  }
  const elsewhere = await addElsewhere(run, snapshot, rows)
  if (E.isLeft(elsewhere)) return elsewhere
  const reports = await addReports(run, snapshot, rows, leaving)
  if (E.isLeft(reports)) return reports
  const linked = await addLinkedPatients(run, snapshot, upserts)
  if (E.isLeft(linked)) return linked
  const subjects = await addOurSubjects(run, snapshot, identities)
  if (E.isLeft(subjects)) return subjects
  const mistaken = await addMistaken(run, snapshot, identities, ofType<Patient>('Patient', resources))
  if (E.isLeft(mistaken)) return mistaken
  const own = await addCreated(run, snapshot, identities, created)
  return E.isLeft(own) ? own : E.right(snapshot)
}

const byId = (observations: ReadonlyArray<Observation>): Map<string, Observation> =>
  new Map(observations.map((each) => [each.id ?? '', each]))

const studiesByIdentifier = (studies: ReadonlyArray<ImagingStudy>): Loading['studies'] => {
  const byValue: Loading['studies'] = new Map()
  for (const study of studies) addStudy(byValue, study)
  return byValue
}
