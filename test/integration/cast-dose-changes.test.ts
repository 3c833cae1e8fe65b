import { describe, expect, it } from '@jest/globals'
import { held, requested, sole, subjectOf } from '../support/fhir/cast-fhir'
import { bulkUpdate, created, deleted } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'
import {
  type ReportInFeed,
  ctReport,
  projectionReport,
  reportDeleted,
  reportUid,
  reported,
} from '../support/world/dose-feed'
import { element } from '../support/world/dose-sr'
import {
  byUid,
  castReports,
  expectValid,
  listedBy,
  observations,
  oneByOne,
  replayed,
  theirs,
  uids,
} from '../support/world/dose-world'

const newWorld = useCastWorld()

const study = '1.2.3'
const event1 = '1.2.3.7.1'
const event2 = '1.2.3.7.2'
const event3 = '1.2.3.7.3'

const worldWith = async (...reports: ReadonlyArray<ReportInFeed>): Promise<CastWorld> =>
  castReports(await newWorld(), ...reports)

/** What one run wrote: its transactions and what they did to FHIR besides our position. */
const watched = async (world: CastWorld) => {
  world.fhir.requests.clear()
  const report = await world.cast()
  const posts = requested(world).filter((request) => request.startsWith('POST'))
  return { report, posts }
}

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

  it('leaves the Observation that a report of another study has of the same event', async () => {
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
    // The searches, the Observations of the study, and the transaction.
    expect(posts).toEqual(['POST / → 200', 'POST / → 200', 'POST / → 200'])
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
  ])('under the UID of %s are not touched, whatever happens to the report', async (_, uid) => {
    const world = await newWorld()
    const before = theirs(world, uid)
    world.dicom.control.append(reported({ content: ctReport(event1) }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    // It is another person's: no reason to leave ours out.
    expect(uids(world)).toEqual([event1, reportUid(), uid].sort())
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
