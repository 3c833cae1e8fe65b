import type { Bundle, ImagingStudy } from 'fhir/r4'
import type { World } from './services'
import { idsOf } from './workload'

const json = async (url: string, body?: unknown): Promise<unknown> => {
  const answer = await fetch(
    url,
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/fhir+json' }, body: JSON.stringify(body) },
  )
  if (!answer.ok) throw new Error(`the FHIR service answered ${answer.status}`)
  return answer.json()
}

const searchUrl = ({ urls }: World, identifier: string): string =>
  `${urls.fhir}/ImagingStudy?identifier=${encodeURIComponent(`urn:dicom:uid|${identifier}`)}`

/** The n-th study of the workload of a run, as FHIR holds it; from 0. */
export const studyIn = async (world: World, n: number): Promise<ImagingStudy> => {
  const { study } = idsOf({ entries: 0, instancesPerStudy: 1 }, n + 1)
  const found = (await json(searchUrl(world, `urn:oid:${study}`))) as Bundle<ImagingStudy>
  const [resource] = (found.entry ?? []).flatMap((each) => each.resource ?? [])
  if (resource === undefined) throw new Error('the study is not in FHIR')
  return resource
}

const upTo = (study: ImagingStudy, instances: number): ImagingStudy => {
  let left = instances
  const series = (study.series ?? []).flatMap(({ instance = [], ...each }) => {
    const kept = instance.slice(0, left)
    left -= kept.length
    return kept.length === 0 ? [] : [{ ...each, instance: kept }]
  })
  return { ...study, series }
}

/** How long it takes, ms, to write the study with `step` instances more each time, and to read it before. */
export const growingFloorMs = async (world: World, study: ImagingStudy, step: number): Promise<number> => {
  const identifier = study.identifier?.[0]?.value ?? ''
  const { meta: _meta, ...content } = study
  const total = study.numberOfInstances ?? 0
  const bodies = Array.from({ length: Math.ceil(total / step) }, (_, index) => upTo(content, (index + 1) * step))
  const started = performance.now()
  for (const resource of bodies) {
    const url = `ImagingStudy/${study.id}`
    const entry = [{ fullUrl: `${world.urls.fhir}/${url}`, resource, request: { method: 'PUT', url } }]
    await json(world.urls.fhir, { resourceType: 'Bundle', type: 'transaction', entry })
    await json(searchUrl(world, identifier))
  }
  return performance.now() - started
}
