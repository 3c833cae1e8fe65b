import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { sessionOf, underLease } from '../../lib/app/operate/operating'
import { readFailIndex } from '../../lib/app/run/fail-index'
import { runCast } from '../../lib/app/run/run-cast'
import { type News, type SecondLook, noNews, secondLook } from '../../lib/app/run/second-look'
import { castSettings } from '../../lib/composition/cast-settings'
import { connect } from '../../lib/composition/connect'
import { readSettings } from '../../lib/config/read-settings'
import { held, requested, sole } from '../support/fhir/cast-fhir'
import { created, deleted } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()
const anna = { patientId: 'P1', name: 'Rivera^Ana', birthDate: '19700102', sex: 'F' }
const bob = { patientId: 'P1', name: 'Stone^Bob', birthDate: '19510607', sex: 'M' }
const table = 'FhirFailToStoreExceptionTable'

/** Looks again with a clock that is so far ahead. */
const look = async (world: CastWorld, aheadMs: number, news: Partial<News> = {}): Promise<SecondLook> => {
  const settings = readSettings(world.environment())
  if (E.isLeft(settings)) throw new Error(settings.left.join())
  const runId = randomUUID()
  const real = connect(settings.right, { log: () => undefined, runId, until: Infinity })
  const ports = { ...real, clock: { ...real.clock, now: () => Date.now() + aheadMs } }
  const options = { runId, budgetMs: 60_000, stopping: () => false }
  const looked = await underLease(ports, castSettings(settings.right, 0), options, async (run) => {
    const [session, index] = [await sessionOf(run), await readFailIndex(run)]
    if (E.isLeft(session) || E.isLeft(index)) throw new Error('a service is down')
    const done = await secondLook(run, session.right, index.right, { ...noNews, ...news })
    if (E.isLeft(done)) throw new Error(done.left._tag)
    return E.right(done.right)
  })
  if (E.isLeft(looked)) throw new Error(looked.left._tag)
  return looked.right
}

const dayMs = 24 * 60 * 60_000

/** Somebody else's image under the identifier of a Patient. */
const inConflict = async (): Promise<CastWorld> => {
  const world = await newWorld()
  world.dicom.control.append(created({ study: '1.2.1', ...anna }), created({ study: '1.2.2', ...bob }))
  await world.cast()
  expect(await world.failed()).toEqual({ [table]: ['2 DemographicsConflict'] })
  return world
}

