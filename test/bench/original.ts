import { setTimeout as sleep } from 'node:timers/promises'
import type { Bundle, BundleEntry, FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import { upTo } from './growing'

// How Microsoft's DICOMcast writes, as its source does it: image by image, three searches and one transaction each, the whole
// study every time. What it maps is not the measure here: the resources are those that this product made of the same images.

export const json = async <A>(url: string, body?: object): Promise<A> => {
  const init = { method: 'POST', headers: { 'content-type': 'application/fhir+json' }, body: JSON.stringify(body) }
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(url, body === undefined ? { headers: { 'cache-control': 'no-cache' } } : init)
    if (answer.ok) return (await answer.json()) as A
    if (attempt === 3) throw new Error(`the FHIR server answered ${answer.status}: ${await answer.text()}`)
    await sleep(100 * attempt)
  }
}

const firstOf = async <A extends FhirResource>(url: string): Promise<A | undefined> =>
  (await json<Bundle<A>>(url)).entry?.[0]?.resource

const entryOf = (
  base: string,
  resource: FhirResource,
  found: FhirResource | undefined,
  ifNoneExist: string,
): BundleEntry => {
  const { meta: _meta, id: _id, ...content } = resource
  const type = resource.resourceType
  return found?.id === undefined
    ? {
        fullUrl: `urn:uuid:${crypto.randomUUID()}`,
        resource: content as FhirResource,
        request: { method: 'POST', url: type, ifNoneExist },
      }
    : {
        fullUrl: `${base}/${type}/${found.id}`,
        resource: { ...content, id: found.id } as FhirResource,
        request: {
          ...{ method: 'PUT', url: `${type}/${found.id}` },
          ...(found.meta?.versionId === undefined ? {} : { ifMatch: `W/"${found.meta.versionId}"` }),
        },
      }
}

const tokenOf = ({ identifier }: ImagingStudy | Patient): string =>
  encodeURIComponent(`${identifier?.[0]?.system ?? ''}|${identifier?.[0]?.value ?? ''}`)

export interface Story {
  readonly patient: Patient
  /** With all of its images; they come one by one. */
  readonly study: ImagingStudy
  /** No more of them than this. */
  readonly images?: number
}

/** How long it takes, ms, to write these studies so, into a server that holds none of them. */
export const originalsWayMs = async (base: string, stories: ReadonlyArray<Story>): Promise<number> => {
  const started = performance.now()
  for (const { patient, study, images: last = study.numberOfInstances ?? 0 } of stories) {
    for (let images = 1; images <= last; images++) {
      const [byPatient, byStudy] = [`identifier=${tokenOf(patient)}`, `identifier=${tokenOf(study)}`]
      const knownPatient = await firstOf<Patient>(`${base}/Patient?${byPatient}`)
      await firstOf(`${base}/Endpoint?connection-type=dicom-wado-rs`)
      const knownStudy = await firstOf<ImagingStudy>(`${base}/ImagingStudy?${byStudy}`)
      const ofPatient = entryOf(base, patient, knownPatient, byPatient)
      const subject = { reference: knownPatient === undefined ? ofPatient.fullUrl : `Patient/${knownPatient.id}` }
      const grown = { ...upTo(study, images), numberOfInstances: images, subject } as ImagingStudy
      // A Patient that is as it should be is left out.
      const entry = [...(knownPatient === undefined ? [ofPatient] : []), entryOf(base, grown, knownStudy, byStudy)]
      await json(base, { resourceType: 'Bundle', type: 'transaction', entry })
    }
  }
  return performance.now() - started
}
