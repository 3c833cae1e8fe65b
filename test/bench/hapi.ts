import type { FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import { startHapi } from '../../local/hapi'
import { type Services, castAll } from './app'
import { studyIn } from './growing'
import type { Measured } from './measures'
import { type Story, json, originalsWayMs } from './original'

const instancesPerStudy = 100
const studies = 20

/** The same of another person and study, so that each way begins with nothing on the one server. */
const asAnother = <R extends FhirResource>(resource: R, number: number): R =>
  JSON.parse(
    JSON.stringify(resource)
      .replaceAll('1.2.840.113619.', `1.2.840.1136${20 + number}.`)
      .replace(/"value":"P(\d+)"/g, `"value":"Q${number}-$1"`),
  ) as R

/** The product's way and the original's, the same images, one HAPI: one after the other. */
export const besideOriginal = async (services: Services): Promise<ReadonlyArray<Measured>> => {
  const hapi = await startHapi({ onProgress: (text) => console.log(text) })
  try {
    const open = (count: number) =>
      services.open({
        ...{ workload: { entries: count * instancesPerStudy, instancesPerStudy }, latencyMs: 0, fhirUrl: hapi.url },
      })
    // What Java compiles with the first requests, neither pays for.
    const warm = await open(1)
    await castAll(warm)
    const study: ImagingStudy = await studyIn(warm, 0)
    const patient = await json<Patient>(`${hapi.url}/${study.subject.reference}`)
    const story = (number: number): Story => ({ patient: asAnother(patient, number), study: asAnother(study, number) })
    await originalsWayMs(hapi.url, [{ ...story(studies), images: 50 }])

    const { report } = await castAll(await open(studies))
    const stories = Array.from({ length: studies }, (_, number) => story(number))
    const ms = await originalsWayMs(hapi.url, stories)
    const ours = (1_000 * report.entries) / report.durationMs
    const originals = (1_000 * studies * instancesPerStudy) / ms
    return [
      {
        measure: `images/s into HAPI, ${studies * instancesPerStudy} images, to the original’s way: 3 searches, 1 transaction an image`,
        goal: 'printed',
        measured: `${Math.round(ours / originals)} × (${Math.round(ours)}/s to ${Math.round(originals)}/s)`,
        ratio: NaN,
      },
    ]
  } finally {
    await hapi.close()
  }
}
