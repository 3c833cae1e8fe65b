import { afterEach, describe, expect, it } from '@jest/globals'
import { work } from '../../lib/composition/work'
import { type Gates, type Passing, openGates, passAll } from '../processes/gate'
import { type BackfillWorld, backfillIn, endStateOf, fill, useCastElsewhere } from '../support/world/backfill-world'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()
const castElsewhere = useCastElsewhere()
const opened: Array<Gates> = []
afterEach(async () => {
  for (const gates of opened.splice(0)) await gates.close()
})

/** A backfill whose requests wait for each other: none of a kind goes on before so many of it are there at once. */
const backfillBehind = async (
  world: CastWorld,
  isMeant: (request: Passing) => boolean,
  together: number,
  reads = '60',
): Promise<BackfillWorld> => {
  const environment = world.environment()
  const storage = environment['AzureWebJobsStorage'] ?? ''
  const [table = '', blob = ''] = ['Table', 'Blob'].map(
    (name) => new RegExp(`${name}Endpoint=([^;]+)`).exec(storage)?.[1],
  )
  const gates = await openGates({ dicom: world.dicom.url, fhir: world.fhir.url, table, blob })
  opened.push(gates)
  const waiting: Array<() => void> = []
  let haveMet = false
  gates.watch({
    ...passAll,
    before: async (request) => {
      if (haveMet || !isMeant(request)) return true
      const others = new Promise<void>((resolve) => waiting.push(resolve))
      haveMet = waiting.length === together
      if (haveMet) for (const goOn of waiting.splice(0)) goOn()
      await others
      return true
    },
  })
  return backfillIn(world, {
    DicomWeb__PrivateEndpoint: gates.urls.dicom,
    Fhir__Endpoint: gates.urls.fhir,
    AzureWebJobsStorage: storage.replace(table, gates.urls.table),
    DicomCast__BackfillReads: reads,
  })
}

describe('a backfill asks beside each other', () => {
  it.each<readonly [string, (request: Passing) => boolean, number]>([
    ['for as many studies as the setting says', ({ kind }) => kind === 'DICOM: metadata of a study', 60],
    ['for its lanes, when they are born', ({ url, method }) => /-lane-\d+$/.test(url) && method === 'PUT', 8],
    [
      'for what its lanes have, before it lists',
      ({ url, method }) => url.includes('BackfillTable') && url.includes('-lane-') && method === 'GET',
      8,
    ],
  ])('%s', async (_what, isMeant, together) => {
    const world = await newWorld()
    fill(world, 62)
    const backfill = await backfillBehind(world, isMeant, together)
    await backfill.start({ lanes: together === 8 ? 8 : 1 })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', done: { studies: 62 } })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
  })

  it('in one process, for studies of as many lanes as it works on at once', async () => {
    const world = await newWorld()
    fill(world, 14)
    const backfill = await backfillBehind(world, ({ kind }) => kind === 'DICOM: metadata of a study', 3, '1')
    await backfill.start({ lanes: 8 })
    expect(await work(backfill.operator(), () => undefined, 4)).toMatchObject({ right: { isOver: true, images: 42 } })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
  })
})
