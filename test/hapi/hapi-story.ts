import { randomUUID } from 'node:crypto'
import type { FhirResource } from 'fhir/r4'
import { type End, type Event, type Pinned, type Story, endIn, system } from '../simulation/cases/told'
import { datasetOf } from '../simulation/dicom-service'
import { type FhirStore, makeFhirStore } from '../simulation/fhir-store'
import { uniqueUid } from '../support/fhir/fhir-samples'
import { failTables } from '../support/world/cast-world'
import { type HapiWorld, useHapiWorld } from './hapi-world'

// The exact histories of the simulator, played to HAPI through the local DICOM service: all worlds share one HAPI, so every
// UID, id and system of a story gets a name of its own on the way in, and its old one on the way out.

const dicomUrl = 'https://dicom.example'

const partitions = [undefined, 'research'] as const

/**
 * Not of servers that HAPI is not, nor of Patients without a system, for all worlds share one HAPI; nor of what changes
 * without a row, in the archive or in FHIR: those the simulator plays alone.
 */
export const isForHapi = ({ flavour = {}, verdictOn, changesFhir, patient = {}, before = [], then }: Story): boolean =>
  verdictOn === undefined &&
  !('systemId' in patient) &&
  changesFhir !== true &&
  !('folds' in flavour || 'keepsEscapes' in flavour || 'refusesToDelete' in flavour) &&
  [...before, ...then].flat().every(({ silent, poison }) => silent !== true && poison !== true)

interface Names {
  readonly there: <A>(value: A) => A
  readonly back: <A>(value: A) => A
}

const namesFor = (world: HapiWorld): Names => {
  const [root, tag] = [uniqueUid(), randomUUID()]
  const ownSystem = world.environment()['Patient__PatientSystemId'] ?? ''
  const through = <A>(value: A, change: (text: string) => string): A => JSON.parse(change(JSON.stringify(value))) as A
  return {
    there: (value) =>
      through(value, (text) =>
        text
          .replaceAll(`"${system}"`, `"${ownSystem}"`)
          .replace(/"(urn:oid:)?(1\.[279]\.(?!840\.)[\d.]+)"/g, `"$1${root}.$2"`)
          .replace(/"([A-Z]\w+\/|#)([a-z]+)"/g, `"$1${tag}-$2"`)
          .replace(/"id":"([a-z]+)"/g, `"id":"${tag}-$1"`),
      ),
    back: (value) =>
      through(value, (text) =>
        text
          .replaceAll(`"${ownSystem}"`, `"${system}"`)
          .replaceAll(`${root}.`, '')
          .replaceAll(`${tag}-`, '')
          .replaceAll(world.dicom.url, dicomUrl),
      ),
  }
}

const actions = { Create: 'create', Update: 'update', Delete: 'delete' } as const

const tell = ({ dicom }: HapiWorld, { there }: Names, statement: ReadonlyArray<Event>): void => {
  const rows = statement.map(({ action, key, tags }) => {
    const { partition, study, series, instance } = there(key)
    return {
      action: actions[action],
      ...{ partitionName: partition, studyInstanceUid: study, seriesInstanceUid: series, sopInstanceUid: instance },
      ...(tags === undefined ? {} : { dataset: there(datasetOf(key, tags)) }),
    }
  })
  dicom.control.append(...rows)
}

const castAll = async (world: HapiWorld): Promise<void> => {
  const { ended } = await world.cast({}, { maxBatches: 0 })
  if (ended !== 'CaughtUp') throw new Error(`A run ended ${ended}`)
}

const endOf = async (world: HapiWorld, { back }: Names, store: FhirStore): Promise<End> => {
  const rows = (await Promise.all(failTables.map((table) => world.rows(table)))).flat()
  return endIn(
    store,
    rows.map((row) => ({
      study: back(String(row['StudyUid'])),
      instance: back(String(row['InstanceUid'])),
      code: String(row['Code']),
    })),
  )
}

/** Casts a story to HAPI: how it ends, and what HAPI holds, both in the story's words. */
export const useHapiStories = () => {
  const newWorld = useHapiWorld()
  return async ({ story }: Pick<Pinned, 'story'>) => {
    const world = await newWorld({
      ...(story.patient?.isIssuerIdUsed === true ? { Patient__IsIssuerIdUsed: 'true' } : {}),
    })
    const names = namesFor(world)
    const seeded: FhirResource[] = []
    const put = async (resources: ReadonlyArray<FhirResource>): Promise<void> => {
      for (const each of names.there(resources)) {
        const { status } = await world.session.send('PUT', `/${each.resourceType}/${each.id}`, each)
        if (status !== 201) throw new Error(`HAPI answered ${status} to ${each.resourceType}`)
        seeded.push(each)
      }
    }
    /** What HAPI holds: what was put there, and all of ours. */
    const held = async (): Promise<FhirStore> => {
      const store = makeFhirStore({ staleStatus: 409, refusesToDelete: () => false }, () => undefined)
      const ours = await Promise.all(
        (['Patient', 'Endpoint', 'ImagingStudy', 'Observation'] as const).flatMap((type) =>
          partitions.map((partition) => world.stored(type, partition)),
        ),
      )
      const theirs = await Promise.all(
        seeded.map(({ resourceType, id }) => world.session.get(`/${resourceType}/${id}`)),
      )
      const resources = [...ours.flat(), ...theirs.filter(({ status }) => status === 200).map(({ body }) => body)]
      for (const each of names.back(resources as ReadonlyArray<FhirResource>)) {
        store.put(`${each.resourceType}/${each.id}`, each)
      }
      return store
    }
    await put(story.fhir ?? [])
    for (const statement of story.before ?? []) tell(world, names, statement)
    if (story.before !== undefined) await castAll(world)
    if (story.meanwhile !== undefined) await put(story.meanwhile(await held()))
    for (const statement of story.then) {
      tell(world, names, statement)
      if (story.cuts !== 'from the quiet feed') await castAll(world)
    }
    await castAll(world)
    const store = await held()
    return { end: await endOf(world, names, store), store }
  }
}
