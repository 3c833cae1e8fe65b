import * as E from 'fp-ts/Either'
import type { Endpoint, FhirResource, ImagingStudy, Observation, Patient } from 'fhir/r4'
import type { LiveRow, UpsertRow } from '../../domain/batch/judge'
import { type Snapshot, findPatient, findStudy, referencedId } from '../../domain/batch/snapshot'
import { isReportClass, membersOf } from '../../domain/batch/observation-index'
import type { ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { codeSystems } from '../../domain/fhir/code-systems'
import { identifierToken, matches, studyIdentifier } from '../../domain/fhir/identifiers'
import { carriesOurMark } from '../../domain/fhir/provenance'
import { wellFormed } from '../../domain/fhir/well-formed'
import type { PatientIdentity } from '../../domain/mapping/patient-identity'
import { isEndpointOf } from '../../domain/mapping/endpoint'
import { type Run, retrying } from '../context'
import type { FhirSearch } from '../ports'

const chunksOf = <A>(size: number, items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))

const identifiersPerSearch = 100

const byToken = (
  type: FhirSearch['type'],
  parameter: string,
  tokens: Iterable<string>,
  count: string,
): ReadonlyArray<FhirSearch> =>
  chunksOf(identifiersPerSearch, [...new Set(tokens)]).map((chunk) => ({
    type,
    parameters: [
      [parameter, chunk.join(',')],
      ['_count', count],
    ],
  }))

// A service with its partitions has few Endpoints: all of them, so that a study of another partition is known as such.
const dicomEndpoints: FhirSearch = {
  type: 'Endpoint',
  parameters: [
    ['connection-type', identifierToken(codeSystems.endpointConnectionType, 'dicom-wado-rs')],
    ['_count', '500'],
  ],
}

const ofType = <R extends FhirResource>(
  type: R['resourceType'],
  found: ReadonlyArray<FhirResource>,
): ReadonlyArray<R> => [
  ...new Map(
    found.flatMap((each) => (each.resourceType === type ? [[each.id, wellFormed(each as R)] as const] : [])),
  ).values(),
]

const tokensOf = ({ system, value }: PatientIdentity): ReadonlyArray<string> =>
  system === undefined
    ? [identifierToken(undefined, value)]
    : [identifierToken(system, value), identifierToken(undefined, value)]

/**
 * Looks up what FHIR holds of everything these rows touch: one request, and another one only where a subject or the
 * target of a link was not among the hits. Our position must have been read before.
 */
export const loadSnapshot = async (
  run: Run,
  rows: ReadonlyArray<LiveRow>,
  readings: ReadonlyArray<UpsertRow>,
): Promise<E.Either<ServiceError, Snapshot>> => {
  const { fhir } = run.ports
  const upserts = [...rows.filter((row) => row._tag === 'Upsert'), ...readings]
  const identities = new Map(
    upserts.map(({ identity }) => [identifierToken(identity.system, identity.value), identity]),
  )
  const studyTokens = [...new Set(rows.map(({ key }) => key.studyInstanceUid))].map((uid) =>
    identifierToken(codeSystems.dicomUid, studyIdentifier(uid).value ?? ''),
  )
  const found = await retrying(
    run,
    fhir.search([
      dicomEndpoints,
      ...byToken('Patient', 'identifier', [...identities.values()].flatMap(tokensOf), '500'),
      // A study of a thousand images is 145 KB: pages, not all at once.
      ...byToken('ImagingStudy', 'identifier', studyTokens, '100'),
      ...byToken('Observation', 'identifier', upserts.flatMap(doseTokens), '500'),
    ]),
  )
  if (E.isLeft(found)) return found
  const resources = found.right.flat()
  const snapshot = {
    endpoints: ofType<Endpoint>('Endpoint', resources),
    patients: new Map(ofType<Patient>('Patient', resources).map((patient) => [patient.id ?? '', patient])),
    patientsByValue: patientIdsByValue(ofType<Patient>('Patient', resources)),
    studies: studiesByIdentifier(ofType<ImagingStudy>('ImagingStudy', resources)),
    observations: byId(ofType<Observation>('Observation', resources)),
    ourSubjects: new Set<string>(),
    mistaken: new Map<string, ReadonlyArray<string>>(),
  }
  const reports = await addReports(run, snapshot, rows)
  if (E.isLeft(reports)) return reports
  const linked = await addLinkedPatients(run, snapshot, upserts)
  if (E.isLeft(linked)) return linked
  const subjects = await addOurSubjects(run, snapshot, [...identities.values()])
  if (E.isLeft(subjects)) return subjects
  const mistaken = await addMistaken(run, snapshot, [...identities.values()])
  return E.isLeft(mistaken) ? mistaken : E.right(snapshot)
}

