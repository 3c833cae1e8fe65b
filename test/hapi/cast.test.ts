import { describe, expect, it } from '@jest/globals'
import type { FhirResource } from 'fhir/r4'
import { storeSamples } from '../../local/stack-samples'
import { validateResource } from '../../local/fhir/validate'
import { held, imagesOf, substance } from '../support/fhir/cast-fhir'
import { pointerId } from '../../lib/domain/fhir/position'
import { bulkUpdate, created } from '../support/world/cast-images'
import { observationOf, uniqueUid } from '../support/fhir/fhir-samples'
import { type HapiWorld, useHapiWorld, versionsOf } from './hapi-world'

const newWorld = useHapiWorld()

const element = (vr: string, value: unknown) => ({ vr, Value: [value] })

type Kind = 'Endpoint' | 'Patient' | 'ImagingStudy' | 'Observation'
const kinds: ReadonlyArray<Kind> = ['Endpoint', 'Patient', 'ImagingStudy', 'Observation']

const storedByKind = async ({ stored }: HapiWorld): Promise<ReadonlyArray<ReadonlyArray<FhirResource>>> =>
  Promise.all(kinds.map((kind) => stored(kind)))

const identifierOf = (resource: FhirResource): string =>
  'identifier' in resource && Array.isArray(resource.identifier) ? (resource.identifier[0]?.value ?? '') : ''

