import type { Basic, Endpoint, FhirResource, ImagingStudy, Observation, Patient } from 'fhir/r4'
import type { CastWorld } from '../world/cast-world'

interface Kinds {
  readonly Basic: Basic
  readonly Endpoint: Endpoint
  readonly ImagingStudy: ImagingStudy
  readonly Observation: Observation
  readonly Patient: Patient
}

type Holding = Pick<CastWorld, 'fhir'>

const isPointer = ({ id }: { readonly id?: unknown }): boolean => String(id).startsWith('dicomcast-root-')
const isCheck = ({ id }: { readonly id?: unknown }): boolean => id === 'dicomcast-check'

/** What FHIR holds of a type now, in the order of creation; of Basic, positions alone. */
export const held = <K extends keyof Kinds>({ fhir }: Holding, type: K): ReadonlyArray<Kinds[K]> =>
  fhir.store.ofType(type).filter((each) => !isPointer(each) && !isCheck(each)) as unknown as ReadonlyArray<Kinds[K]>

/** What says which feed has a root today. */
export const pointers = ({ fhir }: Holding): ReadonlyArray<Basic> =>
  fhir.store.ofType('Basic').filter(isPointer) as unknown as ReadonlyArray<Basic>

/** The only one of its type; a test that expects one wants to hear of a second. */
export const sole = <K extends keyof Kinds>(world: Holding, type: K): Kinds[K] => {
  const [first, ...others] = held(world, type)
  if (first === undefined || others.length > 0) throw new Error(`FHIR holds ${others.length + 1} or no ${type}`)
  return first
}

/** Without what the server chose or set: ids of what we created, versions and times. */
export const substance = (resource: FhirResource): unknown => {
  const { id: _id, meta, ...members } = resource
  const { versionId: _version, lastUpdated: _updated, ...ours } = meta ?? {}
  return { ...members, meta: ours }
}

/** Everything but our position, with versions: equal before and after a run that wrote nothing. */
export const heldBesidesPosition = ({ fhir }: Holding): ReadonlyArray<unknown> =>
  fhir.store.all().filter(({ resourceType }) => resourceType !== 'Basic')

/** The requests since the log was cleared, as `METHOD path → status`. */
export const requested = ({ fhir }: Holding): ReadonlyArray<string> =>
  fhir.requests.list().map(({ method, path, status }) => `${method} ${path} → ${status}`)

export const bytesSent = ({ fhir }: Holding): number =>
  fhir.requests.list().reduce((total, { requestBytes }) => total + requestBytes, 0)

/** `uid of the series: uids of its instances` for a whole study. */
export const imagesOf = (study: ImagingStudy): Readonly<Record<string, ReadonlyArray<string>>> =>
  Object.fromEntries((study.series ?? []).map(({ uid, instance = [] }) => [uid, instance.map((each) => each.uid)]))

/** The Patient that is the subject of a study, by the value of its first identifier. */
export const subjectOf = (world: Holding, study: ImagingStudy): string | undefined =>
  held(world, 'Patient').find(({ id }) => study.subject.reference === `Patient/${id}`)?.identifier?.[0]?.value
