import { describe, expect, it } from '@jest/globals'
import { held, imagesOf, sole } from '../support/fhir/cast-fhir'
import { created, images } from '../support/world/cast-images'
import { until } from '../support/world/cast-until'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const study = '1.2.3'
const fhirTable = 'FhirFailToStoreExceptionTable'

const instancesOf = (world: CastWorld): Readonly<Record<string, number | undefined>> =>
  Object.fromEntries(
    held(world, 'ImagingStudy').map(({ identifier, numberOfInstances }) => [identifier?.[0]?.value, numberOfInstances]),
  )

/** `count` studies of one image, each of a patient of its own. */
const studies = (count: number): ReturnType<typeof images> =>
  Array.from({ length: count }, (_, index) => created({ study: `1.2.${index + 10}`, patientId: `P${index + 10}` }))

describe('what FHIR refuses for good', () => {
  it('is one instance of a study: exactly this one is recorded, all others are stored', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(40, { study }), ...studies(3))
    world.fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: `"${study}.1.23"` } }])
    const report = await world.cast()
    expect(report).toMatchObject({
      ended: 'CaughtUp',
      entries: 43,
      stored: 42,
      recorded: 1,
      failed: { [fhirTable]: 1 },
    })
    expect(await world.rows(fhirTable)).toEqual([
      {
        partitionKey: fhirTable,
        rowKey: '0000000000000000023',
        PartitionName: 'Microsoft.Default',
        StudyUid: study,
        SeriesUid: `${study}.1`,
        InstanceUid: `${study}.1.23`,
        ChangeFeedSequence: 23n,
        Code: 'FhirRejected',
        Count: 1,
        JudgedAt: expect.any(Date),
        Exception: expect.stringMatching(
          /^FHIR refused it with 400 \(invalid ImagingStudy\.series\[\d+\]\.instance\[\d+\]\.uid\)\.$/,
        ),
      },
    ])
    expect(instancesOf(world)).toEqual({
      'urn:oid:1.2.3': 39,
      'urn:oid:1.2.10': 1,
      'urn:oid:1.2.11': 1,
      'urn:oid:1.2.12': 1,
    })
    expect(await world.syncedSequence()).toBe(43)
  })

  it.each([
    ['the first', [1]],
    ['the first and the last', [1, 8]],
    ['two in the middle', [4, 5]],
  ])('are several instances of a study: %s', async (_, refused) => {
    const world = await newWorld()
    world.dicom.control.append(...images(8, { study }))
    world.fhir.faults.set(
      refused.map((instance) => ({ fault: 'rejectResource', match: { bodyIncludes: `"${study}.1.${instance}"` } })),
    )
    expect(await world.cast()).toMatchObject({
      ended: 'CaughtUp',
      stored: 8 - refused.length,
      recorded: refused.length,
    })
    expect(await world.failed()).toEqual({ [fhirTable]: refused.map((instance) => `${instance} FhirRejected`) })
    const kept = [1, 2, 3, 4, 5, 6, 7, 8].filter((instance) => !refused.includes(instance))
    expect(
      (imagesOf(sole(world, 'ImagingStudy'))[`${study}.1`] ?? []).map((uid) => Number(uid.split('.').at(-1))).sort(),
    ).toEqual(kept)
  })

  it('is a Patient: all entries of the study are recorded with that reason, and others are stored', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(5, { study, name: 'Refused^Name' }), ...studies(2))
    world.fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: '"family":"Refused"' } }])
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, recorded: 5 })
    expect(await world.failed()).toEqual({ [fhirTable]: [1, 2, 3, 4, 5].map((each) => `${each} FhirRejected`) })
    expect(held(world, 'Patient').map(({ identifier }) => identifier?.[0]?.value)).toEqual(['P10', 'P11'])
  })

  it('loses its row when a later row of the instance is stored', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2, { study }))
    world.fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: `"${study}.1.2"` } }])
    await world.cast()
    expect(await world.failed()).toEqual({ [fhirTable]: ['2 FhirRejected'] })
    world.fhir.faults.clear()
    world.dicom.control.append({ ...created({ study, instance: 2 }), action: 'update' })
    await world.cast()
    expect([sole(world, 'ImagingStudy').numberOfInstances, await world.failed()]).toEqual([2, {}])
  })

  it('is told by odd outcomes in the same way: what the server says is not believed, only that it refuses', async () => {
    const world = await newWorld()
    world.dicom.control.append(...studies(1))
    await world.cast()
    world.dicom.control.append(...images(3, { study }))
    world.fhir.faults.set([
      { fault: 'weirdOutcome', match: { interaction: 'transaction', bodyIncludes: `"${study}.1.2"` } },
    ])
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, recorded: 1 })
    expect(await world.failed()).toEqual({ [fhirTable]: ['3 FhirRejected'] })
  })
})