/** What FHIR holds of the studies of these rows, each once: a batch may be a thousand images of one. */
const studiesOf = (run: Run, snapshot: Loading, rows: ReadonlyArray<LiveRow>): ReadonlyArray<ImagingStudy> =>
  [...new Map(rows.map(({ key }) => [studyKeyText(key), key])).values()].flatMap(
    ({ partition, studyInstanceUid }) =>
      findStudy(snapshot, run.settings, partition, studyIdentifier(studyInstanceUid).value ?? '') ?? [],
  )

const doseTokens = ({ dose }: UpsertRow): ReadonlyArray<string> =>
  dose === undefined
    ? []
    : [dose.summary, ...dose.events].map(({ identifier: [{ system, value }] }) => identifierToken(system, value ?? ''))

const byId = (observations: ReadonlyArray<Observation>): Map<string, Observation> =>
  new Map(observations.map((each) => [each.id ?? '', each]))

const hasReports = ({ series }: ImagingStudy): boolean =>
  (series ?? []).some(({ instance }) => (instance ?? []).some(({ sopClass }) => isReportClass(sopClass?.code)))

/**
 * Observations of the studies that have structured reports: they go with their report and with their study, and move
 * with it. An event goes only when no summary lists it any more, in whatever study.
 */
const addReports = async (
  run: Run,
  snapshot: Loading,
  rows: ReadonlyArray<LiveRow>,
): Promise<E.Either<ServiceError, void>> => {
  const studies = studiesOf(run, snapshot, rows).flatMap((study) =>
    study.id !== undefined && hasReports(study) ? [`ImagingStudy/${study.id}`] : [],
  )
  const ofStudies = byToken('Observation', 'part-of', studies, '500')
  const found = await retrying(run, run.ports.fhir.search(ofStudies))
  if (E.isLeft(found)) return found
  for (const each of ofType<Observation>('Observation', found.right.flat()))
    snapshot.observations.set(each.id ?? '', each)
  if (!rows.some((row) => row._tag === 'Delete' || row.dose !== undefined)) return E.right(undefined)
  const { fhirBase } = run.settings
  const events = [...snapshot.observations.values()]
    .flatMap((each) => membersOf(fhirBase, each))
    .map((id) => `Observation/${id}`)
  const summaries = await retrying(run, run.ports.fhir.search(byToken('Observation', 'has-member', events, '500')))
  if (E.isLeft(summaries)) return summaries
  for (const each of ofType<Observation>('Observation', summaries.right.flat())) {
    snapshot.observations.set(each.id ?? '', each)
  }
  return E.right(undefined)
}

const patientIdsByValue = (patients: ReadonlyArray<Patient>): Map<string, ReadonlyArray<string>> => {
  const ids = new Map<string, Array<string>>()
  for (const { id, identifier } of patients) {
    for (const value of new Set((identifier ?? []).map((each) => each.value))) {
      if (id !== undefined && value !== undefined) ids.set(value, [...(ids.get(value) ?? []), id])
    }
  }
  return ids
}

const studiesByIdentifier = (studies: ReadonlyArray<ImagingStudy>): Map<string, ReadonlyArray<ImagingStudy>> => {
  const byValue = new Map<string, Array<ImagingStudy>>()
  for (const study of studies) {
    for (const { system, value } of study.identifier ?? []) {
      if (system === codeSystems.dicomUid && value !== undefined)
        byValue.set(value, [...(byValue.get(value) ?? []), study])
    }
  }
  return byValue
}

type Loading = Omit<Snapshot, 'patients' | 'observations' | 'ourSubjects' | 'mistaken'> & {
  readonly patients: Map<string, Patient>
  readonly observations: Map<string, Observation>
  readonly ourSubjects: Set<string>
  readonly mistaken: Map<string, ReadonlyArray<string>>
}

