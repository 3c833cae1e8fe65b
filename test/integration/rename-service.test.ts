import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import { renameService } from '../../lib/app/operate/rename-service'
import type { OperatorPorts } from '../../lib/app/ports-operator'
import { castSettings } from '../../lib/composition/cast-settings'
import { connect } from '../../lib/composition/connect'
import { resume } from '../../lib/composition/gate'
import { rename } from '../../lib/composition/rename'
import { readSettings } from '../../lib/config/read-settings'
import { pointerId } from '../../lib/domain/fhir/position'
import { held, imagesOf, pointers, sole } from '../support/fhir/cast-fhir'
import { created } from '../support/world/cast-images'
import { type CastWorld, type Overrides, useCastWorld } from '../support/world/cast-world'
import { closeGate } from '../support/world/operate-world'

const newWorld = useCastWorld()

/** The same service under another name: the way to it stays. */
const moved = (world: CastWorld): Overrides => ({
  DicomWeb__Endpoint: 'https://pacs.example/dicom',
  DicomWeb__PrivateEndpoint: world.dicom.url,
})
const to = 'https://pacs.example/dicom'
const study = '1.2.3'

const nameTable = (world: CastWorld): TableClient => {
  const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = world.environment()
  const name = `${TableStore__TableNamePrefix}SyncStateTable`
  return TableClient.fromConnectionString(AzureWebJobsStorage, name, { allowInsecureConnection: true })
}

/** As the version before left it: no row, and no pointer. */
const forgetName = async (world: CastWorld): Promise<void> => {
  await nameTable(world).deleteEntity('SyncStatePartitionKey', 'SyncedFeed')
  for (const { id = '' } of pointers(world)) await fetch(`${world.fhir.url}/Basic/${id}`, { method: 'DELETE' })
}

const renamed = (world: CastWorld, overrides = moved(world), dryRun = false, from = world.dicom.url) =>
  rename({ environment: world.environment(overrides), log: () => undefined, by: 'anna' }, { from }, dryRun)

