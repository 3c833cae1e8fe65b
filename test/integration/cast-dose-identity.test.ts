import { describe, expect, it } from '@jest/globals'
import type { Observation } from 'fhir/r4'
import { held, sole, subjectOf } from '../support/fhir/cast-fhir'
import { created } from '../support/world/cast-images'
import { type ReportInFeed, ctReport, reportDeleted, reportUid, reported } from '../support/world/dose-feed'
import { element } from '../support/world/dose-sr'
import { byUid, expectValid, observations, uidOf, uids } from '../support/world/dose-world'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()

const [event1, event2] = ['1.2.3.7.1', '1.2.3.7.2'] as const
const [wrong, right] = [
  { patientId: 'WRONG', content: ctReport(event1) },
  { study: '1.2.4', patientId: 'RIGHT', content: ctReport(event1) },
]
const at = (time: string) => ({ '00080023': element('DA', '20260302'), '00080033': element('TM', time) })

const worldWith = async (...reports: ReadonlyArray<ReportInFeed>): Promise<OperateWorld> => {
  const world = await newWorld()
  world.dicom.control.append(...reports.map((report) => reported(report)))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: reports.length, recorded: 0 })
  return world
}

const verified = async (world: OperateWorld, study: string) => (await world.call('GET', `verify?study=${study}`)).json
const resynced = async (world: OperateWorld, study: string) => (await world.call('POST', 'resync', { study })).json

const identityOf = ({ identifier = [] }: Pick<Observation, 'identifier'>): string =>
  identifier.find(({ system }) => system === 'urn:ietf:rfc:3986')?.value ?? ''

/** What FHIR holds of doses, without what an update alone changes; by identity. */
const doses = (world: OperateWorld): ReadonlyArray<unknown> =>
  [...observations(world)]
    .sort((left, right) => (identityOf(left) < identityOf(right) ? -1 : 1))
    .map(({ id: _id, meta: _meta, hasMember, ...rest }) => ({ ...rest, members: hasMember?.length }))

describe('a delete that the server refuses, because a DiagnosticReport of another system shows the dose (D5)', () => {
  const referred = async () => {
    const world = await worldWith({ content: ctReport(event1) })
    const summary = byUid(world, reportUid())
    world.fhir.faults.set([{ fault: 'refuseDelete', target: `Observation/${summary.id}` }])
    world.dicom.control.append(reportDeleted({}), created({ study: '1.2.5', patientId: 'P5' }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, recorded: 0, failed: {} })
    return { world, summary }
  }

  it('leaves it cancelled, without values, and its study emptied; nothing else waits', async () => {
    const { world, summary } = await referred()
    expect(observations(world)).toMatchObject([{ id: summary.id, status: 'cancelled' }])
    const [{ valueString, component, hasMember } = {}] = observations(world)
    expect([valueString, component, hasMember]).toEqual([undefined, undefined, undefined])
    expect(held(world, 'ImagingStudy')).toMatchObject([
      { status: 'cancelled', numberOfSeries: 0 },
      { status: 'available' },
    ])
    expectValid(world)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 0 })
  })

  it('is the same Observation with its values again when the report is stored again (D5b)', async () => {
    const { world, summary } = await referred()
    world.dicom.control.append(reported({ content: ctReport(event1) }))
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    const { status, valueString, component } = byUid(world, reportUid())
    expect({ status, valueString, component }).toEqual({
      ...{ status: 'final', valueString: summary.valueString, component: summary.component },
    })
    expect([byUid(world, reportUid()).id, uids(world)]).toEqual([summary.id, [event1, reportUid()]])
  })
})

it('an event of two patients is each one’s own, and only the deleted report’s goes (D1)', async () => {
  const world = await worldWith(wrong, right)
  expect(uids(world)).toEqual([event1, event1, reportUid(wrong), reportUid(right)].sort())
  world.dicom.control.append(reportDeleted(wrong))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1 })
  expect([uids(world), subjectOf(world, sole(world, 'ImagingStudy'))]).toEqual([[event1, reportUid(right)], 'RIGHT'])
  expect(byUid(world, event1).subject).toEqual(sole(world, 'ImagingStudy').subject)
})

