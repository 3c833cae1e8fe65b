import { describe, expect, it } from '@jest/globals'
import type { FhirResource, Observation } from 'fhir/r4'
import { castBatch, contentOf } from '../../../support/world/domain-cast'
import { type MemoryFhir, memoryFhir } from '../../../support/fhir/domain-fhir'
import { settingsOf } from '../../../support/world/domain-settings'
import { ctAcquisition, ctContent } from '../../../support/world/dose-samples'
import { type ReportInFeed, ctReport, reportDataset, reportUid } from '../../../support/world/dose-feed'

const settings = settingsOf()
const [event1, event2, event3] = ['1.2.3.7.1', '1.2.3.7.2', '1.2.3.7.3'] as const

let sequence = 0
/** An element of a change feed page. */
const entry = (action: 'create' | 'update' | 'delete', report: ReportInFeed = {}) => ({
  sequence: ++sequence,
  partitionName: report.partition ?? 'Microsoft.Default',
  studyInstanceUid: report.study ?? '1.2.3',
  seriesInstanceUid: `${report.study ?? '1.2.3'}.9`,
  sopInstanceUid: reportUid(report),
  action,
  timestamp: '2026-11-23T20:01:39.5941234+00:00',
  state: action === 'delete' ? 'deleted' : 'current',
  ...(action === 'delete' ? {} : { metadata: reportDataset(report) }),
})
const reported = (report: ReportInFeed) => entry('create', report)
const gone = (report: ReportInFeed) => entry('delete', report)

const uidOf = ({ identifier: [first] = [] }: Observation): string => (first?.value ?? '').replace('urn:oid:', '')
const named = (fhir: MemoryFhir, uid: string): Observation => {
  const [first, ...others] = fhir.all('Observation').filter((each) => uidOf(each) === uid)
  if (first === undefined || others.length > 0) throw new Error(`${others.length + 1} or no ${uid}`)
  return first
}
const uids = (fhir: MemoryFhir): ReadonlyArray<string> => fhir.all('Observation').map(uidOf).sort()

/** FHIR after these batches, one after the other. */
const after = (...batches: ReadonlyArray<ReadonlyArray<unknown>>): MemoryFhir => {
  const fhir = memoryFhir()
  for (const batch of batches) expect(castBatch(fhir, settings, batch)).toMatchObject({ recorded: [], rejected: [] })
  return fhir
}

/** The Observations that FHIR holds, whatever ids it gave. */
const contents = (fhir: MemoryFhir): ReadonlyArray<unknown> =>
  contentOf(fhir.contents()).filter((each) => JSON.stringify(each).includes('"resourceType":"Observation"'))

const tall = (event: string, ctdi: number) => ctContent(ctAcquisition(event, ctdi, 10))
const ctdiOf = ({ component = [] }: Observation): number | undefined =>
  component.find(({ code }) => code.coding?.[0]?.code === '113830')?.valueQuantity?.value

describe('the Observations of one batch', () => {
  // The FHIR in memory refuses a transaction that holds a resource twice.
  it('are each in a transaction once, also when two studies share an event', () => {
    const reports = [{ content: ctReport(event1) }, { study: '1.2.4', content: ctReport(event1, event2) }]
    const fhir = after(reports.map(reported))
    expect(uids(fhir)).toEqual([event1, event2, reportUid(), reportUid({ study: '1.2.4' })].sort())
    expect(named(fhir, event1).partOf).toHaveLength(2)
    const cut = after(...reports.map((report) => [reported(report)]))
    expect(contents(fhir)).toEqual(contents(cut))
  })

  it('are one set for a study in two partitions', () => {
    const reports = [{ content: ctReport(event1) }, { partition: 'two', content: ctReport(event1) }]
    const fhir = after(reports.map(reported))
    expect([fhir.all('ImagingStudy').length, uids(fhir)]).toEqual([2, [event1, reportUid()]])
  })

  it('follow the last row of a report, in one batch or in several', () => {
    const rows = () => [
      reported({ content: tall(event1, 1) }),
      reported({ instance: 2, content: tall(event1, 2) }),
      entry('update', { content: tall(event1, 3) }),
    ]
    const whole = after(rows())
    expect(ctdiOf(named(whole, event1))).toBe(3)
    expect(contents(after(...rows().map((row) => [row])))).toEqual(contents(whole))
  })

  it('come again without a write', () => {
    const fhir = after(
      [reported({ content: ctReport(event1) })],
      [reported({ study: '1.2.4', content: ctReport(event1) })],
    )
    const replay = [reported({ content: ctReport(event1) }), reported({ study: '1.2.4', content: ctReport(event1) })]
    expect(castBatch(fhir, settings, replay).writes).toBe(0)
    expect(replay.map((row) => castBatch(fhir, settings, [row]).writes)).toEqual([0, 0])
  })

  it('of more entries than a transaction may hold are written and taken away in several', () => {
    const events = Array.from({ length: 12 }, (_each, index) => `1.2.3.7.${index + 1}`)
    const fhir = memoryFhir()
    const limits = { entries: 5, bytes: 1_000_000 }
    let largest = 0
    const counted: MemoryFhir = {
      ...fhir,
      transact: (entries) => {
        largest = Math.max(largest, entries.length)
        return fhir.transact(entries)
      },
    }
    castBatch(counted, settings, [reported({ content: ctReport(...events) })], { limits })
    expect([uids(fhir).length, named(fhir, reportUid()).hasMember?.length, largest]).toEqual([13, 12, 5])
    castBatch(counted, settings, [reported({ instance: 2, content: [] }), gone({})], { limits })
    expect([uids(fhir), fhir.all('ImagingStudy').length, largest]).toEqual([[reportUid({ instance: 2 })], 1, 5])
    castBatch(counted, settings, [reported({ content: ctReport(...events) })], { limits })
    castBatch(counted, settings, [gone({}), gone({ instance: 2 })], { limits })
    expect([uids(fhir), fhir.all('ImagingStudy'), largest]).toEqual([[], [], 5])
  })
})