describe('a DICOM service under another name', () => {
  it('is told of with the way on, and is one study with all its images after it (W10)', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, instance: 1 }), created({ study, instance: 2 }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2 })
    world.dicom.control.append(created({ study, instance: 3 }))
    const localhost = { DicomWeb__Endpoint: world.dicom.url.replace('127.0.0.1', 'localhost') }
    const refused = await world.cast(localhost)
    expect(refused).toMatchObject({ ended: 'ConfigurationInvalid', entries: 0 })
    expect(refused.reason).toContain(`the checkpoint belongs to ${world.dicom.url}`)
    expect(refused.reason).toContain(`dicomcast rename-service --from ${world.dicom.url}`)
    expect(held(world, 'ImagingStudy')).toHaveLength(1)

    expect(await renamed(world, localhost, true)).toMatchObject(
      E.right({ dryRun: true, endpoints: 1, studies: 0, finished: false }),
    )
    const before = sole(world, 'Endpoint')
    expect(await renamed(world, localhost)).toMatchObject(E.right({ endpoints: 1, studies: 0, finished: true }))
    const endpoint = sole(world, 'Endpoint')
    expect(endpoint).toMatchObject({
      id: before.id,
      meta: { source: world.dicom.url },
      address: `${localhost.DicomWeb__Endpoint}/v2`,
      identifier: [{ value: `${localhost.DicomWeb__Endpoint}/v2` }],
    })
    expect(await world.cast(localhost)).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    expect(sole(world, 'ImagingStudy')).toMatchObject({ numberOfInstances: 3, meta: { source: world.dicom.url } })
    expect(await world.cast()).toMatchObject({ ended: 'ConfigurationInvalid' })
    expect(await renamed(world, localhost)).toMatchObject(E.right({ endpoints: 0, finished: true }))
  })

  it('goes on without a hand with an account of the version before, and refuses it under another name', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, instance: 1 }))
    await world.cast()
    await forgetName(world)
    const position = sole(world, 'Basic').id
    world.dicom.control.append(created({ study, instance: 2 }))
    const refused = await world.cast(moved(world))
    expect(refused).toMatchObject({ ended: 'ConfigurationInvalid', entries: 0 })
    expect(refused.reason).toContain(world.dicom.url)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    expect([sole(world, 'Basic').id, sole(world, 'ImagingStudy').numberOfInstances]).toEqual([position, 2])
    expect(pointers(world)).toMatchObject([{ id: pointerId(world.dicom.url) }])
  })

  it('is moved also when the account is of the version before', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, instance: 1 }))
    await world.cast()
    await forgetName(world)
    world.dicom.control.append(created({ study, instance: 2 }))
    expect(await renamed(world)).toMatchObject(E.right({ endpoints: 1, finished: true }))
    expect(await world.cast(moved(world))).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(2)
  })

  it('is known by FHIR alone when storage was lost', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, instance: 1 }))
    await world.cast()
    expect(await renamed(world)).toMatchObject(E.right({ finished: true }))
    const position = sole(world, 'Basic').id
    world.dicom.control.append(created({ study, instance: 2 }))
    const elsewhere = { ...moved(world), TableStore__TableNamePrefix: `lost${process.pid}` }
    expect(await world.cast(elsewhere)).toMatchObject({ ended: 'CaughtUp', stored: 2 })
    expect([sole(world, 'Basic').id, sole(world, 'ImagingStudy').numberOfInstances]).toEqual([position, 2])
  })

  it('is known to a second installation that FHIR refuses to write the pointer at once with the first', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, instance: 1 }))
    const second = { TableStore__TableNamePrefix: `second${process.pid}` }
    world.fhir.faults.set([{ fault: '409', match: { pathPrefix: '/Basic/dicomcast-root-', method: 'PUT' } }])
    // Nobody has written it: nothing is believed.
    expect(await world.cast(second)).toMatchObject({ ended: 'ServiceUnavailable', entries: 0 })
    world.fhir.faults.clear()
    await world.cast()
    world.fhir.faults.set([{ fault: '409', match: { pathPrefix: '/Basic/dicomcast-', method: 'PUT' } }])
    expect(await world.cast(second)).toMatchObject({ ended: 'CaughtUp', unchanged: 1 })
    expect(pointers(world)).toHaveLength(1)
  })

  it('leaves its old name to another service', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, instance: 1 }))
    await world.cast()
    await renamed(world)
    const other = { TableStore__TableNamePrefix: `other${process.pid}` }
    expect(await world.cast(other)).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    expect(new Set(held(world, 'Basic').map(({ id }) => id)).size).toBe(2)
    expect(held(world, 'Endpoint').map(({ address }) => address)).toEqual([`${to}/v2`, `${world.dicom.url}/v2`])
    expect(await world.cast(moved(world))).toMatchObject({ ended: 'CaughtUp', entries: 0 })
  })

  it('is not moved while it is paused, to the name of another feed, or from a name it never had', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study }))
    await world.cast()
    expect(await renamed(world, {})).toMatchObject(E.left({ _tag: 'Refused' }))
    expect(await renamed(world, moved(world), false, 'https://never.example')).toMatchObject(
      E.left({ _tag: 'Refused' }),
    )
    await closeGate(world)
    expect(await renamed(world)).toMatchObject(E.left({ _tag: 'Refused', reason: expect.stringContaining('resume') }))
    await resume({ environment: world.environment(), log: () => undefined, by: 'anna' })
    await world.cast({ ...moved(world), TableStore__TableNamePrefix: `taken${process.pid}` })
    expect(await renamed(world)).toMatchObject(E.left({ _tag: 'Refused' }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp' })
  })

  it('is moved though FHIR does not take a study as it stands, and names that study', async () => {
    const world = await newWorld()
    const { ris } = seedAdministrators(world, 'Microsoft.Default', 'strange')
    world.dicom.control.append(...[1, 2, 3].map((index) => created({ study: uid(index) })))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 3 })
    expect(await renamed(world)).toMatchObject(E.right({ finished: true, endpoints: 1, studies: 4, refused: [ris] }))
    expect(held(world, 'ImagingStudy').flatMap(({ id, endpoint = [] }) => (id === 'ris' ? [] : endpoint))).toEqual(
      [1, 2, 3].map(() => ({ reference: `Endpoint/${held(world, 'Endpoint')[1]?.id}` })),
    )
  })
})

