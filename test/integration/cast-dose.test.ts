import { describe, expect, it } from '@jest/globals'
import type { Observation } from 'fhir/r4'
import { validateResource } from '../../local/fhir/validate'
import { held, heldBesidesPosition, requested, sole, subjectOf } from '../support/cast-fhir'
import { bulkUpdate, created, deleted } from '../support/cast-images'
import { type CastWorld, type Overrides, useCastWorld } from '../support/cast-world'
import {
  type ReportInFeed,
  administered,
  ctReport,
  projectionReport,
  reportDeleted,
  reportUid,
  reported,
} from '../support/dose-feed'
import { element } from '../support/dose-sr'

const newWorld = useCastWorld()

const study = '1.2.3'
const event1 = '1.2.3.7.1'
const event2 = '1.2.3.7.2'
const event3 = '1.2.3.7.3'

const worldWith = async (...reports: ReadonlyArray<ReportInFeed>): Promise<CastWorld> => {
  const world = await newWorld()
  world.dicom.control.append(...reports.map((report) => reported(report)))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: reports.length, recorded: 0, failed: {} })
  return world
}

/** The UID that an Observation is known by. */
const uidOf = ({ identifier: [first] = [] }: Observation): string => (first?.value ?? '').replace('urn:oid:', '')
const observations = (world: CastWorld): ReadonlyArray<Observation> => held(world, 'Observation')
const uids = (world: CastWorld): ReadonlyArray<string> => observations(world).map(uidOf).sort()
const byUid = (world: CastWorld, uid: string): Observation => {
  const [first, ...others] = observations(world).filter((each) => uidOf(each) === uid)
  if (first === undefined || others.length > 0) throw new Error(`FHIR holds ${others.length + 1} or no ${uid}`)
  return first
}

/** UIDs of the events that a report's summary lists. */
const listedBy = (world: CastWorld, report: ReportInFeed): ReadonlyArray<string> =>
  (byUid(world, reportUid(report)).hasMember ?? []).map(({ reference }) => {
    const member = observations(world).find(({ id }) => reference === `Observation/${id}`)
    return member === undefined ? `dangling ${reference}` : uidOf(member)
  })

const expectValid = (world: CastWorld): void =>
  expect(world.fhir.store.all().flatMap((resource) => validateResource(resource))).toEqual([])

/** What one run wrote: its transactions and what they did to FHIR besides our position. */
const watched = async (world: CastWorld, overrides?: Overrides) => {
  world.fhir.requests.clear()
  const report = await world.cast(overrides)
  const posts = requested(world).filter((request) => request.startsWith('POST'))
  return { report, posts }
}

const replayed = async (world: CastWorld, overrides?: Overrides) => {
  await world.writeSyncState({ SyncedSequence: 0n })
  return world.cast(overrides)
}

/** From the start again, one row a batch: how many rows were stored, and how many were unchanged. */
const oneByOne = async (world: CastWorld): Promise<readonly [number, number]> => {
  let [stored, unchanged] = [0, 0]
  for (;;) {
    const report = await world.cast({ DicomCast__BatchSize: '1' })
    stored += report.stored
    unchanged += report.unchanged
    if (report.ended === 'CaughtUp') return [stored, unchanged]
    if (report.ended !== 'BatchDone') throw new Error(report.ended)
  }
}

