import { describe, expect, it } from '@jest/globals'
import { held, sole } from '../support/fhir/cast-fhir'
import { created, deleted, images, updated } from '../support/world/cast-images'
import { type CastWorld, type Row, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const study = '1.2.3'
const element = (vr: string, value: unknown) => ({ vr, Value: [value] })
const dirtySeries = { '00200011': element('IS', '1.5'), '00080021': element('DA', '20261332') }

const tagRows = async (world: CastWorld): Promise<ReadonlyArray<Row>> =>
  (await world.rows('InvalidDicomTagExceptionTable')).map(({ partitionKey: _table, rowKey: _key, ...row }) => row)

describe('a dirty value', () => {
  it('is left out, and is one row per tag and place, counted', async () => {
    const world = await newWorld()
    const dirty = { birthDate: '20201332', elements: dirtySeries }
    world.dicom.control.append(...images(100, { study, ...dirty }), created({ study, series: 2, ...dirty }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 101, recorded: 0, failed: {} })
    expect(sole(world, 'Patient').birthDate).toBeUndefined()
    expect(sole(world, 'ImagingStudy').series?.map(({ number, started }) => [number, started])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ])
    const place = { PartitionName: 'Microsoft.Default', StudyUid: study, Code: 'TagInvalid' }
    const first = { SeriesUid: `${study}.1`, InstanceUid: `${study}.1.1`, ChangeFeedSequence: 1n, LastSequence: 100n }
    const second = {
      SeriesUid: `${study}.2`,
      InstanceUid: `${study}.2.1`,
      ChangeFeedSequence: 101n,
      LastSequence: 101n,
    }
    const [birthDate, ...ofSeries] = await tagRows(world)
    expect(birthDate).toEqual({
      ...place,
      InstanceUid: `${study}.1.1`,
      ChangeFeedSequence: 1n,
      LastSequence: 101n,
      Count: 101,
      Exception: 'PatientBirthDate is invalid: not a date (DA)',
    })
    const date = 'SeriesDate is invalid: not a date (DA)'
    const number = 'SeriesNumber is invalid: not a whole number (IS)'
    expect(ofSeries).toEqual([
      { ...place, ...first, Count: 100, Exception: date },
      { ...place, ...first, Count: 100, Exception: number },
      { ...place, ...second, Count: 1, Exception: date },
      { ...place, ...second, Count: 1, Exception: number },
    ])
  })

  it('that is legal DICOM without a FHIR form is left out, too, and says so', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, elements: { '00200013': element('IS', -7) } }))
    expect(await world.cast()).toMatchObject({ stored: 1 })
    expect(await tagRows(world)).toMatchObject([
      { Code: 'TagUnmappable', Exception: 'InstanceNumber has no FHIR form: negative', Count: 1 },
    ])
  })

  it.each([
    ['SOPClassUID', { '00080016': undefined }, 'SOPClassUID is missing.'],
    ['PatientID', { '00100020': undefined }, 'PatientID is missing.'],
    ['Modality', { '00080060': element('CS', 'no modality!') }, 'Modality is invalid: not a code string (CS).'],
  ])('of a required tag keeps the entry out: %s', async (_, elements, Exception) => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, elements }), created({ study: '1.2.4' }))
    expect(await world.cast()).toMatchObject({
      ended: 'CaughtUp',
      stored: 1,
      recorded: 1,
      failed: { DicomFailToStoreExceptionTable: 1 },
    })
    expect(await world.rows('DicomFailToStoreExceptionTable')).toEqual([
      {
        partitionKey: 'DicomFailToStoreExceptionTable',
        rowKey: '0000000000000000001',
        PartitionName: 'Microsoft.Default',
        StudyUid: study,
        SeriesUid: `${study}.1`,
        InstanceUid: `${study}.1.1`,
        ChangeFeedSequence: 1n,
        Code: 'TagsRejected',
        Count: 1,
        JudgedAt: expect.any(Date),
        Exception,
      },
    ])
  })
})