describe('a server that refuses every study', () => {
  const refuseStudies = { fault: 'rejectResource', match: { bodyIncludes: '"resourceType":"ImagingStudy"' } } as const

  it('ends the run as FhirRejectsAll: nothing is recorded or passed by, until it takes one', async () => {
    const world = await newWorld()
    world.dicom.control.append(...studies(25))
    world.fhir.faults.set([refuseStudies])
    expect(await world.cast()).toMatchObject({ ended: 'FhirRejectsAll', to: 0, entries: 0, stored: 0, recorded: 0 })
    expect([await world.syncedSequence(), await world.failed()]).toEqual([0, {}])
    expect(await world.cast()).toMatchObject({ ended: 'FhirRejectsAll', to: 0, recorded: 0 })

    world.fhir.faults.clear()
    expect(await world.cast({}, { maxBatches: 0 })).toMatchObject({
      ended: 'CaughtUp',
      to: 25,
      stored: 25,
      recorded: 0,
    })
    expect(held(world, 'ImagingStudy')).toHaveLength(25)
  })

  it('is told by studies refused in a row across runs', async () => {
    const world = await newWorld()
    world.dicom.control.append(...studies(25))
    world.fhir.faults.set([refuseStudies])
    const ended = []
    for (let run = 0; run < 3; run++) ended.push((await world.cast({ DicomCast__BatchSize: '8' })).ended)
    expect(ended).toEqual(['BatchDone', 'BatchDone', 'FhirRejectsAll'])
    expect(await world.syncedSequence()).toBe(16)
  })
})

describe('an entry that FHIR keeps failing for', () => {
  const patienceMs = 50
  const settings = { RetryConfiguration__TotalRetryDuration: `00:00:00.0${patienceMs}` }
  const patienceIsOver = (): Promise<void> => {
    const since = Date.now()
    return until(() => Date.now() - since > patienceMs)
  }
  const failing = {
    fault: '503',
    match: { interaction: 'transaction', bodyIncludes: `"${study}.1.2"` },
    retryAfterMs: 1,
  } as const

  it('is no reason to pass anything by at first, and is blamed by comparison when patience is over', async () => {
    const world = await newWorld({ settings })
    world.dicom.control.append(...images(4, { study }), ...studies(2))
    world.fhir.faults.set([failing])
    expect(await world.cast()).toMatchObject({ ended: 'ServiceUnavailable', to: 0, entries: 0 })
    expect(await world.failed()).toEqual({})
    await patienceIsOver()
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 6, stored: 5, recorded: 1 })
    expect(await world.failed()).toEqual({ TransientFailureExceptionTable: ['2 OutlastedRetries'] })
    expect(instancesOf(world)).toEqual({ 'urn:oid:1.2.3': 3, 'urn:oid:1.2.10': 1, 'urn:oid:1.2.11': 1 })
  })

  it('is an outage, and nobody is blamed however long it lasts, when nothing else succeeds either', async () => {
    const world = await newWorld({ settings })
    world.dicom.control.append(...images(4, { study }), ...studies(2))
    world.fhir.faults.set([{ fault: '503', match: { interaction: 'transaction' }, retryAfterMs: 1 }])
    for (let run = 0; run < 3; run++) {
      expect(await world.cast()).toMatchObject({ ended: 'ServiceUnavailable', to: 0, entries: 0 })
      await patienceIsOver()
    }
    expect([await world.failed(), await world.syncedSequence()]).toEqual([{}, 0])
    expect(await world.rows('TransientRetryExceptionTable')).toMatchObject([
      { rowKey: '0000000000000000000', RetryNumber: 3, Hop: 'fhir', Status: 503 },
    ])
  })

  it('is blamed for a 403, too, that only its body gets', async () => {
    const world = await newWorld({ settings })
    world.dicom.control.append(...images(4, { study }), ...studies(2))
    world.fhir.faults.set([{ fault: '403', match: failing.match }])
    expect(await world.cast()).toMatchObject({ ended: 'AccessDenied', to: 0 })
    await patienceIsOver()
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 6, stored: 5, recorded: 1 })
    expect(await world.failed()).toEqual({ TransientFailureExceptionTable: ['2 OutlastedRetries'] })
  })
})
