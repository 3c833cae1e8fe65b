import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import type { Endpoint, ImagingStudy } from 'fhir/r4'
import { rename } from '../../lib/composition/rename'
import { uniqueUid } from '../support/fhir/fhir-samples'
import { type Image, created, deleted } from '../support/world/cast-images'
import { dicomcast } from '../support/world/command-line'
import { type HapiWorld, useHapiWorld } from './hapi-world'

// What is called what, and what an operator compares, on a server that is not ours: V1 to V3b, W10, W11.

const newWorld = useHapiWorld()

const studyNamed = async (world: HapiWorld, uid: string): Promise<ImagingStudy | undefined> =>
  (await world.stored('ImagingStudy')).find(({ identifier = [] }) =>
    identifier.some(({ value }) => value === `urn:oid:${uid}`),
  )

const verified = async (world: HapiWorld): Promise<string> => {
  const { code, stdout } = await dicomcast(world.environment(), 'verify', '--all', '--repair')
  return `${String(code)}: ${stdout.trim().split('\n').at(-1)}`
}

const castAll = async (world: HapiWorld, ...images: ReadonlyArray<Image>): Promise<void> => {
  world.dicom.control.append(...images.map(created))
  expect(await world.cast({}, { maxBatches: 0 })).toMatchObject({ ended: 'CaughtUp', recorded: 0 })
}

const studies = (count: number): ReadonlyArray<string> => Array.from({ length: count }, () => uniqueUid())

describe('verify --all --repair on HAPI', () => {
  it('names what cannot be read, and mends the others (V1)', async () => {
    const world = await newWorld()
    const [first = '', second = '', third = '', fourth = ''] = studies(4)
    await castAll(world, ...[first, second, third, fourth].map((study) => ({ study })))
    const lost = await studyNamed(world, third)
    await world.session.send('DELETE', `/ImagingStudy/${lost?.id}`)
    world.dicom.faults.set([{ fault: '503', match: { pathPrefix: `/v2/studies/${second}/` }, retryAfterS: 0 }])
    // As long as one that fails alone is tried again, which is not what this is about.
    const environment = { ...world.environment(), RetryConfiguration__TotalRetryDuration: '00:00:01' }
    const { code, stdout } = await dicomcast(environment, 'verify', '--all', '--repair')
    expect([code, stdout]).toEqual([1, expect.stringContaining(`${second}: not comparable: dicom: `)])
    expect(stdout).toContain('3 studies compared: 1 study differs, 1 repaired, 1 not comparable')
    expect(await studyNamed(world, third)).toMatchObject({ numberOfInstances: 1 })
    world.dicom.faults.clear()
    expect(await verified(world)).toBe('0: 4 studies compared: all in step, 0 repaired')
  })

  it('takes away the study that FHIR alone has (V2)', async () => {
    const world = await newWorld()
    const [gone = '', ...others] = studies(3)
    await castAll(world, ...[gone, ...others].map((study) => ({ study })))
    world.dicom.control.append(deleted({ study: gone }))
    expect(await verified(world)).toBe('0: 3 studies compared: 1 study differs, 1 repaired')
    expect([await studyNamed(world, gone), (await world.stored('ImagingStudy')).length]).toEqual([undefined, 2])
    expect(await verified(world)).toBe('0: 2 studies compared: all in step, 0 repaired')
  })

  it.each([
    ['cast first', 0],
    ['imported last', 1],
  ])('leaves a person the name of the newest study, the older one %s, and finds nothing (V3, V3b)', async (_, at) => {
    const world = await newWorld()
    const [older = '', newer = ''] = studies(2)
    const elements = (day: string) => ({ '00080020': { vr: 'DA', Value: [day] } })
    const maiden: Image = { study: older, name: 'Maiden^Ana', elements: elements('20190101') }
    const married: Image = { study: newer, name: 'Married^Ana', elements: elements('20260101') }
    for (const image of at === 0 ? [maiden, married] : [married, maiden]) await castAll(world, image)
    const names = async () => (await world.stored('Patient')).map(({ name = [] }) => name[0]?.family)
    expect(await names()).toEqual(['Married'])
    for (const _time of [1, 2]) expect(await verified(world)).toBe('0: 2 studies compared: all in step, 0 repaired')
    expect(await names()).toEqual(['Married'])
  })
})

