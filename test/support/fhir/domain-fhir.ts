import type { Endpoint, FhirResource, Identifier, ImagingStudy, Observation, Patient } from 'fhir/r4'
import { type Snapshot, referencedId } from '../../../lib/domain/batch/snapshot'
import type { TransactionEntry } from '../../../lib/domain/fhir/bundle'
import { carriesOurTag, isOfService } from '../../../lib/domain/fhir/provenance'
import { isEndpointOf, isInOriginalsForm } from '../../../lib/domain/mapping/endpoint'
import { isOriginalsPatient } from '../../../lib/domain/mapping/patient-original'
import { parseJson } from '../../../lib/domain/json'
import type { MappingSettings } from '../../../lib/domain/mapping/settings'
import { validateResource } from '../../../local/fhir/validate'

interface WireEntry {
  readonly fullUrl: string
  readonly resource?: FhirResource
  readonly request: { readonly method: string; readonly url: string; readonly ifMatch?: string; ifNoneExist?: string }
}

const validated = new Set<string>()

/** Throws when R4 does not allow the resource; the same content is looked at once. */
export const assertValid = (resource: FhirResource): void => {
  const { id: _id, meta: _meta, ...content } = resource
  const text = JSON.stringify(content)
  if (validated.has(text)) return
  const problems = validateResource(JSON.parse(JSON.stringify(resource)) as FhirResource)
  if (problems.length > 0) throw new Error(`not valid: ${JSON.stringify(problems)} ${JSON.stringify(resource)}`)
  validated.add(text)
}

const identifiersOf = (resource: FhirResource): ReadonlyArray<Identifier> =>
  'identifier' in resource && Array.isArray(resource.identifier) ? resource.identifier : []

/** `system|value`, FHIR's escapes taken away. */
const tokenParts = (token: string): readonly [string, string] => {
  const [, system = '', value = ''] = /^((?:\\.|[^|\\])*)\|(.*)$/s.exec(token) ?? []
  const plain = (text: string): string => text.replace(/\\(.)/g, '$1')
  return [plain(system), plain(value)]
}

const meets = (resource: FhirResource, condition: string): boolean =>
  [...new URLSearchParams(condition)].every(([name, wanted]) => {
    if (name === 'endpoint') {
      return resource.resourceType === 'ImagingStudy' && resource.endpoint?.some((each) => each.reference === wanted)
    }
    const [system, value] = tokenParts(wanted)
    return identifiersOf(resource).some((each) => (each.system ?? '') === system && each.value === value)
  })

export type MemoryFhir = ReturnType<typeof memoryFhir>

/** As much of a FHIR server as the domain needs: it carries out transactions whole, and shows everything it holds. */
export const memoryFhir = (initial: ReadonlyArray<FhirResource> = []) => {
  let resources = new Map<string, FhirResource>()
  let writes = 0
  let lastId = Math.max(0, ...initial.map(({ id }) => Number(id)).filter(Number.isFinite))
  for (const each of initial) resources.set(`${each.resourceType}/${each.id}`, withVersion(each, 1))

  const all = <T extends FhirResource['resourceType']>(
    type: T,
  ): ReadonlyArray<Extract<FhirResource, { resourceType: T }>> =>
    [...resources.values()].filter(
      (each): each is Extract<FhirResource, { resourceType: T }> => each.resourceType === type,
    )

  /** The status of each entry; throws on what a server would refuse. */
  const transact = (entries: ReadonlyArray<TransactionEntry>): ReadonlyArray<number> => {
    const next = new Map(resources)
    const wire = entries.map(({ text }) => parseJson(text) as WireEntry)
    const ids = new Map<string, string>()
    const touched = new Set<string>()
    const statuses = wire.map(({ fullUrl, resource, request }) => {
      if (request.method !== 'POST') return request.method === 'DELETE' ? 204 : 200
      const known = [...resources.values()].filter(
        (each) => each.resourceType === resource?.resourceType && meets(each, request.ifNoneExist ?? ''),
      )
      if (known.length > 1) throw new Error('412: several match')
      ids.set(fullUrl, known[0] === undefined ? `${request.url}/${++lastId}` : `${request.url}/${known[0].id}`)
      return known[0] === undefined ? 201 : 200
    })
    wire.forEach(({ fullUrl, resource, request }, index) => {
      const url = request.method === 'POST' ? (ids.get(fullUrl) ?? '') : request.url
      if (touched.has(url)) throw new Error(`400: ${url} twice in one transaction`)
      touched.add(url)
      if (request.method === 'POST' && statuses[index] === 200) return
      const current = next.get(url)
      const version = Number(current?.meta?.versionId ?? 0)
      if (request.method !== 'POST' && request.ifMatch !== `W/"${version}"`) throw new Error(`412: ${url}`)
      writes += 1
      if (request.method === 'DELETE') {
        next.delete(url)
        return
      }
      const resolved = JSON.stringify({ ...resource, id: url.split('/')[1] }).replace(
        /"urn:uuid:[^"]+"/g,
        (quoted) => `"${ids.get(quoted.slice(1, -1)) ?? quoted.slice(1, -1)}"`,
      )
      const written = withVersion(parseJson(resolved) as FhirResource, version + 1)
      assertValid(written)
      next.set(url, written)
    })
    resources = next
    return statuses
  }

  const snapshot = ({ fhirBase, dicom }: MappingSettings): Snapshot => {
    const [patients, studies, endpoints] = [all('Patient'), all('ImagingStudy'), all('Endpoint')]
    const own = new Set(endpoints.filter(isOurEndpoint(dicom)).map(({ id }) => `Endpoint/${id}`))
    const ofOurs = studies.filter(
      ({ endpoint, meta }) =>
        isOfService(meta, dicom) && (endpoint ?? []).some((each) => own.has(each.reference ?? '')),
    )
    return snapshotOf({
      endpoints,
      patients,
      studies,
      observations: all('Observation'),
      ourSubjects: ofOurs.flatMap(({ subject }) => referencedId(fhirBase, 'Patient', subject) ?? []),
      ofOriginal: endpoints.some(isInOriginalsForm)
        ? ofOurs.flatMap(({ meta, subject }) => {
            const patient = patients.find(({ id }) => id === referencedId(fhirBase, 'Patient', subject))
            return patient?.id !== undefined && !carriesOurTag(meta) && isOriginalsPatient(patient) ? [patient.id] : []
          })
        : [],
    })
  }

  return { all, transact, snapshot, writes: () => writes, contents: () => [...resources.values()] }
}