const theirs = (world: CastWorld, uid: string): Observation =>
  world.fhir.seed({
    resourceType: 'Observation',
    id: 'theirs',
    meta: { source: 'https://ris.example' },
    identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
    status: 'final',
    code: { text: 'Dose' },
    subject: { reference: 'Patient/somebody' },
  }) as unknown as Observation

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

  it('repeated in a report of another study is still one Observation, and part of both', async () => {
    const world = await worldWith({ content: ctReport(event1) }, { study: '1.2.4', content: ctReport(event1) })
    expect(uids(world)).toEqual([event1, reportUid(), reportUid({ study: '1.2.4' })].sort())
    const studies = held(world, 'ImagingStudy').map(({ id }) => ({ reference: `ImagingStudy/${id}` }))
    expect(byUid(world, event1).partOf).toEqual(studies)
    expect([listedBy(world, {}), listedBy(world, { study: '1.2.4' })]).toEqual([[event1], [event1]])
    expectValid(world)
  })

  it('in two partitions is two studies, and one set of Observations', async () => {
    const world = await worldWith({ content: ctReport(event1) }, { partition: 'two', content: ctReport(event1) })
    expect([held(world, 'ImagingStudy').length, uids(world)]).toEqual([2, [event1, reportUid()]])
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

describe('what is deleted in the DICOM service', () => {
  it('takes the summary of its report and the events that no remaining summary lists', async () => {
    const world = await worldWith(
      { content: ctReport(event1, event2) },
      { instance: 2, content: ctReport(event2, event3) },
    )
    world.dicom.control.append(reportDeleted({}))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    expect(uids(world)).toEqual([event2, event3, reportUid({ instance: 2 })].sort())
    expect(listedBy(world, { instance: 2 })).toEqual([event2, event3])
  })

  it('keeps an event that a report of another study lists, no longer a part of the deleted one', async () => {
    const world = await worldWith({ content: ctReport(event1) }, { study: '1.2.4', content: ctReport(event1) })
    const [, other] = held(world, 'ImagingStudy')
    world.dicom.control.append(reportDeleted({}))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    expect(uids(world)).toEqual([event1, reportUid({ study: '1.2.4' })].sort())
    expect(byUid(world, event1).partOf).toEqual([{ reference: `ImagingStudy/${other?.id}` }])
    expect(held(world, 'ImagingStudy').map(({ id }) => id)).toEqual([other?.id])
  })

  it('touches no Observation when it is an image', async () => {
    const world = await newWorld()
    world.dicom.control.append(reported({ content: ctReport(event1) }), created({ study }))
    await world.cast()
    const before = observations(world)
    world.dicom.control.append(deleted({ study }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    expect([observations(world), sole(world, 'ImagingStudy').numberOfInstances]).toEqual([before, 1])
  })

  it('takes a study and its Observations in one transaction', async () => {
    const world = await newWorld()
    world.dicom.control.append(
      reported({ content: ctReport(event1) }),
      reported({ instance: 2, content: ctReport(event1, event2) }),
      created({ study }),
    )
    await world.cast()
    expect((await fetch(`${world.dicom.url}/v2/studies/${study}`, { method: 'DELETE' })).status).toBe(204)
    const { report, posts } = await watched(world)
    expect(report).toMatchObject({ ended: 'CaughtUp', stored: 3, recorded: 0 })
    expect([observations(world), held(world, 'ImagingStudy')]).toEqual([[], []])
    // The searches, the Observations of the study, the summaries that list them, and the transaction.
    expect(posts).toEqual(['POST / → 200', 'POST / → 200', 'POST / → 200', 'POST / → 200'])
  })

  it('leaves nothing when the report comes and goes in one batch', async () => {
    const world = await newWorld()
    world.dicom.control.append(reported({ content: ctReport(event1) }), reportDeleted({}), created({ study }))
    await world.cast()
    expect([observations(world), held(world, 'ImagingStudy').length]).toEqual([[], 1])
  })

  it('and created again is there again', async () => {
    const world = await worldWith({ content: ctReport(event1) })
    world.dicom.control.append(reportDeleted({}))
    await world.cast()
    world.dicom.control.append(reported({ content: ctReport(event1) }))
    await world.cast()
    expect([uids(world), listedBy(world, {})]).toEqual([[event1, reportUid()], [event1]])
  })

  it('with Observations switched off still takes along those that were written before', async () => {
    const world = await worldWith({ content: ctReport(event1) })
    world.dicom.control.append(reportDeleted({}))
    await world.cast({ DicomCast__Features__GenerateObservations: 'false' })
    expect([observations(world), held(world, 'ImagingStudy')]).toEqual([[], []])
  })
})

describe('a bulk update of PatientID', () => {
  it('moves the study and its Observations to the new Patient in one transaction', async () => {
    const world = await newWorld()
    world.dicom.control.append(
      reported({ content: ctReport(event1, event2) }),
      reported({ instance: 2, content: projectionReport(event3) }),
      created({ study }),
    )
    await world.cast()
    const versions = (): unknown => observations(world).map(({ meta }) => meta?.versionId)
    expect(versions()).toEqual(['1', '1', '1', '1', '1'])
    await bulkUpdate(world, [study], {
      '00100020': element('LO', 'P2'),
      '00100010': element('PN', { Alphabetic: 'Other^One' }),
    })
    const { report } = await watched(world)
    expect(report).toMatchObject({ ended: 'CaughtUp', stored: 3, recorded: 0 })
    const [{ subject, meta }] = [sole(world, 'ImagingStudy')]
    expect([subjectOf(world, sole(world, 'ImagingStudy')), meta?.versionId]).toEqual(['P2', '2'])
    expect(observations(world).map((each) => each.subject)).toEqual(observations(world).map(() => subject))
    expect(versions()).toEqual(['2', '2', '2', '2', '2'])
    expect([listedBy(world, {}), listedBy(world, { instance: 2 })]).toEqual([[event1, event2], [event3]])
    expectValid(world)
  })

  it('seen from one image moves the Observations of reports that are not in the batch', async () => {
    const world = await newWorld()
    world.dicom.control.append(reported({ content: ctReport(event1) }), created({ study }))
    await world.cast()
    await bulkUpdate(world, [study], { '00100020': element('LO', 'P2') })
    expect(await oneByOne(world)).toEqual([2, 0])
    const { subject } = sole(world, 'ImagingStudy')
    expect(subjectOf(world, sole(world, 'ImagingStudy'))).toBe('P2')
    expect(observations(world).map((each) => each.subject)).toEqual([subject, subject])
  })
})

describe('Observations of other systems', () => {
  it.each([
    ['the summary', reportUid()],
    ['an event', event1],
  ])('under the identifier of %s are neither touched nor doubled, whatever happens to the report', async (_, uid) => {
    const world = await newWorld()
    const before = theirs(world, uid)
    world.dicom.control.append(reported({ content: ctReport(event1) }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    expect([uids(world), byUid(world, uid)]).toEqual([[event1, reportUid()], before])
    expect(await replayed(world)).toMatchObject({ stored: 0, unchanged: 1 })
    world.dicom.control.append(reportDeleted({}))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', recorded: 0 })
    expect(observations(world)).toEqual([before])
  })

  it('and what they put into ours stay as they are', async () => {
    const world = await worldWith({ content: ctReport(event1) })
    const ours = byUid(world, reportUid())
    const added = {
      performer: [{ display: 'Medical physics' }],
      interpretation: [{ text: 'As expected' }],
      basedOn: [{ reference: 'ServiceRequest/1' }],
      identifier: [...(ours.identifier ?? []), { system: 'https://ris.example', value: '77' }],
    }
    const { meta: _meta, ...rest } = ours
    const put = await fetch(`${world.fhir.url}/Observation/${ours.id}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/fhir+json' },
      body: JSON.stringify({ ...rest, meta: { source: ours.meta?.source, tag: ours.meta?.tag }, ...added }),
    })
    expect(put.status).toBe(200)
    world.dicom.control.append(
      reported({ content: ctReport(event1, event2), elements: { '00080050': element('SH', 'A7') } }),
    )
    await world.cast()
    const { performer, interpretation, basedOn, identifier } = byUid(world, reportUid())
    expect({ performer, interpretation, identifier }).toEqual({
      ...{ performer: added.performer, interpretation: added.interpretation, identifier: added.identifier },
    })
    expect(basedOn).toMatchObject([...added.basedOn, { type: 'ServiceRequest', identifier: { value: 'A7' } }])
    expect(listedBy(world, {})).toEqual([event1, event2])
  })
})