describe('a late report', () => {
  it('adds its summary, and does not replace what another report says of the same event', () => {
    const fhir = after([reported({ instance: 2, content: tall(event1, 2) })])
    castBatch(fhir, settings, [reported({ content: tall(event1, 1) })], { late: true })
    expect([uids(fhir), ctdiOf(named(fhir, event1))]).toEqual([[event1, reportUid(), reportUid({ instance: 2 })], 2])
  })

  it('replaces what only it has said', () => {
    const fhir = after([reported({ content: tall(event1, 1) })])
    castBatch(fhir, settings, [reported({ content: tall(event1, 2) })], { late: true })
    expect(ctdiOf(named(fhir, event1))).toBe(2)
  })
})

describe('deleting a report', () => {
  it('keeps an event that a report in the same batch lists for the first time', () => {
    const fhir = after([reported({ content: ctReport(event1, event2) })])
    castBatch(fhir, settings, [gone({}), reported({ instance: 2, content: ctReport(event2, event3) })])
    expect(uids(fhir)).toEqual([event2, event3, reportUid({ instance: 2 })].sort())
  })

  it('keeps an event that only a summary of another system lists', () => {
    const fhir = after([reported({ content: ctReport(event1, event2) })])
    const theirs: FhirResource = {
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'Dose' },
      hasMember: [{ reference: `Observation/${named(fhir, event1).id}` }],
    }
    const both = memoryFhir([...fhir.contents(), { ...theirs, id: 'theirs' }])
    castBatch(both, settings, [gone({})])
    expect(both.all('Observation').map(({ id, partOf }) => [id, partOf])).toEqual([
      [named(fhir, event1).id, undefined],
      ['theirs', undefined],
    ])
  })

  it('takes the events that nobody lists any more, when the other report of another study went before', () => {
    const fhir = after(
      [reported({ content: ctReport(event1) })],
      [reported({ study: '1.2.4', content: ctReport(event1) })],
      [gone({})],
    )
    expect(named(fhir, event1).partOf).toEqual([{ reference: `ImagingStudy/${fhir.all('ImagingStudy')[0]?.id}` }])
    castBatch(fhir, settings, [gone({ study: '1.2.4' })])
    expect([uids(fhir), fhir.all('ImagingStudy')]).toEqual([[], []])
  })
})

describe('an event in the reports of two patients', () => {
  it('stays with the first of them, whatever comes again', () => {
    const rows = () => [
      reported({ content: tall(event1, 1) }),
      reported({ study: '1.2.4', patientId: 'P2', content: tall(event1, 2) }),
    ]
    const fhir = after(rows())
    const [first] = fhir.all('ImagingStudy')
    expect([named(fhir, event1).subject, ctdiOf(named(fhir, event1))]).toEqual([first?.subject, 1])
    expect(castBatch(fhir, settings, rows()).writes).toBe(0)
  })
})

it('ours is meant where another system has an Observation under the same identifier', () => {
  const fhir = after([reported({ content: ctReport(event1) })])
  const ours = named(fhir, event1)
  const { meta: _meta, ...copy } = ours
  const both = memoryFhir([{ ...copy, id: '0', subject: { reference: 'Patient/other' } }, ...fhir.contents()])
  expect(castBatch(both, settings, [entry('update', { content: tall(event1, 9) })]).writes).toBeGreaterThan(0)
  expect(both.all('Observation').flatMap((each) => (uidOf(each) === event1 ? [[each.id, ctdiOf(each)]] : []))).toEqual([
    ['0', ctdiOf(ours)],
    [ours.id, 9],
  ])
})
