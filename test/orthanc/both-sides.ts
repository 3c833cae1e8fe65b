import type { FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import type { OrthancClient } from './orthanc-client'

// What Orthanc says that it holds, by its own API, and what FHIR holds, both in one plain form: no line of the product is in between.

export interface HeldInstance {
  readonly series: string
  readonly uid: string
  readonly sopClass: string
  readonly number: string
}

export interface HeldStudy {
  readonly uid: string
  readonly patientId: string
  readonly name: string
  readonly birthDate: string
  readonly sex: string
  readonly started: string
  /** Of Orthanc: each that an image of the study has, when they differ. */
  readonly description: string
  readonly modality: string
  readonly seriesCount: number
  readonly instanceCount: number
  /** Sorted by UID. */
  readonly instances: ReadonlyArray<HeldInstance>
}

export type Held = ReadonlyArray<HeldStudy>

const byUid = <A extends { readonly uid: string }>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
  all.toSorted((left, right) => (left.uid < right.uid ? -1 : 1))

const unique = (texts: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(texts)].toSorted()

const differing = ' | '

/** Where the images of a study disagree on what it is called, either will do. */
export const withEither = (orthanc: Held, fhir: Held): Held => {
  const said = new Map(fhir.map(({ uid, description }) => [uid, description]))
  return orthanc.map((study) => {
    const one = said.get(study.uid)
    return one !== undefined && study.description.split(differing).includes(one)
      ? { ...study, description: one }
      : study
  })
}

type Tags = Readonly<Record<string, string | undefined>>

const studyOf = (instances: ReadonlyArray<Tags>): HeldStudy => {
  const [first = {}] = instances
  const text = (tag: string): string => first[tag] ?? ''
  return {
    uid: text('0020,000d'),
    patientId: text('0010,0020'),
    name: text('0010,0010'),
    birthDate: text('0010,0030'),
    sex: text('0010,0040'),
    started: text('0008,0020'),
    description: unique(instances.map((each) => each['0008,1030'] ?? '')).join(differing),
    modality: unique(instances.map((each) => each['0008,0060'] ?? '')).join(),
    seriesCount: unique(instances.map((each) => each['0020,000e'] ?? '')).length,
    instanceCount: instances.length,
    instances: byUid(
      instances.map((each) => ({
        series: each['0020,000e'] ?? '',
        uid: each['0008,0018'] ?? '',
        sopClass: each['0008,0016'] ?? '',
        number: each['0020,0013'] ?? '',
      })),
    ),
  }
}

/** Every study that Orthanc holds, from the tags of each of its instances. */
export const heldByOrthanc = async ({ get }: OrthancClient): Promise<Held> => {
  const held: HeldStudy[] = []
  for (const id of await get<ReadonlyArray<string>>('/studies')) {
    const tags = await get<Readonly<Record<string, Tags>>>(`/studies/${id}/instances-tags?short`)
    held.push(studyOf(Object.values(tags)))
  }
  return byUid(held)
}

const compact = (date = ''): string => date.slice(0, 10).replaceAll('-', '')
const oid = (uri = ''): string => uri.replace('urn:oid:', '')
const sexes: Readonly<Record<string, string>> = { male: 'M', female: 'F', other: 'O' }

const heldInFhir = (study: ImagingStudy, patients: ReadonlyArray<Patient>): HeldStudy => {
  const patient = patients.find(({ id }) => `Patient/${id}` === study.subject.reference)
  const [name] = patient?.name ?? []
  return {
    uid: oid(study.identifier?.find(({ system }) => system === 'urn:dicom:uid')?.value),
    patientId: patient?.identifier?.[0]?.value ?? '',
    name: [name?.family, ...(name?.given ?? [])].filter((part) => part !== undefined).join('^'),
    birthDate: compact(patient?.birthDate),
    sex: sexes[patient?.gender ?? ''] ?? '',
    started: compact(study.started),
    description: study.description ?? '',
    modality: unique((study.modality ?? []).map(({ code = '' }) => code)).join(),
    seriesCount: study.numberOfSeries ?? 0,
    instanceCount: study.numberOfInstances ?? 0,
    instances: byUid(
      (study.series ?? []).flatMap(({ uid: series, instance = [] }) =>
        instance.map(({ uid, sopClass, number }) => ({
          ...{ series, uid, sopClass: oid(sopClass.code), number: String(number ?? '') },
        })),
      ),
    ),
  }
}

/** Every study that FHIR holds. */
export const heldByFhir = (all: <R extends FhirResource>(type: R['resourceType']) => ReadonlyArray<R>): Held =>
  byUid(all<ImagingStudy>('ImagingStudy').map((study) => heldInFhir(study, all<Patient>('Patient'))))
