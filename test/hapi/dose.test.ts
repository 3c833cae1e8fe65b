import { describe, expect, it } from '@jest/globals'
import type { Observation } from 'fhir/r4'
import { validateResource } from '../../local/fhir/validate'
import { bulkUpdate, created } from '../support/world/cast-images'
import {
  administered,
  ctReport,
  projectionReport,
  reportDeleted,
  reportUid,
  reported,
} from '../support/world/dose-feed'
import { element } from '../support/world/dose-sr'
import { uniqueUid } from '../support/fhir/fhir-samples'
import { hapiUrl } from './hapi-url'
import { type HapiWorld, useHapiWorld, versionsOf } from './hapi-world'

const newWorld = useHapiWorld()

const uidOf = ({ identifier: [first] = [] }: Observation): string => (first?.value ?? '').replace('urn:oid:', '')

const uidsIn = async ({ stored }: HapiWorld): Promise<ReadonlyArray<string>> =>
  (await stored('Observation')).map(uidOf).sort()

const versionsIn = async ({ stored }: HapiWorld): Promise<ReadonlyArray<string>> =>
  versionsOf(await stored('Patient'), await stored('ImagingStudy'), await stored('Observation'))

/** A study with a CT report of two events, a cumulative one, and an image; all UIDs are new on this server. */
const castStudy = async () => {
  const world = await newWorld()
  const study = uniqueUid()
  const events = [1, 2, 3].map((event) => `${study}.7.${event}`)
  const [event1 = '', event2 = '', event3 = ''] = events
  world.dicom.control.append(
    reported({ study, content: ctReport(event1, event2) }),
    reported({ study, instance: 2, content: projectionReport(event2, event3) }),
    created({ study }),
  )
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 3, recorded: 0, failed: {} })
  return { world, study, event1, event2, event3 }
}

const removed = async ({ dicom }: HapiWorld, study: string): Promise<number> =>
  (await fetch(`${dicom.url}/v2/studies/${study}`, { method: 'DELETE' })).status

describe('dose reports on HAPI, which validates', () => {
  it('become Observations of their study and its subject, valid and all of version 1', async () => {
    const { world, study, event1, event2, event3 } = await castStudy()
    const other = uniqueUid()
    world.dicom.control.append(reported({ study: other, ...administered(`${other}.7.1`) }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })

    const [observations, studies] = [await world.stored('Observation'), await world.stored('ImagingStudy')]
    const summaries = [reportUid({ study }), reportUid({ study, instance: 2 }), reportUid({ study: other })]
    expect(observations.map(uidOf).sort()).toEqual([event1, event2, event3, `${other}.7.1`, ...summaries].sort())
    const subjects = new Map(studies.map(({ id, subject }) => [`ImagingStudy/${id}`, subject.reference]))
    for (const { partOf: [ofStudy] = [], subject, meta } of observations) {
      expect([subjects.get(ofStudy?.reference ?? ''), meta?.versionId]).toEqual([subject?.reference, '1'])
    }
    expect(observations.flatMap((each) => validateResource(each))).toEqual([])
  })

  it('three times from the start again write nothing', async () => {
    const { world } = await castStudy()
    const before = await versionsIn(world)
    expect(before).toHaveLength(7)
    for (const _round of [1, 2, 3]) {
      await world.writeSyncState({ SyncedSequence: 0n })
      expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 0, unchanged: 3, recorded: 0 })
      expect(await versionsIn(world)).toEqual(before)
    }
  })

  it('take their summary and the events that no other lists along, and no others', async () => {
    const { world, study, event2, event3 } = await castStudy()
    world.dicom.control.append(reportDeleted({ study }))
    const { report, requests } = await world.watched()
    expect(report).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    expect(requests.filter((request) => !request.endsWith('→ 200'))).toEqual([])
    expect(await uidsIn(world)).toEqual([event2, event3, reportUid({ study, instance: 2 })].sort())
  })

  it('go with their study, in the transaction that deletes it', async () => {
    const { world, study } = await castStudy()
    expect(await removed(world, study)).toBe(204)
    const { report, requests } = await world.watched()
    expect(report).toMatchObject({ ended: 'CaughtUp', stored: 3, recorded: 0, failed: {} })
    expect(requests.filter((request) => !request.endsWith('→ 200'))).toEqual([])
    expect([await uidsIn(world), await world.stored('ImagingStudy')]).toEqual([[], []])
  })

  it('of two studies in one batch have an event each, and deleting one study leaves the other its own', async () => {
    const world = await newWorld()
    const [one, two] = [uniqueUid(), uniqueUid()]
    const event = `${one}.7.1`
    world.dicom.control.append(
      reported({ study: one, content: ctReport(event) }),
      reported({ study: two, content: ctReport(event) }),
    )
    const { report, requests } = await world.watched()
    expect(report).toMatchObject({ ended: 'CaughtUp', stored: 2, recorded: 0 })
    expect(requests.filter((request) => / → (4|5)(?!04)/.test(request))).toEqual([])
    expect(await uidsIn(world)).toEqual([event, event, reportUid({ study: one }), reportUid({ study: two })].sort())
    expect(await removed(world, one)).toBe(204)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    expect(await uidsIn(world)).toEqual([event, reportUid({ study: two })].sort())
  })

  it('that a DiagnosticReport shows are cancelled when their report is deleted, and live again with it (D5, D5b)', async () => {
    const { world, study, event1 } = await castStudy()
    const summary = (await world.stored('Observation')).find((each) => uidOf(each) === reportUid({ study }))
    const shown = {
      ...{ resourceType: 'DiagnosticReport', status: 'final', code: { text: 'Dose' } },
      result: [{ reference: `Observation/${summary?.id}` }],
    }
    const created = await fetch(`${hapiUrl()}/DiagnosticReport`, {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json' },
      body: JSON.stringify(shown),
    })
    expect(created.status).toBe(201)
    world.dicom.control.append(reportDeleted({ study }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0, failed: {} })
    const kept = (await world.stored('Observation')).find(({ id }) => id === summary?.id)
    expect([kept?.status, kept?.component, kept?.hasMember]).toEqual(['cancelled', undefined, undefined])
    expect(await uidsIn(world)).not.toContain(event1)
    world.dicom.control.append(reported({ study, content: ctReport(event1) }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 0 })
    const revived = (await world.stored('Observation')).find(({ id }) => id === summary?.id)
    expect([revived?.status, revived?.hasMember?.length]).toEqual(['final', 1])
  })

  it('move with their study to another Patient', async () => {
    const { world, study } = await castStudy()
    await bulkUpdate(world, [study], {
      '00100020': element('LO', 'P2'),
      '00100010': element('PN', { Alphabetic: 'Other^One' }),
    })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 3, recorded: 0 })
    const [[moved], observations] = [await world.stored('ImagingStudy'), await world.stored('Observation')]
    expect(moved?.meta?.versionId).toBe('2')
    expect(observations.map(({ subject, meta }) => [subject, meta?.versionId])).toEqual(
      [1, 2, 3, 4, 5].map(() => [moved?.subject, '2']),
    )
  })
})

