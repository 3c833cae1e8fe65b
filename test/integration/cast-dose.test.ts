import { describe, expect, it } from '@jest/globals'
import { held, heldBesidesPosition, sole } from '../support/fhir/cast-fhir'
import { created } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'
import {
  type ReportInFeed,
  administered,
  ctReport,
  projectionReport,
  reportDeleted,
  reportUid,
  reported,
} from '../support/world/dose-feed'
import {
  byUid,
  castReports,
  expectValid,
  listedBy,
  observations,
  oneByOne,
  replayed,
  uids,
} from '../support/world/dose-world'

const newWorld = useCastWorld()

const study = '1.2.3'
const event1 = '1.2.3.7.1'
const event2 = '1.2.3.7.2'
const event3 = '1.2.3.7.3'

const worldWith = async (...reports: ReadonlyArray<ReportInFeed>): Promise<CastWorld> =>
  castReports(await newWorld(), ...reports)

describe('a dose report in the feed', () => {
  it.each([
    ['CT', { content: ctReport(event1, event2) }, [event1, event2], 'CT radiation dose: '],
    ['projection', { content: projectionReport(event1, event2) }, [event1, event2], 'X-ray radiation dose: '],
    ['radiopharmaceutical', administered(event1), [event1], 'Radiopharmaceutical radiation dose: '],
  ])('%s becomes a summary and its events, of the study and its subject', async (_, report, events, line) => {
    const world = await worldWith(report)
    const [{ id: studyId, meta: ofStudy }, { id: patientId }] = [sole(world, 'ImagingStudy'), sole(world, 'Patient')]
    const ofIt = [{ reference: `ImagingStudy/${studyId}` }]
    expect(uids(world)).toEqual([...events, reportUid()].sort())
    expect(listedBy(world, report)).toEqual(events)
    const seen = observations(world).map(({ subject, partOf, focus, meta }) => ({
      ...{ subject, partOf, focus, source: meta?.source, tag: meta?.tag },
    }))
    const common = {
      subject: { reference: `Patient/${patientId}` },
      partOf: ofIt,
      source: ofStudy?.source,
      tag: ofStudy?.tag,
    }
    expect(seen).toEqual([...events.map(() => ({ ...common, focus: undefined })), { ...common, focus: ofIt }])
    expect(byUid(world, reportUid()).valueString?.startsWith(line)).toBe(true)
    expectValid(world)
  })

  it('comes in one transaction with its study', async () => {
    const world = await newWorld()
    world.dicom.control.append(reported({ content: ctReport(event1) }), created({ study }))
    await world.cast()
    const written = (): unknown => observations(world).map(({ meta }) => meta?.versionId)
    expect([sole(world, 'ImagingStudy').meta?.versionId, written()]).toEqual(['1', ['1', '1']])
  })

  it('three times from the start again is one set of Observations, and writes nothing', async () => {
    const world = await worldWith(
      { content: ctReport(event1, event2) },
      { instance: 2, content: projectionReport(event3) },
      { study: '1.2.4', ...administered('1.2.4.7.1') },
    )
    const before = heldBesidesPosition(world)
    for (const _round of [1, 2, 3]) {
      expect(await replayed(world)).toMatchObject({ ended: 'CaughtUp', stored: 0, unchanged: 3, recorded: 0 })
      expect(heldBesidesPosition(world)).toEqual(before)
    }
  })

  it('writes nothing when one row is read again at a time', async () => {
    const world = await worldWith(
      { content: ctReport(event1) },
      { instance: 2, content: ctReport(event1, event2) },
      { study: '1.2.4', content: ctReport(event1) },
    )
    const before = heldBesidesPosition(world)
    await world.writeSyncState({ SyncedSequence: 0n })
    expect(await oneByOne(world)).toEqual([0, 3])
    expect(heldBesidesPosition(world)).toEqual(before)
  })

  it('of the enhanced class (…88.76) is an ordinary instance of its study', async () => {
    const world = await newWorld()
    const enhanced = '1.2.840.10008.5.1.4.1.1.88.76'
    world.dicom.control.append(reported({ sopClass: enhanced, content: ctReport(event1) }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    expect(observations(world)).toEqual([])
    expect(sole(world, 'ImagingStudy').series).toMatchObject([
      { modality: { code: 'SR' }, instance: [{ sopClass: { code: `urn:oid:${enhanced}` } }] },
    ])
  })

  it('makes no Observation where they are switched off', async () => {
    const world = await newWorld()
    world.dicom.control.append(reported({ content: ctReport(event1) }))
    const off = { DicomCast__Features__GenerateObservations: 'false' }
    expect(await world.cast(off)).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    expect([observations(world), held(world, 'ImagingStudy').length]).toEqual([[], 1])
  })

  it('that is corrected changes the same Observations; an event that it no longer has goes', async () => {
    const world = await worldWith({ content: ctReport(event1, event2) })
    const { id } = byUid(world, event1)
    world.dicom.control.append(reported({ content: ctReport(event1) }, 'update'))
    expect(await world.cast()).toMatchObject({ stored: 1 })
    expect([uids(world), byUid(world, event1).id]).toEqual([[event1, reportUid()], id])
    expect(listedBy(world, {})).toEqual([event1])
  })

  it('of one event in two reports is one Observation, which both list', async () => {
    const world = await worldWith({ content: ctReport(event1) }, { instance: 2, content: ctReport(event1, event2) })
    expect(uids(world)).toEqual([event1, event2, reportUid(), reportUid({ instance: 2 })].sort())
    expect([listedBy(world, {}), listedBy(world, { instance: 2 })]).toEqual([[event1], [event1, event2]])
    expectValid(world)
  })

  it('repeated in a report of another study is an Observation of each', async () => {
    const world = await worldWith({ content: ctReport(event1) }, { study: '1.2.4', content: ctReport(event1) })
    expect(uids(world)).toEqual([event1, event1, reportUid(), reportUid({ study: '1.2.4' })].sort())
    const studies = held(world, 'ImagingStudy').map(({ id }) => [{ reference: `ImagingStudy/${id}` }])
    const events = observations(world).filter(({ hasMember, focus }) => hasMember === undefined && focus === undefined)
    expect(events.map(({ partOf }) => partOf)).toEqual(studies)
    expect([listedBy(world, {}), listedBy(world, { study: '1.2.4' })]).toEqual([[event1], [event1]])
    expectValid(world)
  })

  it('in two partitions is two studies, and a set of Observations of each', async () => {
    const world = await worldWith({ content: ctReport(event1) }, { partition: 'two', content: ctReport(event1) })
    expect([held(world, 'ImagingStudy').length, uids(world)]).toEqual([
      2,
      [event1, event1, reportUid(), reportUid()].sort(),
    ])
    expect(await replayed(world)).toMatchObject({ stored: 0, unchanged: 2 })
  })

  it('with more events than a transaction may have entries is written in several', async () => {
    const events = Array.from({ length: 23 }, (_each, index) => `1.2.3.7.${index + 1}`)
    const world = await newWorld({ settings: { DicomCast__MaxBundleEntries: '10' } })
    world.dicom.control.append(reported({ content: ctReport(...events) }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    expect([uids(world).length, listedBy(world, {})]).toEqual([24, events])
    expect(await replayed(world)).toMatchObject({ stored: 0, unchanged: 1 })
    world.dicom.control.append(reportDeleted({}))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', recorded: 0 })
    expect([observations(world), held(world, 'ImagingStudy')]).toEqual([[], []])
  })
})