const withVersion = <R extends FhirResource>(resource: R, version: number): R => ({
  ...resource,
  meta: { ...resource.meta, versionId: String(version) },
})

const isOurEndpoint =
  (dicom: MappingSettings['dicom']) =>
  (endpoint: Endpoint): boolean => {
    const partition = /\/partitions\/([^/]+)\/?$/.exec(endpoint.address)?.[1] ?? 'Microsoft.Default'
    return isEndpointOf(dicom, partition)(endpoint)
  }

const studiesBySop = (studies: ReadonlyArray<ImagingStudy>): ReadonlyMap<string, ReadonlyArray<string>> => {
  const uids = new Map<string, Array<string>>()
  for (const { identifier, series = [] } of studies) {
    const study = identifier?.find(({ system }) => system === 'urn:dicom:uid')?.value?.slice('urn:oid:'.length) ?? ''
    for (const { uid } of series.flatMap(({ instance = [] }) => instance)) {
      uids.set(uid, [...(uids.get(uid) ?? []), study])
    }
  }
  return uids
}

/** A snapshot of these resources. */
export const snapshotOf = (parts: {
  readonly endpoints?: ReadonlyArray<Endpoint>
  readonly patients?: ReadonlyArray<Patient>
  readonly studies?: ReadonlyArray<ImagingStudy>
  readonly observations?: ReadonlyArray<Observation>
  readonly ourSubjects?: ReadonlyArray<string>
  readonly ofOriginal?: ReadonlyArray<string>
}): Snapshot => {
  const { endpoints = [], patients = [], studies = [], observations = [], ourSubjects = [], ofOriginal = [] } = parts
  const idsByValue = new Map<string, Array<string>>()
  for (const { id = '', identifier = [] } of patients) {
    for (const value of new Set(identifier.flatMap((each) => each.value ?? []))) {
      idsByValue.set(value, [...(idsByValue.get(value) ?? []), id])
    }
  }
  const byIdentifier = new Map<string, Array<ImagingStudy>>()
  for (const study of studies) {
    for (const { system, value = '' } of study.identifier ?? []) {
      if (system === 'urn:dicom:uid') byIdentifier.set(value, [...(byIdentifier.get(value) ?? []), study])
    }
  }
  return {
    endpoints,
    patients: new Map(patients.map((patient) => [patient.id ?? '', patient])),
    patientsByValue: idsByValue,
    studies: byIdentifier,
    observations: new Map(observations.map((each) => [each.id ?? '', each])),
    ourSubjects: new Set(ourSubjects),
    ofOriginal: new Set(ofOriginal),
    mistaken: new Map(),
    elsewhere: studiesBySop(studies),
  }
}