describe('a DICOM service on HAPI', () => {
  it('under another name is told of with the way on, and one study with all its images after it (W10)', async () => {
    const world = await newWorld()
    const [study = ''] = studies(1)
    await castAll(world, { study, instance: 1 }, { study, instance: 2 })
    const environment = { DicomWeb__Endpoint: world.dicom.url.replace('127.0.0.1', 'localhost') }
    world.dicom.control.append(created({ study, instance: 3 }))
    const refused = await world.cast(environment)
    expect(refused).toMatchObject({ ended: 'ConfigurationInvalid', entries: 0 })
    expect(refused.reason).toContain(`dicomcast rename-service --from ${world.dicom.url}`)
    const operator = { environment: world.environment(environment), log: () => undefined, by: 'anna' }
    expect(await rename(operator, { from: world.dicom.url }, false)).toMatchObject(
      E.right({ endpoints: 1, finished: true }),
    )
    expect(await world.cast(environment)).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    const found = await world.stored('ImagingStudy')
    expect(found.map(({ numberOfInstances }) => numberOfInstances)).toEqual([3])
    expect((await world.stored('Endpoint')).map(({ address }) => address)).toEqual([
      `${environment.DicomWeb__Endpoint}/v2`,
    ])
  })

  it('that an administrator has given an Endpoint uses it, with the study that refers to it (W11)', async () => {
    const world = await newWorld()
    const [study = ''] = studies(1)
    const [id, patient] = [`pacs-${randomUUID()}`, `ris-${randomUUID()}`]
    const system = 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type'
    const endpoint: Endpoint = {
      ...{ resourceType: 'Endpoint', id, status: 'active', name: 'Main PACS', payloadType: [{ text: 'DICOM' }] },
      ...{ connectionType: { system, code: 'dicom-wado-rs' }, address: `${world.dicom.url}/v2` },
    }
    const value = [{ system: world.environment()['Patient__PatientSystemId'], value: 'P1' }]
    const announced: ImagingStudy = {
      ...{ resourceType: 'ImagingStudy', id: `study-${patient}`, status: 'registered' },
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${study}` }],
      subject: { reference: `Patient/${patient}` },
      endpoint: [{ reference: `Endpoint/${id}` }],
    }
    for (const each of [endpoint, { resourceType: 'Patient', id: patient, identifier: value }, announced]) {
      expect((await world.session.send('PUT', `/${each.resourceType}/${each.id}`, each)).status).toBe(201)
    }
    await castAll(world, { study })
    // Neither is doubled, and neither was ours.
    expect([await world.stored('Endpoint'), await world.stored('ImagingStudy')]).toEqual([[], []])
    const read = async (path: string) => (await world.session.get(path)).body as Record<string, unknown>
    expect(await read(`/ImagingStudy/study-${patient}`)).toMatchObject({
      ...{ numberOfInstances: 1, endpoint: announced.endpoint, subject: announced.subject },
    })
    expect(await read(`/Endpoint/${id}`)).toMatchObject({ name: 'Main PACS', meta: { versionId: '1' } })
  })
})

it('HAPI refuses a transaction whose If-Match is old', async () => {
  const world = await newWorld()
  const [study = ''] = studies(1)
  // All worlds share what it is tried on: where a test beside this one is at it, the next run tells.
  let status: { readonly feed?: { readonly refusesOldIfMatch?: boolean } } = {}
  for (let instance = 1; status.feed?.refusesOldIfMatch === undefined && instance < 10; instance += 1) {
    await castAll(world, { study, instance })
    status = JSON.parse((await dicomcast(world.environment(), 'status', '--json')).stdout) as typeof status
  }
  expect(status).toMatchObject({ feed: { refusesOldIfMatch: true }, warnings: [] })
  expect(world.logged.filter((line) => line.includes('If-Match'))).toEqual([])
})
