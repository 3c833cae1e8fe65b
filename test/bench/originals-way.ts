import { randomUUID } from 'node:crypto'
import type { Bundle, BundleEntry, Endpoint, FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import { Agent, request } from 'undici'
import type { Ids } from './workload'

/** Which images: of these ids the original's requests are made. */
export type Image = Pick<Ids, 'study' | 'series' | 'instance' | 'patient' | 'seriesNumber' | 'number'>

const connectionType = {
  system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
  code: 'dicom-wado-rs',
}
const endpointOf = (root: string): Endpoint => ({
  ...{ resourceType: 'Endpoint', status: 'active', connectionType, name: `DICOM WADO-RS endpoint ${root}` },
  ...{ payloadType: [{ text: 'DICOM WADO-RS' }], payloadMimeType: ['application/dicom'], address: root },
})

/** The study with one more image, as a whole. */
const withImage = (
  study: ImagingStudy,
  { series: uid, instance, seriesNumber, number }: Image,
  system: string,
): ImagingStudy => {
  const { series = [] } = study
  const own = series.find((each) => each.uid === uid) ?? {
    ...{ uid, number: seriesNumber, modality: { system, code: 'CT' }, instance: [] },
  }
  const image = { uid: instance, sopClass: { code: '1.2.840.10008.5.1.4.1.1.2' }, number }
  const others = series.filter((each) => each.uid !== uid)
  return { ...study, series: [...others, { ...own, instance: [...(own.instance ?? []), image] }] }
}

const written = (resource: FhirResource, fullUrl: string): BundleEntry<FhirResource> => {
  const { resourceType, id, meta } = resource
  return id === undefined
    ? { fullUrl, resource, request: { method: 'POST', url: resourceType } }
    : { resource, request: { method: 'PUT', url: `${resourceType}/${id}`, ifMatch: `W/"${meta?.versionId}"` } }
}

/**
 * What the original DICOMcast asks of a FHIR server, one request after the other: what the server is, and for each image
 * Endpoint, Patient and study, each by a search of its own, and a transaction with the whole study. Gives their number. `system`: of the modality; a server
 * that validates takes no 'DCM'.
 */
export const castAsOriginal = async (
  fhirUrl: string,
  root: string,
  images: Iterable<Image>,
  system = 'DCM',
): Promise<number> => {
  const agent = new Agent({ connections: 1, pipelining: 1 })
  let requests = 0
  const ask = async (path: string, body?: Bundle<FhirResource>): Promise<unknown> => {
    requests += 1
    const { statusCode, body: answer } = await request(`${fhirUrl}${path}`, {
      ...{ method: body === undefined ? 'GET' : 'POST', dispatcher: agent },
      headers: { accept: 'application/fhir+json', 'content-type': 'application/fhir+json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const json = await answer.json()
    if (statusCode !== 200) throw new Error(`${statusCode} ${path}`)
    return json
  }
  const find = async <R extends FhirResource>(type: R['resourceType'], by: Record<string, string>) => {
    const { entry = [] } = (await ask(`/${type}?${new URLSearchParams(by).toString()}`)) as Bundle<R>
    return entry[0]?.resource
  }
  await ask('/metadata')
  for (const image of images) {
    const token = { system: 'urn:dicom:uid', value: `urn:oid:${image.study}` }
    const endpoint = await find<Endpoint>('Endpoint', {
      ...{ name: endpointOf(root).name ?? '', 'connection-type': `${connectionType.system}|${connectionType.code}` },
    })
    const patient = await find<Patient>('Patient', { identifier: `|${image.patient}` })
    const study = await find<ImagingStudy>('ImagingStudy', { identifier: `${token.system}|${token.value}` })
    const urls = { endpoint: `urn:uuid:${randomUUID()}`, patient: `urn:uuid:${randomUUID()}` }
    const before: ImagingStudy = study ?? {
      ...{ resourceType: 'ImagingStudy', meta: { source: root }, identifier: [token], status: 'available' },
      subject: { reference: patient === undefined ? urls.patient : `Patient/${patient.id}` },
      endpoint: [{ reference: endpoint === undefined ? urls.endpoint : `Endpoint/${endpoint.id}` }],
    }
    const made = { resourceType: 'Patient', identifier: [{ value: image.patient }] } satisfies Patient
    await ask('/', {
      ...{ resourceType: 'Bundle', type: 'transaction' },
      entry: [
        ...(endpoint === undefined ? [written(endpointOf(root), urls.endpoint)] : []),
        ...(patient === undefined ? [written(made, urls.patient)] : []),
        written(withImage(before, image, system), `urn:uuid:${randomUUID()}`),
      ],
    })
  }
  await agent.close()
  return requests
}