describe("an administrator's Endpoint (W11)", () => {
  it('is used as it stands, with the studies that refer to it', async () => {
    const world = await newWorld()
    const { endpoint, ris } = seedAdministrators(world, 'Microsoft.Default')
    world.dicom.control.append(created({ study: ris }), created({ study: '1.2.9' }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2 })
    expect(sole(world, 'Endpoint')).toEqual(endpoint)
    const studies = held(world, 'ImagingStudy')
    expect(studies.map(({ endpoint: named }) => named)).toEqual(
      studies.map(() => [{ reference: 'Endpoint/main-pacs' }]),
    )
    expect(studies).toHaveLength(2)
  })
})

/** Where it dies: before or after the write of this number is done. */
interface Death {
  readonly at: number
  readonly when: 'before' | 'after'
}

const dead = new Error('killed')

/** Ports of a process that ends at one of its writes; `writes` counts them. */
const mortal = (ports: OperatorPorts, death: Death | undefined) => {
  let writes = 0
  const guarded =
    <A extends ReadonlyArray<unknown>, R>(write: (...given: A) => () => Promise<R>) =>
    (...given: A) =>
    async (): Promise<R> => {
      const isHere = ++writes === death?.at
      if (isHere && death.when === 'before') throw dead
      const done = await write(...given)()
      if (isHere) throw dead
      return done
    }
  const { fhir, names, gate } = ports
  return {
    ports: {
      ...ports,
      fhir: { ...fhir, put: guarded(fhir.put), transact: guarded(fhir.transact) },
      names: { ...names, write: guarded(names.write) },
      gate: { ...gate, write: guarded(gate.write) },
    },
    writes: () => writes,
  }
}

const renamedBy = async (world: CastWorld, overrides: Overrides, death: Death | undefined) => {
  const settings = readSettings(world.environment(overrides))
  if (E.isLeft(settings)) throw new Error(settings.left.join())
  const log = () => undefined
  const runId = randomUUID()
  const connected = connect(settings.right, { log, runId, until: Infinity })
  const { ports, writes } = mortal(connected, death)
  const options = { runId, budgetMs: Infinity, stopping: () => false, by: 'anna' }
  const request = { from: world.dicom.url }
  const done = await renameService(ports, castSettings(settings.right, 0), options, request, false).catch(
    (error: unknown) => {
      if (error !== dead) throw error
      return 'killed' as const
    },
  )
  return { done, writes: writes() }
}

const studies = Number(process.env['RENAMED_STUDIES'] ?? '12')
const uid = (index: number): string => `1.2.40.${index + 1}`

/** Half of the studies in a partition whose Endpoint is an administrator's. */
const filled = async (): Promise<CastWorld> => {
  const world = await newWorld()
  seedAdministrators(world, 'clinic')
  for (let index = 0; index < studies; index++) world.dicom.control.append(image(index, 1))
  expect(await world.cast({}, { maxBatches: 0 })).toMatchObject({ ended: 'CaughtUp', stored: studies })
  return world
}

const image = (index: number, instance: number) =>
  created({
    ...{ study: uid(index), instance, patientId: `P${index % 5}`, name: `N${index % 5}` },
    partition: index % 2 === 0 ? 'clinic' : 'Microsoft.Default',
  })

