import { startHapi } from '../../local/hapi'
import { type Services, castAll } from './app'
import type { Measured } from './measures'
import { type Image, castAsOriginal } from './originals-way'
import { idsOf } from './workload'

const instancesPerStudy = 100
const studies = 20
const dcm = 'http://dicom.nema.org/resources/ontology/DCM'

/** The images of other people's studies, so that each way begins with nothing on the one server. */
const othersImages = (count: number, whose: string): ReadonlyArray<Image> =>
  Array.from({ length: count }, (_, index) => {
    const ids = idsOf({ entries: count, instancesPerStudy }, index + 1)
    const other = (uid: string): string => uid.replace('1.2.840.113619.', `1.2.840.113619.${whose}.`)
    return {
      ...{ ...ids, study: other(ids.study), series: other(ids.series), instance: other(ids.instance) },
      patient: `${whose}-${ids.patient}`,
    }
  })

/** The product's way and the original's, as many images, one HAPI: one after the other. */
export const besideOriginal = async (services: Services): Promise<ReadonlyArray<Measured>> => {
  const hapi = await startHapi({ onProgress: (text) => console.log(text) })
  try {
    const open = (count: number) =>
      services.open({
        ...{ workload: { entries: count * instancesPerStudy, instancesPerStudy }, latencyMs: 0, fhirUrl: hapi.url },
      })
    // What Java compiles with the first requests, neither pays for.
    await castAll(await open(1))
    await castAsOriginal(hapi.url, 'http://original.test/', othersImages(50, '8'), dcm)

    const { report } = await castAll(await open(studies))
    const started = performance.now()
    await castAsOriginal(hapi.url, 'http://original.test/', othersImages(studies * instancesPerStudy, '9'), dcm)
    const ours = (1_000 * report.entries) / report.durationMs
    const originals = (1_000 * studies * instancesPerStudy) / (performance.now() - started)
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