/** Free of what two servers may choose: ids, versions, the order of a search; HAPI's request id in `meta.source`. */
const portable = (resources: ReadonlyArray<FhirResource>): ReadonlyArray<unknown> => {
  const names = new Map(
    resources.map((each) => [`${each.resourceType}/${each.id}`, `${each.resourceType}/${identifierOf(each)}`]),
  )
  const renamed = (_key: string, value: unknown): unknown => {
    if (typeof value !== 'string') return value
    return names.get(value) ?? value.replace(/^(http:\/\/127\.0\.0\.1:\d+)#\w+$/, '$1')
  }
  return [...resources]
    .sort((left, right) => (identifierOf(left) < identifierOf(right) ? -1 : 1))
    .map((each): unknown => JSON.parse(JSON.stringify(substance(each), renamed)))
}

const removeStudy = async ({ dicom }: HapiWorld, study: string): Promise<number> =>
  (await fetch(`${dicom.url}/v2/studies/${study}`, { method: 'DELETE' })).status

const studiesInFeed = async ({ dicom }: HapiWorld): Promise<ReadonlyArray<string>> => {
  const response = await fetch(`${dicom.url}/v1/changefeed?offset=0&limit=100&includeMetadata=false`)
  const rows = (await response.json()) as ReadonlyArray<{ readonly studyInstanceUid: string }>
  return [...new Set(rows.map(({ studyInstanceUid }) => studyInstanceUid))]
}

const withoutMetadata = (requests: ReadonlyArray<string>): ReadonlyArray<string> =>
  requests.filter((request) => !request.startsWith('GET /metadata'))

describe('the real files on HAPI', () => {
  it('become what they become on the local service, and no request is refused', async () => {
    const world = await newWorld()
    await storeSamples(world.dicom.url)
    const { report, requests } = await world.watched()
    const position = await world.position()

    expect(report).toMatchObject({ ended: 'CaughtUp', entries: 29, stored: 25, recorded: 4 })
    // HAPI validates each of them: our position's birth, the Endpoint, and all else in one transaction.
    const basic = `/Basic/${position.id}`
    const pointer = `/Basic/${pointerId(world.dicom.url)}`
    expect(withoutMetadata(requests)).toEqual([
      `GET ${pointer} → 404`,
      `GET ${basic} → 404`,
      `PUT ${pointer} → 201`,
      `GET ${basic} → 404`,
      `PUT ${basic} → 201`,
      `GET ${basic} → 200`,
      'POST / → 200',
      'POST / → 200',
      'POST / → 200',
      'POST / → 200',
    ])
    // Those without PatientID.
    expect(await world.failed()).toEqual({
      DicomFailToStoreExceptionTable: ['1 TagsRejected', '3 TagsRejected', '4 TagsRejected', '7 TagsRejected'],
    })

    const onHapi = await storedByKind(world)
    expect(onHapi.map((resources) => resources.length)).toEqual([1, 4, 5, 2])
    expect([...onHapi.flat(), position].flatMap((resource) => validateResource(resource))).toEqual([])

    await world.cast({ Fhir__Endpoint: world.fhir.url, TableStore__TableNamePrefix: `Local${process.pid}` })
    expect(portable(onHapi.flat())).toEqual(portable(kinds.flatMap((kind) => [...held(world, kind)])))
  })

  it('are written once: the same feed from the start again moves our position and nothing else', async () => {
    const world = await newWorld()
    await storeSamples(world.dicom.url)
    await world.cast()
    const [before, position] = [versionsOf(...(await storedByKind(world))), await world.position()]

    await world.writeSyncState({ SyncedSequence: 0n })
    const { report, requests } = await world.watched()

    expect(report).toMatchObject({ ended: 'CaughtUp', from: 0, to: 29, stored: 0, unchanged: 25, recorded: 4 })
    // One more to look at the Observations of the study that has a report.
    expect(requests).toEqual([`GET /Basic/${position.id} → 200`, 'POST / → 200', 'POST / → 200', 'POST / → 200'])
    expect(versionsOf(...(await storedByKind(world)))).toEqual(before)
    const moved = Number((await world.position()).meta?.versionId) - Number(position.meta?.versionId)
    expect([before.length, moved]).toEqual([12, 1])
  })

  it('leave no ImagingStudy when they are deleted, while Patients stay', async () => {
    const world = await newWorld()
    await storeSamples(world.dicom.url)
    await world.cast()
    const studies = await studiesInFeed(world)
    for (const study of studies) expect(await removeStudy(world, study)).toBe(204)

    const { report, requests } = await world.watched()

    expect(report).toMatchObject({ ended: 'CaughtUp', recorded: 0, failed: {} })
    expect(requests.every((request) => request.endsWith('→ 200'))).toBe(true)
    expect((await storedByKind(world)).map((resources) => resources.length)).toEqual([1, 4, 0, 0])
    // The files that were refused are deleted, too: nobody has to look at them any more.
    expect(await world.failed()).toEqual({})
  })
})

describe('on HAPI', () => {
  it('three runs at once, which do not know of each other, write everything once', async () => {
    const world = await newWorld()
    await storeSamples(world.dicom.url)
    const prefixes = ['One', 'Two', 'Three'].map((name) => `${name}${process.pid}`)
    const reports = await Promise.all(prefixes.map((prefix) => world.cast({ TableStore__TableNamePrefix: prefix })))

    expect(reports.map(({ ended, recorded }) => [ended, recorded])).toEqual(prefixes.map(() => ['CaughtUp', 4]))
    const stored = await storedByKind(world)
    expect(stored.map((resources) => resources.length)).toEqual([1, 4, 5, 2])
    expect([...new Set(stored.flat().map(({ meta }) => meta?.versionId))]).toEqual(['1'])
  })

  it('more studies than HAPI puts on a page are all found again', async () => {
    const world = await newWorld()
    const studies = Array.from({ length: 120 }, uniqueUid)
    world.dicom.control.append(...studies.map((study, index) => created({ study, patientId: `P${index}` })))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 120, recorded: 0 })
    const before = versionsOf(...(await storedByKind(world)))
    expect(before).toHaveLength(241)

    await world.writeSyncState({ SyncedSequence: 0n })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 0, unchanged: 120 })
    expect(versionsOf(...(await storedByKind(world)))).toEqual(before)
  })

  it.each([
    ['in a system', {}],
    ['without a system', { Patient__PatientSystemId: '' }],
  ])('PatientIDs with characters that mean something in a search are found again, %s', async (_, settings) => {
    const world = await newWorld(settings)
    const ids = ['a,b', 'a|b', 'a$b', 'a&b=c', '#a?', '100%2B+', 'é 山', '"a"', "O'N", '<a>', '*', 'a:b/c']
    const people = ids.map((id) => ({ study: uniqueUid(), patientId: `${id} ${uniqueUid()}`.slice(0, 40) }))
    world.dicom.control.append(...people.map((image) => created(image)))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: ids.length, recorded: 0 })
    const patients = await world.stored('Patient')
    expect(patients.map(identifierOf).sort()).toEqual(people.map(({ patientId }) => patientId).sort())

    world.dicom.control.append(...people.map((image) => created({ ...image, instance: 2 })))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: ids.length, recorded: 0 })
    expect(versionsOf(await world.stored('Patient'))).toEqual(versionsOf(patients))
    expect((await world.stored('ImagingStudy')).map(({ numberOfInstances }) => numberOfInstances)).toEqual(
      ids.map(() => 2),
    )
  })

  it('a bulk update moves a study to another Patient', async () => {
    const world = await newWorld()
    const study = uniqueUid()
    world.dicom.control.append(created({ study, patientId: 'P1' }), created({ study, patientId: 'P1', instance: 2 }))
    await world.cast()
    await bulkUpdate(world, [study], {
      '00100020': element('LO', 'P2'),
      '00100010': element('PN', { Alphabetic: 'Other^One' }),
    })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, recorded: 0 })

    const [patients, [moved, ...others]] = [await world.stored('Patient'), await world.stored('ImagingStudy')]
    const target = patients.find((patient) => identifierOf(patient) === 'P2')
    expect(patients.map(({ name }) => name?.[0]?.family).sort()).toEqual(['Other', 'Rivera'])
    expect([moved?.subject.reference, moved?.meta?.versionId, others]).toEqual([`Patient/${target?.id}`, '2', []])
    expect(moved === undefined ? {} : imagesOf(moved)).toEqual({ [`${study}.1`]: [`${study}.1.1`, `${study}.1.2`] })
  })

  it('a deleted study that others refer to is kept without images, and gets them back', async () => {
    const world = await newWorld()
    const study = uniqueUid()
    world.dicom.control.append(created({ study }))
    await world.cast()
    const [before] = await world.stored('ImagingStudy')
    const report = observationOf(uniqueUid(), before?.subject.reference ?? '', {
      partOf: [{ reference: `ImagingStudy/${before?.id}` }],
    })
    const referrer = await world.session.created(report)

    await removeStudy(world, study)
    const { report: run, requests } = await world.watched()

    expect(run).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    // Refused, read again and refused again with the same versions; emptied, and refused once more when it is tried alone.
    const [refused, ...last] = requests.filter((request) => request.endsWith('→ 409')).concat(requests.slice(-1))
    const read = expect.stringMatching(/^GET \/Basic\/\S+ → 200$/)
    expect([refused, last]).toEqual(['POST / → 409', ['POST / → 409', 'POST / → 409', read]])
    const [kept, ...others] = await world.stored('ImagingStudy')
    expect(others).toEqual([])
    expect(kept).toMatchObject({ id: before?.id, status: 'cancelled', numberOfSeries: 0, numberOfInstances: 0 })
    expect([kept?.series, kept?.modality, kept?.endpoint]).toEqual([undefined, undefined, undefined])
    expect((await world.session.get(`/Observation/${referrer}`)).status).toBe(200)

    world.dicom.control.append(created({ study, instance: 2 }))
    await world.cast()
    expect(await world.stored('ImagingStudy')).toMatchObject([
      { id: before?.id, status: 'available', numberOfInstances: 1 },
    ])
  })

  it('a study that was deleted comes back as a new resource, at once', async () => {
    const world = await newWorld()
    const study = uniqueUid()
    for (const round of [1, 2, 3]) {
      world.dicom.control.append(created({ study, instance: round }))
      const refused = (await world.watched()).requests.filter((request) => request.endsWith('→ 409'))
      expect([round, refused]).toEqual([round, []])
      expect(await world.stored('ImagingStudy')).toMatchObject([{ meta: { versionId: '1' }, numberOfInstances: 1 }])
      await removeStudy(world, study)
      await world.cast()
      expect(await world.stored('ImagingStudy')).toEqual([])
    }
  })

  it('a code of DCM that is newer than its list costs only the entries that hold it', async () => {
    const world = await newWorld()
    const study = uniqueUid()
    const annotation = { series: 2, elements: { '00080060': element('CS', 'ANN') } }
    world.dicom.control.append(created({ study }), created({ study, ...annotation }), created({ study, instance: 2 }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, recorded: 1 })
    expect(await world.stored('ImagingStudy')).toMatchObject([{ numberOfSeries: 1, numberOfInstances: 2 }])
    const [row] = await world.rows('FhirFailToStoreExceptionTable')
    expect([row?.['ChangeFeedSequence'], row?.['Code']]).toEqual([2n, 'FhirRejected'])
    expect(row?.['Exception']).toMatch(/^FHIR refused it with 422 \(.*\.resource\.series\[\d\]\.modality\)\.$/)
  })
})