/** Subjects of the studies and targets of `replaced-by` links, five hops at the most. */
const addLinkedPatients = async (
  run: Run,
  snapshot: Loading,
  upserts: ReadonlyArray<UpsertRow>,
): Promise<E.Either<ServiceError, void>> => {
  const { fhirBase } = run.settings
  const subjects = studiesOf(run, snapshot, upserts).flatMap(
    ({ subject }) => referencedId(fhirBase, 'Patient', subject) ?? [],
  )
  const asked = new Set<string>()
  for (let hop = 0; hop <= 5; hop++) {
    const targets = [...snapshot.patients.values()].flatMap(({ link }) =>
      (link ?? []).flatMap(({ type, other }) =>
        type === 'replaced-by' ? (referencedId(fhirBase, 'Patient', other) ?? []) : [],
      ),
    )
    const missing = [...new Set([...subjects, ...targets])].filter((id) => !snapshot.patients.has(id) && !asked.has(id))
    if (missing.length === 0) return E.right(undefined)
    missing.forEach((id) => asked.add(id))
    const found = await retrying(run, run.ports.fhir.search(byToken('Patient', '_id', missing, '500')))
    if (E.isLeft(found)) return found
    for (const patient of ofType<Patient>('Patient', found.right.flat()))
      snapshot.patients.set(patient.id ?? '', patient)
  }
  return E.right(undefined)
}

/** Sole Patients without a system and without our mark: do they belong to a study of ours? */
const addOurSubjects = async (
  run: Run,
  snapshot: Loading,
  identities: ReadonlyArray<PatientIdentity>,
): Promise<E.Either<ServiceError, void>> => {
  const { dicom } = run.settings
  const having = (system: string | undefined, value: string): ReadonlyArray<Patient> =>
    (snapshot.patientsByValue.get(value) ?? [])
      .flatMap((id) => snapshot.patients.get(id) ?? [])
      .filter(({ identifier }) => (identifier ?? []).some((each) => matches(each, system, value)))
  const candidates = identities.flatMap(({ system, value }) => {
    if (system === undefined || having(system, value).length > 0) return []
    const [sole, ...others] = having(undefined, value)
    return sole?.id === undefined || others.length > 0 || carriesOurMark(sole.meta, dicom) ? [] : [sole.id]
  })
  const own = snapshot.endpoints.filter(({ address, name, ...rest }) =>
    [...new Set(['Microsoft.Default', ...run.settings.partitions])].some((partition) =>
      isEndpointOf(dicom, partition)({ address, ...(name === undefined ? {} : { name }), ...rest }),
    ),
  )
  if (candidates.length === 0 || own.length === 0) return E.right(undefined)
  const endpoints = own.map(({ id }) => `Endpoint/${id}`).join(',')
  const found = await retrying(
    run,
    run.ports.fhir.search(
      candidates.map((id) => ({
        type: 'ImagingStudy' as const,
        parameters: [
          ['subject', `Patient/${id}`],
          ['endpoint', endpoints],
          ['_count', '1'],
        ] as const,
      })),
    ),
  )
  if (E.isLeft(found)) return found
  candidates.forEach((id, index) => {
    const hits = ofType<ImagingStudy>('ImagingStudy', found.right[index] ?? [])
    if (hits.some(({ subject }) => referencedId(run.settings.fhirBase, 'Patient', subject) === id)) {
      snapshot.ourSubjects.add(id)
    }
  })
  return E.right(undefined)
}

/** As a server may compare that minds neither case nor blanks. */
const loosely = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/[\p{M}\s]/gu, '')
    .toLowerCase()

/**
 * A server may take identifiers for equal that are not (R4 §3.1.1.4.10 even asks for it when in doubt). Its conditional
 * create would then find another person, and the images would be his. Asked only where such a Patient is among the hits.
 */
const addMistaken = async (
  run: Run,
  snapshot: Loading,
  identities: ReadonlyArray<PatientIdentity>,
): Promise<E.Either<ServiceError, void>> => {
  const values = new Set([...snapshot.patientsByValue.keys()].map(loosely))
  const doubtful = identities.filter(
    (each) => values.has(loosely(each.value)) && findPatient(snapshot, run.settings, each)._tag === 'None',
  )
  if (doubtful.length === 0) return E.right(undefined)
  const tokens = doubtful.map(({ system, value }) => identifierToken(system, value))
  const searches = tokens.flatMap((token) => byToken('Patient', 'identifier', [token], '10'))
  const found = await retrying(run, run.ports.fhir.search(searches))
  if (E.isLeft(found)) return found
  tokens.forEach((token, index) => {
    const ids = ofType<Patient>('Patient', found.right[index] ?? []).flatMap(({ id }) => id ?? [])
    if (ids.length > 0) snapshot.mistaken.set(token, ids)
  })
  return E.right(undefined)
}