describe('what somebody has planted is told by verify, and mended by resync:', () => {
  type Plant = (each: Observation, world: OperateWorld) => Observation | undefined
  const isSummary = ({ code }: Observation): boolean => code.coding?.[0]?.code === '73569-6'
  const plain = ({ extension: _facts, identifier = [], ...rest }: Observation): Observation => ({
    ...rest,
    identifier: identifier.filter(({ system }) => system === 'urn:dicom:uid'),
  })
  const heartRate = { coding: [{ system: 'http://loinc.org', code: '8867-4' }] }
  const withoutUids = ({ identifier = [], ...rest }: Observation): Observation => ({
    ...rest,
    identifier: identifier.filter(({ system }) => system !== 'urn:dicom:uid'),
  })
  const secondStudy = (world: OperateWorld): string => `ImagingStudy/${held(world, 'ImagingStudy')[1]?.id}`

  it.each<readonly [string, ReadonlyArray<ReportInFeed>, Plant]>([
    [
      'an event with another person as its subject (D1)',
      [wrong, right],
      (each) => (isSummary(each) ? each : { ...each, subject: { reference: 'Patient/somebody' } }),
    ],
    [
      'a summary that only one of two studies has (D2, D4)',
      [wrong, right],
      (each, world) => (each.partOf?.[0]?.reference === secondStudy(world) ? undefined : plain(each)),
    ],
    ['Observations that are gone (D3, D5)', [wrong], () => undefined],
    ['an event of another code', [wrong], (each) => (isSummary(each) ? each : { ...each, code: heartRate })],
    ['a summary of another code', [wrong], (each) => (isSummary(each) ? { ...each, code: heartRate } : each)],
    ['one without its UIDs', [wrong], withoutUids],
    [
      'one that was cancelled as withdrawn, of a live report (D5b)',
      [wrong],
      (each) => ({
        ...plain(each),
        status: 'cancelled',
        extension: [
          {
            url: 'http://hl7.org/fhir/StructureDefinition/event-statusReason',
            valueCodeableConcept: { text: 'withdrawn: deleted in the DICOM service' },
          },
        ],
      }),
    ],
    [
      'two final reports of one dose (D7, D9)',
      [
        { elements: at('080000'), content: ctReport(event1) },
        { instance: 2, elements: at('090000'), content: ctReport(event1, event2) },
      ],
      (each) => ({ ...plain(each), status: 'final' }),
    ],
  ])('%s', async (_, reports, plant) => {
    const world = await worldWith(...reports)
    const before = doses(world)
    const studies = [...new Set(reports.map(({ study = '1.2.3' }) => study))]
    for (const each of observations(world)) {
      const next = plant(each, world)
      const url = `${world.fhir.url}/Observation/${each.id}`
      const headers = { 'content-type': 'application/fhir+json' }
      const answer = await (next === undefined
        ? fetch(url, { method: 'DELETE' })
        : fetch(url, { method: 'PUT', headers, body: JSON.stringify(next) }))
      expect(answer.ok).toBe(true)
    }
    const told = await Promise.all(studies.map((study) => verified(world, study)))
    expect(told.some(({ inStep }) => inStep === false)).toBe(true)
    for (const study of studies) await resynced(world, study)
    expect(doses(world)).toEqual(before)
    for (const study of studies) expect(await verified(world, study)).toMatchObject({ inStep: true, writes: [] })
  })

  it('doubles, and what the original wrote, without a report of its own (D6)', async () => {
    const world = await worldWith(wrong)
    const before = doses(world)
    const { subject } = sole(world, 'ImagingStudy')
    const original = {
      ...{ resourceType: 'Observation', id: 'original', status: 'preliminary' },
      identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
      code: { coding: [{ system: 'http://dicom.nema.org/resources/ontology/DCM', code: '113852' }] },
      subject,
    } as const
    world.fhir.seed(original as never)
    for (const each of observations(world).filter(({ id }) => id !== 'original')) {
      world.fhir.seed({ ...each, id: `double-${uidOf(each).replaceAll('.', '-')}` } as never)
    }
    expect(observations(world)).toHaveLength(5)
    expect(await verified(world, '1.2.3')).toMatchObject({ inStep: false })
    await resynced(world, '1.2.3')
    expect(doses(world)).toEqual(before)
    expect(await verified(world, '1.2.3')).toMatchObject({ inStep: true, writes: [] })
  })
})