/** An EHR corrects its Patient. */
const correctPatient = async (world: CastWorld): Promise<void> => {
  const patient = sole(world, 'Patient')
  const { status } = await fetch(`${world.fhir.url}/Patient/${patient.id}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify({
      ...patient,
      ...{ name: [{ family: 'Stone', given: ['Bob'] }], birthDate: '1951-06-07', gender: 'male' },
    }),
  })
  expect(status).toBe(200)
}

/** A run of the timer whose clock is so far ahead. */
const castLater = async (world: CastWorld, aheadMs: number) => {
  const settings = readSettings(world.environment())
  if (E.isLeft(settings)) throw new Error(settings.left.join())
  const runId = randomUUID()
  const real = connect(settings.right, { log: () => undefined, runId, until: Infinity })
  const ports = { ...real, clock: { ...real.clock, now: () => Date.now() + aheadMs } }
  return runCast(ports, castSettings(settings.right, 0), { runId, budgetMs: 60_000, stopping: () => false })
}

describe('rows that were refused because of a Patient, on a quiet feed', () => {
  it('are judged again when nothing was written for a day, and not before', async () => {
    const world = await inConflict()
    await correctPatient(world)
    expect(await castLater(world, dayMs / 2)).toMatchObject({ ended: 'CaughtUp', entries: 0 })
    expect(await world.failed()).toEqual({ [table]: ['2 DemographicsConflict'] })
    expect(await castLater(world, dayMs + 60_000)).toMatchObject({ ended: 'CaughtUp', entries: 0 })
    expect(await world.failed()).toEqual({})
    expect(held(world, 'ImagingStudy')).toHaveLength(2)
  })

  it('are all judged again on that day, however many they are', async () => {
    const world = await inConflict()
    world.dicom.control.append(...Array.from({ length: 44 }, (_, index) => created({ study: `1.3.${index}`, ...bob })))
    await world.cast()
    expect((await world.failed())[table]).toHaveLength(45)
    await correctPatient(world)
    expect(await castLater(world, dayMs + 60_000)).toMatchObject({ ended: 'CaughtUp', entries: 0 })
    expect(await world.failed()).toEqual({})
  })

  it('cost FHIR nothing where there are none, and the next look is a day away', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study: '1.2.1', ...anna }))
    await world.cast()
    const stands = async (): Promise<unknown> => ({ ...(await world.rows('SyncStateTable'))[0], Writer: 'whoever' })
    const before = await stands()
    const asked = requested(world).length
    expect(await castLater(world, dayMs + 60_000)).toMatchObject({ ended: 'CaughtUp' })
    expect([await stands(), requested(world).length]).toEqual([before, asked])
  })
})

describe('rows that were refused because of a Patient', () => {
  it('are judged again after a day, stored when the reason is gone, and lose their row', async () => {
    const world = await inConflict()
    expect(await look(world, 0)).toEqual({ looked: 0, settled: 0, stop: undefined })
    await correctPatient(world)
    expect(await look(world, dayMs + 1)).toEqual({ looked: 1, settled: 1, stop: undefined })
    expect(await world.failed()).toEqual({})
    expect(held(world, 'ImagingStudy')).toHaveLength(2)
  })

  it('keep their row while the reason stands, and wait for another day', async () => {
    const world = await inConflict()
    expect(await look(world, dayMs + 1)).toEqual({ looked: 1, settled: 0, stop: undefined })
    expect(await look(world, 0)).toMatchObject({ looked: 0 })
    expect(await world.failed()).toEqual({ [table]: ['2 DemographicsConflict'] })
    expect(held(world, 'ImagingStudy')).toHaveLength(1)
  })

  it('are judged again at once when a later entry names the same Patient', async () => {
    const world = await inConflict()
    const [row] = await world.rows(table)
    const digest = String(row?.['IdentityDigest'])
    expect(
      Object.values(row ?? {})
        .map(String)
        .join(),
    ).not.toMatch(/P1|Stone/)
    await correctPatient(world)
    expect(await look(world, 0, { named: new Map([['000000', 9]]) })).toMatchObject({ looked: 0 })
    expect(await look(world, 0, { named: new Map([[digest, 2]]) })).toMatchObject({ looked: 0 })
    expect(await look(world, 0, { named: new Map([[digest, 3]]) })).toMatchObject({ looked: 1, settled: 1 })
    expect(await world.failed()).toEqual({})
  })

  it('lose their row when the image is gone', async () => {
    const world = await inConflict()
    world.dicom.control.append(deleted({ study: '1.2.2' }))
    expect(await look(world, dayMs + 1)).toEqual({ looked: 1, settled: 1, stop: undefined })
    expect(await world.failed()).toEqual({})
    expect(held(world, 'ImagingStudy')).toHaveLength(1)
  })
})

describe('a misfiled image that came first', () => {
  it('keeps nobody out any more when it is deleted', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '1' } })
    const other = { ...bob, patientId: 'P9' }
    world.dicom.control.append(created({ study: '1.2.1', instance: 9, ...other }))
    for (const instance of [1, 2, 3, 4]) {
      world.dicom.control.append(created({ study: '1.2.1', instance, ...anna }))
      await world.cast({}, { maxBatches: 0 })
    }
    world.dicom.control.append(deleted({ study: '1.2.1', instance: 9 }))
    await world.cast({}, { maxBatches: 0 })
    await look(world, 0, { deletedFrom: new Set(['Microsoft.Default/1.2.1']) })
    expect(await world.failed()).toEqual({})
    expect(held(world, 'ImagingStudy').map(({ numberOfInstances }) => numberOfInstances)).toEqual([4])
  })
})