/** What the original wrote of the same report: no mark, the study's UID, and the values alone. */
const asOriginal = ({ subject, partOf, code, component }: Observation, study: string) => ({
  ...{ resourceType: 'Observation', status: 'preliminary', subject },
  identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${study}` }],
  code: { coding: code.coding?.slice(0, 1) },
  ...(code.coding?.[0]?.code === '73569-6' ? { partOf } : {}),
  ...(component === undefined ? {} : { component }),
})

describe('what the original wrote of a report', () => {
  const castByOriginal = async () => {
    const world = await newWorld()
    const study = uniqueUid()
    world.dicom.control.append(reported({ study, content: ctReport(`${study}.7.1`) }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    const [of, ours] = [(await world.stored('ImagingStudy'))[0]?.subject, await world.stored('Observation')]
    const bySummary = [...ours].sort(({ hasMember: one }, { hasMember: other }) => (one ? 0 : 1) - (other ? 0 : 1))
    for (const each of bySummary)
      expect((await world.session.send('DELETE', `/Observation/${each.id}`)).status).toBe(200)
    for (const each of ours) await world.session.created(asOriginal(each, study))
    const all = async (): Promise<ReadonlyArray<Observation>> => {
      const { body } = await world.session.search('Observation', { subject: of?.reference ?? '' })
      return (body.entry ?? []).map(({ resource }: { readonly resource: Observation }) => resource)
    }
    expect(await all()).toHaveLength(2)
    return { world, study, all }
  }

  it('is there once when the same report is cast from the start (D6)', async () => {
    const { world, study, all } = await castByOriginal()
    await world.writeSyncState({ SyncedSequence: 0n })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', recorded: 0, failed: {} })
    expect((await all()).map(uidOf).sort()).toEqual([`${study}.7.1`, reportUid({ study })].sort())
  })

  it('is there once beside the next report of its study (D6b)', async () => {
    const { world, study, all } = await castByOriginal()
    world.dicom.control.append(reported({ study, instance: 2, content: projectionReport(`${study}.7.2`) }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', recorded: 0, failed: {} })
    const [first, second] = [reportUid({ study }), reportUid({ study, instance: 2 })]
    expect((await all()).map(uidOf).sort()).toEqual([`${study}.7.1`, `${study}.7.2`, first, second].sort())
  })
})