const expectOnce = async (world: CastWorld): Promise<void> => {
  for (let index = 0; index < studies; index++) world.dicom.control.append(image(index, 2))
  expect(await world.cast(moved(world), { maxBatches: 0 })).toMatchObject({ ended: 'CaughtUp', stored: studies })
  const found = held(world, 'ImagingStudy').filter(({ id }) => id !== 'ris')
  expect(found).toHaveLength(studies)
  expect(found.map((each) => Object.values(imagesOf(each)).flat().length)).toEqual(found.map(() => 2))
  expect(held(world, 'Patient')).toHaveLength(5)
  const addresses = held(world, 'Endpoint').map(({ address }) => address.replace(world.dicom.url, 'old'))
  expect(addresses.sort()).toEqual([`${to}/v2`, `${to}/v2/partitions/clinic`, 'old/v1/partitions/clinic/'])
  expect(held(world, 'Endpoint').find(({ id }) => id === 'main-pacs')?.meta?.versionId).toBe('1')
}

/** All of a few; of many the first, some in the middle, and the last. */
const pointsOf = (writes: number): ReadonlyArray<number> => {
  const all = Array.from({ length: writes }, (_, index) => index + 1)
  const middle = Math.floor(writes / 2)
  return writes <= 12 ? all : [...all.slice(0, 5), ...all.slice(middle, middle + 2), ...all.slice(-4)]
}

describe('a rename in the middle of the life of an archive', () => {
  it('doubles nothing, killed at any of its writes and gone on with under either setting', async () => {
    const first = await filled()
    const { done, writes } = await renamedBy(first, moved(first), undefined)
    expect(done).toMatchObject(E.right({ finished: true, studies: Math.ceil(studies / 2) + 1 }))
    await expectOnce(first)
    expect(writes).toBeGreaterThan(6)
    for (const at of pointsOf(writes)) {
      for (const when of ['before', 'after'] as const) {
        const world = await filled()
        expect((await renamedBy(world, moved(world), { at, when })).done).toBe('killed')
        // The first write begins it, the last but one ends it; the last opens the gate.
        const isBegun = at > 1 || when === 'after'
        const isOver = at === writes || (at === writes - 1 && when === 'after')
        const ended = [(await world.cast()).ended, (await world.cast(moved(world))).ended]
        const expected = isOver ? ['ConfigurationInvalid', 'CaughtUp'] : ['GateClosed', 'GateClosed']
        expect([at, when, ...ended]).toEqual([
          ...[at, when],
          ...(isBegun ? expected : ['CaughtUp', 'ConfigurationInvalid']),
        ])
        const goesOn = isBegun && !isOver && (at + (when === 'after' ? 1 : 0)) % 2 === 0 ? {} : moved(world)
        const again = await renamedBy(world, goesOn, undefined)
        expect([at, when, again.done]).toMatchObject([at, when, E.right({ finished: true })])
        await expectOnce(world)
      }
    }
  }, 3_600_000)
})

/** As somebody put it there by hand, and a study that a RIS announced there. */
const seedAdministrators = (world: CastWorld, partition: string, status = 'registered') => {
  const path = partition === 'Microsoft.Default' ? '' : `partitions/${partition}/`
  const ris = '1.2.77'
  const resources = [
    {
      resourceType: 'Endpoint',
      id: 'main-pacs',
      status: 'active',
      connectionType: {
        system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
        code: 'dicom-wado-rs',
      },
      name: 'Main PACS',
      payloadType: [{ text: 'DICOM' }],
      address: `${world.dicom.url}/v1/${path}`,
    },
    { resourceType: 'Patient', id: 'ris-patient', identifier: [{ value: 'P1' }] },
    {
      resourceType: 'ImagingStudy',
      id: 'ris',
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${ris}` }],
      status,
      subject: { reference: 'Patient/ris-patient' },
      endpoint: [{ reference: 'Endpoint/main-pacs' }],
    },
  ]
  const seeded = resources.map((each) => world.fhir.seed(each as never))
  return { endpoint: seeded[0], ris }
}
