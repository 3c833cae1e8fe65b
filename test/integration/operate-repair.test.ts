import { describe, expect, it } from '@jest/globals'
import type { FhirResource } from 'fhir/r4'
import { held, sole } from '../support/fhir/cast-fhir'
import { created, deleted, images, updated } from '../support/world/cast-images'
import { type OperateWorld, problemType, takeLease, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const dicomTable = 'DicomFailToStoreExceptionTable'
const issuer = { '00100021': { vr: 'LO', Value: ['Elsewhere'] } }
const bob = { patientId: 'P2', name: 'Stone^Bob', birthDate: '19510607', sex: 'M' }

/** Two images wait for their issuer to be configured: the app knows it now, the run before did not. */
const withUnknownIssuer = async (): Promise<OperateWorld> => {
  const world = await newWorld({
    settings: { Patient__IsIssuerIdUsed: 'true' },
    app: { Patient__IssuerSystems: '{"Elsewhere":"urn:oid:1.2.3.4.5"}' },
  })
  world.dicom.control.append(
    created({ study: '1.2.1' }),
    ...[1, 2].map((instance) => created({ study: '1.2.2', instance, elements: issuer })),
  )
  await world.cast()
  expect(await world.failed()).toEqual({ [dicomTable]: ['2 IssuerUnknown', '3 IssuerUnknown'] })
  return world
}

/** Somebody edits FHIR behind our back. */
const put = async ({ fhir }: OperateWorld, resource: FhirResource): Promise<void> => {
  const { status } = await fetch(`${fhir.url}/${resource.resourceType}/${resource.id}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/fhir+json' },
    body: JSON.stringify(resource),
  })
  expect([200, 201]).toContain(status)
}

it('a dot segment is no partition, whatever an operator asks of it (W8)', async () => {
  const world = await newWorld()
  for (const partition of ['..', '.']) {
    expect(await world.call('POST', 'resync', { study: '1.2.1', partition })).toMatchObject({ status: 400 })
    expect(await world.call('GET', `verify?study=1.2.1&partition=${partition}`)).toMatchObject({ status: 400 })
  }
})

describe('POST /api/replay', () => {
  it('of two images that name two people gives their study to neither, as the resync that recorded them', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study: '1.2.1' }), created({ study: '1.2.1', instance: 2, ...bob }))
    expect(await world.call('POST', 'resync', { study: '1.2.1' })).toMatchObject({ status: 200 })
    const recorded = await world.failed()
    expect(recorded).toEqual({ [dicomTable]: ['0 PatientMismatch', '0 PatientMismatch'] })
    expect(await world.call('POST', 'replay', { table: dicomTable })).toMatchObject({
      json: { counts: { Recorded: 2 } },
    })
    expect([held(world, 'ImagingStudy'), await world.failed()]).toEqual([[], recorded])
  })

  it.each([
    ['a table', { table: dicomTable }],
    ['a study', { study: '1.2.2' }],
    ['rows', { rows: [2, 3].map((row) => ({ table: dicomTable, row: String(row).padStart(19, '0') })) }],
  ])('of %s casts its entries again, and takes their rows away', async (_, body) => {
    const world = await withUnknownIssuer()
    expect(await world.call('POST', 'replay', body)).toMatchObject({
      status: 200,
      json: {
        dryRun: false,
        selected: 2,
        left: 0,
        counts: { Stored: 2, Unchanged: 0, Superseded: 0, Recorded: 0, NotInFeed: 0 },
        replayed: [
          { table: dicomTable, row: '0000000000000000002', sequence: 2, outcome: 'Stored' },
          { sequence: 3, outcome: 'Stored' },
        ],
      },
    })
    expect(await world.failed()).toEqual({})
    expect(held(world, 'ImagingStudy').map(({ numberOfInstances }) => numberOfInstances)).toEqual([1, 2])
    expect((await world.call('GET', 'status')).json['runs']).toMatchObject([
      { kind: 'replay', by: 'function key', ended: 'Done', entries: 2, stored: 2 },
      { kind: 'cast' },
    ])
  })

  it('as a dry run tells the same, and writes nothing', async () => {
    const world = await withUnknownIssuer()
    const before = world.fhir.store.all()
    expect(await world.call('POST', 'replay?dryRun=true', { table: dicomTable })).toMatchObject({
      status: 200,
      json: { dryRun: true, selected: 2, counts: { Stored: 2, Recorded: 0 } },
    })
    expect(world.fhir.store.all()).toEqual(before)
    expect(await world.failed()).toEqual({ [dicomTable]: ['2 IssuerUnknown', '3 IssuerUnknown'] })
  })

  it('counts the attempt when it fails again', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ patientId: null }))
    await world.cast()
    for (const attempts of [2, 3]) {
      expect(await world.call('POST', 'replay', { table: dicomTable })).toMatchObject({
        json: { replayed: [{ outcome: 'Recorded', code: 'TagsRejected', reason: 'PatientID is missing.' }] },
      })
      const { json } = await world.call('GET', `failures/${dicomTable}/0000000000000000001`)
      expect(json).toMatchObject({ code: 'TagsRejected', count: attempts })
    }
  })

  it('takes a row away whose entry a later one has superseded, and one whose instance is gone from a restored feed', async () => {
    const world = await newWorld()
    world.dicom.control.append(
      created({ study: '1.2.1', patientId: null }),
      created({ study: '1.2.2', patientId: null }),
    )
    await world.cast()
    world.dicom.control.append(deleted({ study: '1.2.1' }))
    expect(await world.call('POST', 'replay', { study: '1.2.1' })).toMatchObject({
      json: { counts: { Superseded: 1 }, left: 0 },
    })
    world.dicom.control.restore(1)
    expect(await world.call('POST', 'replay', { study: '1.2.2' })).toMatchObject({ json: { counts: { Unchanged: 1 } } })
    expect(await world.failed()).toEqual({})
  })

  it('tells of many studies that FHIR still refuses, and does not take that for a server that refuses everything', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '10' } })
    const studies = Array.from({ length: 25 }, (_, number) => `1.2.${number}`)
    world.fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: '"DICOMcast refuses"' } }])
    const refused = { '00081030': { vr: 'LO', Value: ['DICOMcast refuses'] } }
    // Between them some that it takes: so that the runs go on.
    for (const study of studies) {
      world.dicom.control.append(created({ study, elements: refused }), created({ study: `${study}.1` }))
    }
    await world.cast({}, { maxBatches: 0 })
    expect((await world.failed())['FhirFailToStoreExceptionTable']).toHaveLength(25)
    const replayed = await world.call('POST', 'replay', { table: 'FhirFailToStoreExceptionTable' })
    expect(replayed).toMatchObject({
      status: 200,
      json: { selected: 25, counts: { Stored: 0, Recorded: 25 }, left: 0 },
    })
    expect(replayed.json['stop']).toBeUndefined()
    expect((await world.call('GET', 'status')).json).toMatchObject({
      state: 'behind',
      reasons: ['25 rows in FhirFailToStoreExceptionTable: FhirRejected 25'],
      runs: [{ kind: 'replay', ended: 'Done', recorded: 25 }, { kind: 'cast' }],
    })
  })

  it('takes no more than it may, and tells how many are left', async () => {
    const world = await withUnknownIssuer()
    expect(await world.call('POST', 'replay', { table: dicomTable, limit: 1 })).toMatchObject({
      json: { selected: 2, left: 1, replayed: [{ sequence: 2 }] },
    })
    expect(await world.failed()).toEqual({ [dicomTable]: ['3 IssuerUnknown'] })
  })

  it('costs no row while a service is down', async () => {
    const world = await withUnknownIssuer()
    world.fhir.faults.set([{ fault: '401' }])
    expect(await world.call('POST', 'replay', { table: dicomTable })).toMatchObject({
      status: 503,
      type: problemType,
      json: { code: 'AccessDenied', hop: 'fhir' },
    })
    expect(await world.failed()).toEqual({ [dicomTable]: ['2 IssuerUnknown', '3 IssuerUnknown'] })
  })

  it('is 409 while somebody else holds the lease', async () => {
    const world = await withUnknownIssuer()
    await takeLease(world)
    expect(await world.call('POST', 'replay', { table: dicomTable })).toMatchObject({
      status: 409,
      json: { code: 'LeaseHeld' },
    })
  })

  it.each([
    [{}, ['give a table, rows, a study, a code or a time (since)']],
    [{ table: 'Nowhere' }, [expect.stringMatching(/^table: expected one of /)]],
    [{ rows: [{ table: dicomTable, row: '1' }] }, ['rows.0.row: expected the key of a row']],
    [{ study: "1.2'" }, ['study: expected a UID']],
    ['not json', ['expected a JSON object']],
  ])('refuses %j', async (body, problems) => {
    const world = await newWorld()
    expect(await world.call('POST', 'replay', body)).toMatchObject({
      status: 400,
      type: problemType,
      json: { problems },
    })
  })
})

describe('GET /api/verify and POST /api/resync', () => {
  const castStudy = async (): Promise<OperateWorld> => {
    const world = await newWorld()
    world.dicom.control.append(...images(3, { study: '1.2.3' }))
    await world.cast()
    return world
  }
  const verify = async (world: OperateWorld) => (await world.call('GET', 'verify?study=1.2.3')).json

  it('find a study that stands in FHIR twice, and say so: which of the two stays is for a person to say', async () => {
    const world = await castStudy()
    const { id = '', ...study } = sole(world, 'ImagingStudy')
    const twin = `${id}-twin`
    await put(world, { ...study, id: twin } as FhirResource)
    expect(await verify(world)).toMatchObject({ inStep: false, twins: [twin], writes: [], unrecorded: 0 })
    await fetch(`${world.fhir.url}/ImagingStudy/${twin}`, { method: 'DELETE' })
    expect(await verify(world)).toMatchObject({ inStep: true })
  })

  it('find a study that was cast in step, and change nothing', async () => {
    const world = await castStudy()
    const inStep = {
      ...{ study: '1.2.3', partition: 'Microsoft.Default', inStep: true, writes: [], notCast: {}, unrecorded: 0 },
      instances: { inDicom: 3, inFhir: 3, missing: 0, gone: 0 },
    }
    expect(await verify(world)).toEqual(inStep)
    const before = sole(world, 'ImagingStudy')
    expect(await world.call('POST', 'resync', { study: '1.2.3' })).toMatchObject({
      status: 200,
      json: { stored: 0, unchanged: 3, removed: 0, notCast: {} },
    })
    expect(sole(world, 'ImagingStudy')).toEqual(before)
  })

  it('add what is missing, correct what differs, remove what is gone', async () => {
    const world = await castStudy()
    // Somebody edited FHIR: one image is lost, one was never there, and the Patient has another name.
    const study = sole(world, 'ImagingStudy')
    const [series] = study.series ?? []
    const [first, , third] = series?.instance ?? []
    if (series === undefined || first === undefined || third === undefined) throw new Error('it has three images')
    const edited = { ...study, series: [{ ...series, instance: [first, third, { ...first, uid: '1.2.9' }] }] }
    await put(world, edited)
    const patient = sole(world, 'Patient')
    await put(world, { ...patient, gender: 'male' })

    expect(await verify(world)).toMatchObject({
      inStep: false,
      instances: { inDicom: 3, inFhir: 3, missing: 1, gone: 1 },
      writes: [
        { action: 'update', type: 'Patient', id: patient.id, elements: ['gender'] },
        { action: 'update', type: 'ImagingStudy', id: study.id, elements: ['series'] },
      ],
    })
    expect(await world.call('POST', 'resync', { study: '1.2.3' })).toMatchObject({ status: 200, json: { removed: 1 } })
    expect((sole(world, 'ImagingStudy').series?.[0]?.instance ?? []).map(({ uid }) => uid).sort()).toEqual([
      '1.2.3.1.1',
      '1.2.3.1.2',
      '1.2.3.1.3',
    ])
    expect(sole(world, 'Patient').gender).toBe('female')
    expect(await verify(world)).toMatchObject({ inStep: true })
  })

  it('build a study that FHIR has lost, and delete one that DICOM no longer has', async () => {
    const world = await castStudy()
    const { id = '' } = sole(world, 'ImagingStudy')
    await fetch(`${world.fhir.url}/ImagingStudy/${id}`, { method: 'DELETE' })
    expect(await verify(world)).toMatchObject({
      inStep: false,
      instances: { inDicom: 3, inFhir: 0, missing: 3, gone: 0 },
      writes: [{ action: 'create', type: 'ImagingStudy' }],
    })
    await world.call('POST', 'resync', { study: '1.2.3' })
    expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(3)

    world.dicom.control.append(...[1, 2, 3].map((instance) => deleted({ study: '1.2.3', instance })))
    expect(await verify(world)).toMatchObject({
      inStep: false,
      instances: { inDicom: 0, inFhir: 3, missing: 0, gone: 3 },
      writes: [{ action: 'delete', type: 'ImagingStudy' }],
    })
    expect(await world.call('POST', 'resync', { study: '1.2.3' })).toMatchObject({ json: { removed: 3 } })
    expect(held(world, 'ImagingStudy')).toEqual([])
    expect(await world.call('GET', 'verify?study=1.2.3')).toMatchObject({ status: 404, json: { code: 'NotFound' } })
  })

  it('take an image for known that has its row, and settle the row when it is mended', async () => {
    const world = await castStudy()
    world.dicom.control.append(created({ study: '1.2.3', instance: 9, ...bob }))
    await world.cast()
    expect(await verify(world)).toMatchObject({ inStep: true, notCast: { PatientMismatch: 1 }, unrecorded: 0 })
    world.dicom.control.append(deleted({ study: '1.2.3', instance: 9 }))
    await world.call('POST', 'resync', { study: '1.2.3' })
    expect(await world.failed()).toEqual({})
  })

  it('take an image that FHIR refused for known, also where it is the only one of its study, and say so', async () => {
    const world = await newWorld()
    const refused = { '00081030': { vr: 'LO', Value: ['DICOMcast refuses'] } }
    world.fhir.faults.set([
      { fault: 'rejectResource', match: { bodyIncludes: '"1.2.3.1.2"' } },
      { fault: 'rejectResource', match: { bodyIncludes: '"DICOMcast refuses"' } },
    ])
    world.dicom.control.append(...images(3, { study: '1.2.3' }), created({ study: '1.2.4', elements: refused }))
    await world.cast()
    const known = { inStep: true, writes: [], notCast: { FhirRejected: 1 }, unrecorded: 0 }
    expect(await verify(world)).toMatchObject({ ...known, instances: { inDicom: 3, inFhir: 2, missing: 0, gone: 0 } })
    expect((await world.call('GET', 'verify?study=1.2.4')).json).toMatchObject({
      ...known,
      instances: { inDicom: 1, inFhir: 0, missing: 0, gone: 0 },
    })
    // What nobody has recorded is a difference beside it, and the plan has that alone.
    world.dicom.control.append(created({ study: '1.2.3', instance: 4 }))
    expect(await verify(world)).toMatchObject({
      inStep: false,
      instances: { inDicom: 4, inFhir: 2, missing: 1, gone: 0 },
      writes: [{ action: 'update', type: 'ImagingStudy', elements: ['numberOfInstances', 'series'] }],
      notCast: { FhirRejected: 1 },
    })
    // A resync tries it once more.
    world.fhir.faults.clear()
    await world.call('POST', 'resync', { study: '1.2.3' })
    expect(await verify(world)).toMatchObject({ inStep: true, notCast: {}, instances: { inDicom: 4, inFhir: 4 } })
  })

  it('record what cannot be cast and nobody has told of, which a replay tries again', async () => {
    const world = await castStudy()
    world.dicom.control.append(
      created({ study: '1.2.3', instance: 9, ...bob }),
      created({ study: '1.2.3', instance: 8, patientId: null }),
    )
    // The checkpoint was moved over them.
    await world.writeSyncState({ SyncedSequence: 5n })
    expect(await verify(world)).toMatchObject({ inStep: false, unrecorded: 2 })
    const resynced = { status: 200, json: { notCast: { PatientMismatch: 1, TagsRejected: 1 } } }
    expect(await world.call('POST', 'resync', { study: '1.2.3' })).toMatchObject(resynced)
    expect(await world.failed()).toEqual({
      [dicomTable]: expect.arrayContaining(['0 PatientMismatch', '0 TagsRejected']),
    })
    expect(await verify(world)).toMatchObject({ inStep: true, unrecorded: 0 })
    // Once more changes nothing.
    expect(await world.call('POST', 'resync', { study: '1.2.3' })).toMatchObject(resynced)
    const { json } = await world.call('GET', `failures/${dicomTable}`)
    const rows = json['rows'] as ReadonlyArray<{
      readonly row: string
      readonly code: string
      readonly sequence: number
    }>
    expect(rows.map(({ sequence }) => sequence)).toEqual([0, 0])
    const mismatched = rows.find(({ code }) => code === 'PatientMismatch')?.row ?? ''
    const selection = { rows: [{ table: dicomTable, row: mismatched }] }
    expect(await world.call('POST', 'replay', selection)).toMatchObject({
      json: { replayed: [{ row: mismatched, sequence: 0, outcome: 'Recorded', code: 'PatientMismatch' }] },
    })
    expect((await world.call('GET', `failures/${dicomTable}/${mismatched}`)).json).toMatchObject({ count: 2 })
    world.dicom.control.append(deleted({ study: '1.2.3', instance: 9 }))
    expect(await world.call('POST', 'replay', selection)).toMatchObject({ json: { counts: { Recorded: 0 }, left: 0 } })
    expect(await world.failed()).toEqual({ [dicomTable]: ['0 TagsRejected'] })
    world.dicom.control.append(deleted({ study: '1.2.3', instance: 8 }))
    await world.call('POST', 'resync', { study: '1.2.3' })
    expect(await world.failed()).toEqual({})
  })

  it('take away the rows of tags that no image of the study bears out any more', async () => {
    const world = await newWorld()
    const wrong = { '00080050': { vr: 'SH', Value: ['A\u0007'] }, '00080020': { vr: 'DA', Value: ['2026'] } }
    world.dicom.control.append(
      created({ study: '1.2.3', elements: wrong }),
      created({ study: '1.2.4', elements: wrong }),
    )
    await world.cast()
    const studies = async () =>
      new Set((await world.rows('InvalidDicomTagExceptionTable')).map((row) => row['StudyUid']))
    expect(await studies()).toEqual(new Set(['1.2.3', '1.2.4']))
    world.dicom.control.append(updated({ study: '1.2.3' }))
    await world.call('POST', 'resync', { study: '1.2.3' })
    expect(await studies()).toEqual(new Set(['1.2.4']))
    await world.call('POST', 'resync', { study: '1.2.4' })
    expect(await studies()).toEqual(new Set(['1.2.4']))
    // It is gone, and its deletion was passed by: nothing but the rows is left of it.
    world.dicom.control.append(deleted({ study: '1.2.4' }))
    await world.call('POST', 'resync', { study: '1.2.4' })
    expect(await studies()).toEqual(new Set())
    expect(await world.call('POST', 'resync', { study: '1.2.4' })).toMatchObject({ status: 404 })
  })

  it('take away the rows of tags of a study that is nowhere', async () => {
    const world = await newWorld()
    world.fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: '"1.2.4.1.1"' } }])
    const accession = { '00080050': { vr: 'SH', Value: ['A\u0007'] } }
    world.dicom.control.append(created({ study: '1.2.4', elements: accession }))
    await world.cast()
    world.dicom.control.append(deleted({ study: '1.2.4' }))
    expect(await world.rows('InvalidDicomTagExceptionTable')).toHaveLength(1)
    const forgotten = { stored: 0, unchanged: 0, removed: 0, notCast: {} }
    expect(await world.call('POST', 'resync', { study: '1.2.4' })).toMatchObject({ status: 200, json: forgotten })
    expect(await world.rows('InvalidDicomTagExceptionTable')).toEqual([])
  })

  it('know nothing of a study that is nowhere, and refuse a partition that is not synced', async () => {
    const world = await newWorld({ settings: { DicomCast__Partitions: 'main' } })
    for (const [path, body] of [
      ['verify?study=9.9&partition=main', undefined],
      ['resync', { study: '9.9', partition: 'main' }],
    ] as const) {
      const method = body === undefined ? 'GET' : 'POST'
      expect(await world.call(method, path, body)).toMatchObject({ status: 404, type: problemType })
    }
    expect(await world.call('POST', 'resync', { study: '9.9' })).toMatchObject({
      status: 422,
      json: { code: 'Refused' },
    })
  })

  it('refuse what is no study, a busy lease, and say which service is down', async () => {
    const world = await castStudy()
    expect(await world.call('GET', 'verify')).toMatchObject({
      status: 400,
      json: { problems: ['study: expected a UID'] },
    })
    expect(await world.call('POST', 'resync', {})).toMatchObject({ status: 400 })
    world.dicom.faults.set([{ fault: '403', match: { pathPrefix: '/v2/studies' } }])
    for (const [method, path, body] of [
      ['GET', 'verify?study=1.2.3', undefined],
      ['POST', 'resync', { study: '1.2.3' }],
    ] as const) {
      expect(await world.call(method, path, body)).toMatchObject({
        status: 503,
        json: { code: 'AccessDenied', hop: 'dicom' },
      })
    }
    await takeLease(world)
    expect(await world.call('POST', 'resync', { study: '1.2.3' })).toMatchObject({ status: 409 })
  })
})

describe('POST /api/preview', () => {
  it('tells what the next batches would do, and writes nothing at all', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '3' } })
    world.dicom.control.append(...images(2, { study: '1.2.1' }))
    await world.cast({}, { maxBatches: 0 })
    world.dicom.control.append(
      created({ study: '1.2.1', instance: 3 }),
      ...images(2, { study: '1.2.2' }),
      ...images(2, { study: '1.2.3', ...bob }),
      created({ study: '1.2.4', name: 'Stone^Ana', birthDate: '19510607' }),
      created({ study: '1.2.5', patientId: null }),
      deleted({ study: '1.2.2', instance: 2 }),
    )
    const before = [world.fhir.store.all(), await world.rows('SyncStateTable'), await world.rows(dicomTable)]
    expect(await world.call('POST', 'preview?batches=10')).toEqual({
      status: 200,
      type: 'application/json',
      json: {
        ...{
          from: 2,
          to: 10,
          head: 10,
          batches: 3,
          complete: true,
          entries: 8,
          unchanged: 1,
          superseded: 1,
          skipped: 0,
        },
        patients: { create: 1, update: 0, unchanged: 0, inConflict: 1 },
        studies: { create: 2, adopt: 0, update: 1, unchanged: 0 },
        recorded: { DemographicsConflict: 1, TagsRejected: 1 },
      },
    })
    expect([world.fhir.store.all(), await world.rows('SyncStateTable'), await world.rows(dicomTable)]).toEqual(before)
  })

  it('looks at one batch, from where it is told', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '2' } })
    world.dicom.control.append(...images(6))
    expect((await world.call('POST', 'preview?fromSequence=2')).json).toMatchObject({
      ...{ from: 2, to: 4, head: 6, batches: 1, complete: false, entries: 2 },
    })
  })

  it('needs no lease, refuses what it does not know, and says which service is down', async () => {
    const world = await newWorld()
    await takeLease(world)
    expect(await world.call('POST', 'preview')).toMatchObject({ status: 200, json: { entries: 0, complete: true } })
    expect(await world.call('POST', 'preview?batches=0')).toMatchObject({ status: 400, type: problemType })
    expect(await world.call('POST', 'preview', { batches: 2 })).toMatchObject({ status: 400, type: problemType })
    expect(await world.call('POST', 'preview?fromSequence=1')).toMatchObject({
      status: 422,
      json: { detail: 'the head of the change feed is 0: nothing can be behind it.' },
    })
    expect(await world.call('GET', 'preview')).toMatchObject({ status: 405, type: problemType })
    world.dicom.faults.set([{ fault: '403' }])
    expect(await world.call('POST', 'preview')).toMatchObject({ status: 503, json: { hop: 'dicom' } })
  })
})