describe('a row of a tag', () => {
  const wrong = { '00080050': element('SH', 'A\u0007'), '00200011': element('IS', '1.5') }
  const places = async (world: CastWorld) =>
    (await tagRows(world)).map(({ StudyUid, SeriesUid, Exception }) =>
      [SeriesUid ?? StudyUid, String(Exception).split(' ')[0]].join(' '),
    )

  it('A13: goes when a correction is read without the fault at its place, and no other row with it', async () => {
    const world = await newWorld()
    const [first, second] = [created({ study, elements: wrong }), created({ study, series: 2, elements: wrong })]
    world.dicom.control.append(first, second, created({ study: '1.2.4', elements: wrong }))
    await world.cast()
    const others = ['1.2.4 AccessionNumber', '1.2.4.1 SeriesNumber']
    expect(await places(world)).toEqual([
      '1.2.3 AccessionNumber',
      '1.2.3.1 SeriesNumber',
      '1.2.3.2 SeriesNumber',
      ...others,
    ])
    const { '00080050': _corrected, ...stillWrong } = wrong
    world.dicom.control.append(updated({ study, elements: stillWrong }))
    await world.cast()
    expect(await places(world)).toEqual(['1.2.3.1 SeriesNumber', '1.2.3.2 SeriesNumber', ...others])
    world.dicom.control.append(updated({ study }), created({ study, series: 2, instance: 2 }))
    await world.cast()
    expect(await places(world)).toEqual(['1.2.3.2 SeriesNumber', ...others])
  })

  it('stays when another image of the batch has the fault still', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2, { study, elements: { '00080050': wrong['00080050'] } }))
    await world.cast()
    world.dicom.control.append(
      updated({ study, instance: 1 }),
      updated({ study, instance: 2, elements: { '00080050': wrong['00080050'] } }),
    )
    await world.cast()
    expect(await places(world)).toEqual(['1.2.3 AccessionNumber'])
  })

  it('goes with the series, and with the study, but not while an image is there or stands recorded', async () => {
    const world = await newWorld()
    world.dicom.control.append(
      ...images(2, { study, elements: wrong }),
      created({ study, series: 2, elements: wrong }),
      created({ study, series: 3, patientId: 'P9', elements: wrong }),
    )
    await world.cast()
    const series = [1, 2, 3].map((each) => `1.2.3.${each} SeriesNumber`)
    expect(await places(world)).toEqual(['1.2.3 AccessionNumber', ...series])
    const after = async (...gone: ReadonlyArray<ReturnType<typeof deleted>>) => {
      world.dicom.control.append(...gone)
      await world.cast()
      return places(world)
    }
    expect(await after(deleted({ study, instance: 2 }))).toEqual(['1.2.3 AccessionNumber', ...series])
    expect(await after(deleted({ study, instance: 1 }))).toEqual(['1.2.3 AccessionNumber', ...series.slice(1)])
    expect(await after(deleted({ study, series: 2 }))).toEqual(['1.2.3 AccessionNumber', ...series.slice(2)])
    expect(await after(deleted({ study, series: 3 }))).toEqual([])
  })
})

describe('with EnforceValidationOfTagValues', () => {
  const settings = { DicomCast__Features__EnforceValidationOfTagValues: 'true' }

  it('one invalid optional tag keeps the entry out, with a row for each such tag', async () => {
    const world = await newWorld({ settings })
    world.dicom.control.append(
      created({ study, birthDate: '20201332', elements: dirtySeries }),
      created({ study: '1.2.4', patientId: 'P2' }),
    )
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 1 })
    expect(held(world, 'Patient').map(({ identifier }) => identifier?.[0]?.value)).toEqual(['P2'])
    expect(await world.failed()).toEqual({ DicomFailToStoreExceptionTable: ['1 TagsRejected'] })
    expect((await tagRows(world)).map(({ Exception }) => String(Exception).split(' ')[0])).toEqual([
      'PatientBirthDate',
      'SeriesDate',
      'SeriesNumber',
    ])
  })

  it('a value without a FHIR form, an absent tag and a readable variant reject nothing', async () => {
    const world = await newWorld({ settings })
    const elements = { '00200013': element('IS', -7), '00080020': element('DA', '2026.11.23') }
    world.dicom.control.append(created({ study, birthDate: null, name: null, elements }))
    expect(await world.cast()).toMatchObject({ stored: 1, recorded: 0 })
    expect(sole(world, 'ImagingStudy').started).toBe('2026-11-23')
    expect(await tagRows(world)).toMatchObject([{ Code: 'TagUnmappable' }])
  })

  it('a delete is not judged', async () => {
    const world = await newWorld({ settings })
    world.dicom.control.append(created({ study }))
    await world.cast()
    world.dicom.control.append(deleted({ study }))
    await world.cast()
    expect(held(world, 'ImagingStudy')).toEqual([])
  })
})

describe('an entry that cannot be read', () => {
  it.each(['null', 'number', 'missingUid', 'sequenceString'])(
    'costs only itself, and is recorded with what is known of it: %s',
    async (variant) => {
      const world = await newWorld()
      world.dicom.control.append(...images(5, { study }))
      world.dicom.faults.set([{ fault: 'malformedEntry', variant, match: { sequence: 3 } }])
      expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 5, entries: 5, stored: 4, recorded: 1 })
      expect(await world.failed()).toEqual({ DicomFailToStoreExceptionTable: ['3 EntryMalformed'] })
      expect(sole(world, 'ImagingStudy').numberOfInstances).toBe(4)
    },
  )

  it('because its metadata is of another kind is recorded with its UIDs', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(3, { study }))
    world.dicom.faults.set([{ fault: 'wrongType', variant: 'metadata', match: { sequence: 2 } }])
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, recorded: 1 })
    expect(await world.rows('DicomFailToStoreExceptionTable')).toMatchObject([
      { StudyUid: study, SeriesUid: `${study}.1`, InstanceUid: `${study}.1.2`, Code: 'EntryMalformed' },
    ])
  })

  it.each(['pascalCase', 'stringDs', 'negativeInfinity'] as const)(
    'is no entry that is only odd: %s',
    async (fault) => {
      const world = await newWorld()
      world.dicom.control.append(...images(3, { study, elements: { '00180050': element('DS', 1.5) } }))
      world.dicom.faults.set([{ fault }])
      expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 3, recorded: 0 })
    },
  )

  it('has values of wrong types everywhere and breaks nothing', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(30, { study }), created({ study: '1.2.4' }))
    world.dicom.faults.set(
      Array.from({ length: 30 }, (_, index) => ({ fault: 'wrongType' as const, match: { sequence: index + 1 } })),
    )
    const report = await world.cast()
    expect([report.ended, report.to, report.entries]).toEqual(['CaughtUp', 31, 31])
    expect(held(world, 'ImagingStudy').map(({ identifier }) => identifier?.[0]?.value)).toContain('urn:oid:1.2.4')
  })
})
