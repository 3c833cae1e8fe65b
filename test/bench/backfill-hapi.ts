import type { Bundle, FhirResource } from 'fhir/r4'
import { startHapi } from '../../local/hapi'
import { type Size, fillPlain } from './backfill-archive'
import { type Say, sayEqual } from './backfill-chaos'
import { begin, castFeed, progressOf, seconds, timeOfWorkers } from './backfill-processes'
import { type BackfillWorld, type ForeignFhir, type Installation, openBackfillWorld } from './backfill-world'

// A backfill into a HAPI, which validates all that is written, and a cast of the feed into another one.

/** HAPI writes the id of a request behind the source. */
const ours = (resource: FhirResource): FhirResource => {
  const { meta } = resource
  const source = meta?.source?.replace(/#.*/, '')
  return source === undefined ? resource : { ...resource, meta: { ...meta, source } }
}

const resourcesIn = async (url: string): Promise<ReadonlyArray<FhirResource>> => {
  const found: Array<FhirResource> = []
  for (const type of ['Patient', 'Endpoint', 'ImagingStudy', 'Observation']) {
    let next: string | undefined = `${url}/${type}?_count=200`
    while (next !== undefined) {
      const answer: Response = await fetch(next)
      if (answer.status !== 200) throw new Error(`HAPI answered ${answer.status} to a search for ${type}`)
      const { entry = [], link = [] } = (await answer.json()) as Bundle<FhirResource>
      found.push(...entry.flatMap(({ resource }) => (resource === undefined ? [] : [ours(resource)])))
      next = link.find(({ relation }) => relation === 'next')?.url
    }
  }
  return found
}

/** With a HAPI of its own, one after the other: each takes its memory. */
const withHapi = async <A>(world: BackfillWorld, does: (installation: Installation) => Promise<A>): Promise<A> => {
  const hapi = await startHapi({ onProgress: (text) => console.log(text) })
  try {
    const foreign: ForeignFhir = { url: hapi.url, resources: () => resourcesIn(hapi.url) }
    return await does(await world.install(foreign))
  } finally {
    await hapi.close()
  }
}

export const tryHapi = async (
  { studies, images }: Size,
  { workers, lanes }: { readonly workers: number; readonly lanes: number },
  say: Say,
): Promise<void> => {
  const world = await openBackfillWorld(0)
  try {
    fillPlain(world.dicom, { studies, images })
    const refused = new Map<number, number>()
    const found = await withHapi(world, async (installation) => {
      await begin(installation.environment, lanes)
      world.traffic.answered = ({ service }, status) => {
        if (service === 'fhir' && status >= 400) refused.set(status, (refused.get(status) ?? 0) + 1)
      }
      const ms = await timeOfWorkers(world, installation, { workers, limitMs: 2 * 60 * 60_000 })
      const { state, ended, done } = await progressOf(installation.environment)
      say(
        `${workers} workers brought ${done.studies} studies and ${done.images} images to HAPI in ${seconds(ms)}; ${done.notCast} images not cast, ${done.failed} studies failed`,
        state === 'over' && ended === 'Done' && done.studies === studies && done.notCast + done.failed === 0,
      )
      const invalid = [400, 422].reduce((sum, status) => sum + (refused.get(status) ?? 0), 0)
      say(
        `${invalid} validation errors; other answers above 399: ${JSON.stringify(Object.fromEntries(refused))}`,
        invalid === 0,
      )
      return installation.resources()
    })
    const wanted = await withHapi(world, async (installation) => {
      const begun = Date.now()
      await castFeed(installation)
      console.log(`  the feed's reader: ${seconds(Date.now() - begun)}`)
      return installation.resources()
    })
    sayEqual(say, `HAPI, ${found.length} resources`, found, wanted)
  } finally {
    await world.close()
  }
}
