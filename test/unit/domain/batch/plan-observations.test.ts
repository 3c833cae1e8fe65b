import { describe, expect, it } from '@jest/globals'
import type { FhirResource, Observation } from 'fhir/r4'
import { castBatch, contentOf } from '../../../support/world/domain-cast'
import { type MemoryFhir, memoryFhir } from '../../../support/fhir/domain-fhir'
import { ctReport, reportUid } from '../../../support/world/dose-feed'
import {
  after,
  at,
  castInto,
  datasetOf,
  entry,
  expectOwned,
  flags,
  gone,
  named,
  reported,
  settings,
  statuses,
  studyIn,
  subjectOf,
  uidOf,
  uids,
} from '../../../support/world/dose-plan'
import { ctAcquisition, ctContent } from '../../../support/world/dose-samples'

const [event1, event2, event3] = ['1.2.3.7.1', '1.2.3.7.2', '1.2.3.7.3'] as const
const [wrong, right] = [
  { study: '1.2.3', patientId: 'WRONG' },
  { study: '1.2.4', patientId: 'RIGHT' },
]

const cutsOf = <A>([first, ...rest]: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<ReadonlyArray<A>>> =>
  first === undefined
    ? [[]]
    : cutsOf(rest).flatMap(([next = [], ...others]) => [
        [[first], ...(next.length === 0 ? [] : [next]), ...others],
        ...(next.length === 0 ? [] : [[[first, ...next], ...others]]),
      ])

/** Whatever ids FHIR gave. */
const contents = (fhir: MemoryFhir): ReadonlyArray<unknown> =>
  contentOf(fhir.contents()).filter((each) => JSON.stringify(each).startsWith('{"name":"Observation'))

/** FHIR after these rows, in one batch; the doses of every other cut must end alike. */
const anyCut = (...rows: ReadonlyArray<ReturnType<typeof reported>>): MemoryFhir => {
  const whole = after(rows)
  for (const cut of cutsOf(rows)) expect(contents(after(...cut))).toEqual(contents(whole))
  return whole
}

const tall = (event: string, ctdi: number) => ctContent(ctAcquisition(event, ctdi, 10))
const ctdiOf = ({ component = [] }: Observation): number | undefined =>
  component.find(({ code }) => code.coding?.[0]?.code === '113830')?.valueQuantity?.value

describe('an event that reports of two studies list (D1)', () => {
  it('is an Observation of each, with its own subject', () => {
    const fhir = anyCut(
      reported({ ...wrong, content: tall(event1, 1) }),
      reported({ ...right, content: tall(event1, 2) }),
    )
    expect(uids(fhir)).toEqual([event1, event1, reportUid(wrong), reportUid(right)].sort())
    const [first, second] = [wrong, right].map(({ study }) => named(fhir, event1, studyIn(fhir, study)))
    expect([first, second].map((each) => each && [subjectOf(fhir, each), ctdiOf(each)])).toEqual([
      ['WRONG', 1],
      ['RIGHT', 2],
    ])
    expectOwned(fhir)
  })

  it('stays with the one when the report of the other is deleted', () => {
    const fhir = anyCut(
      reported({ ...wrong, content: ctReport(event1) }),
      reported({ ...right, content: ctReport(event1) }),
      gone(wrong),
    )
    expect(uids(fhir)).toEqual([event1, reportUid(right)])
    expect(subjectOf(fhir, named(fhir, event1))).toBe('RIGHT')
    expectOwned(fhir)
  })
})

describe('one SOPInstanceUID', () => {
  const sop = '1.2.9'
  it('in two studies is a summary of each; deleting one touches its own alone (D2)', () => {
    const rows = [
      reported({ ...wrong, sop, content: tall(event1, 100) }),
      reported({ ...right, sop, content: tall(event1, 250) }),
    ]
    const both = anyCut(...rows)
    expect(uids(both)).toEqual([event1, event1, sop, sop].sort())
    expectOwned(both)
    const one = anyCut(...rows, gone({ ...right, sop }))
    expect([uids(one), subjectOf(one, named(one, sop))]).toEqual([[event1, sop].sort(), 'WRONG'])
    const before = both.all('Observation').filter(({ partOf }) => partOf?.[0]?.reference === studyIn(both, '1.2.3'))
    castInto(both, [gone({ ...right, sop })])
    expect(both.all('Observation')).toEqual(before)
  })

  it('in two series of a study is one summary, which goes with the last copy (D3)', () => {
    const [first, second] = [{ sop }, { sop, series: '1.2.3.10' }]
    const copies = [first, second].map((each) => reported({ ...each, content: ctReport(event1) }))
    const image = reported({ instance: 7, content: [] })
    expect(uids(anyCut(image, ...copies, gone(first)))).toEqual([event1, sop, reportUid({ instance: 7 })].sort())
    expect(uids(anyCut(image, ...copies, gone(second)))).toEqual([event1, sop, reportUid({ instance: 7 })].sort())
    expect(uids(anyCut(image, ...copies, gone(first), gone(second)))).toEqual([reportUid({ instance: 7 })])
  })

  it('in two partitions is a set of each (D4)', () => {
    const [p, q] = [
      { partition: 'p', patientId: 'P1' },
      { partition: 'q', patientId: 'P2' },
    ]
    const rows = [p, q].map((each) => reported({ ...each, sop, content: ctReport(event1) }))
    const both = anyCut(...rows)
    expect(uids(both)).toEqual([event1, event1, sop, sop].sort())
    expectOwned(both)
    const one = anyCut(...rows, gone({ ...p, sop }))
    expect([uids(one), subjectOf(one, named(one, sop))]).toEqual([[event1, sop].sort(), 'P2'])
  })
})

describe('an Observation that the server refuses to delete (D5)', () => {
  const content = ctReport(event1, event2)
  const kept = () => {
    const fhir = after([reported({ content }), reported({ instance: 2, content: ctReport(event2) })])
    const [summary, event] = [named(fhir, reportUid()), named(fhir, event1)]
    const keep = new Set([`Observation/${summary.id}`, `Observation/${event.id}`])
    castInto(fhir, [gone({})], { keep })
    return { fhir, summary, event, keep }
  }

  it('is cancelled and says why, without what was measured', () => {
    const { fhir, summary, event } = kept()
    for (const before of [summary, event]) {
      const now = named(fhir, uidOf(before))
      expect(now).toMatchObject({ id: before.id, status: 'cancelled', code: before.code, subject: before.subject })
      expect([now.identifier, now.partOf, now.focus]).toEqual([before.identifier, before.partOf, before.focus])
      expect(now.extension).toEqual([
        {
          url: 'http://hl7.org/fhir/StructureDefinition/event-statusReason',
          valueCodeableConcept: { text: 'withdrawn: deleted in the DICOM service' },
        },
      ])
      const { valueString, component, hasMember, effectiveDateTime, device, bodySite } = now
      expect([valueString, component, hasMember, effectiveDateTime, device, bodySite]).toEqual(Array(6).fill(undefined))
    }
    expect(named(fhir, reportUid({ instance: 2 })).hasMember).toHaveLength(1)
  })

  it('is left alone from then on, and is no report that counts', () => {
    const { fhir } = kept()
    const before = fhir.writes()
    castInto(fhir, [gone({}), reported({ instance: 2, content: ctReport(event2) })])
    expect(fhir.writes()).toBe(before)
  })

  it('lives again when its report is stored again (D5b)', () => {
    const { fhir, summary, event } = kept()
    castInto(fhir, [reported({ content })])
    const { status, component, extension } = named(fhir, reportUid())
    expect([status, component, extension]).toEqual(['final', summary.component, summary.extension])
    expect(named(fhir, event1)).toMatchObject({ id: event.id, status: 'final', component: event.component })
    expect(named(fhir, event1).extension).toBeUndefined()
  })

  it('keeps its study, emptied', () => {
    const fhir = after([reported({ content })])
    castInto(fhir, [gone({})], { keep: new Set([`Observation/${named(fhir, event1).id}`]) })
    expect(fhir.all('ImagingStudy')).toMatchObject([{ status: 'cancelled', numberOfInstances: 0 }])
    expect(fhir.all('Observation')).toMatchObject([{ status: 'cancelled' }])
    expectOwned(fhir)
    castInto(fhir, [reported({ content })])
    expect(fhir.all('Observation').map(({ status }) => status)).toEqual(['final', 'final', 'final'])
  })

  it('stays as somebody else has judged it, until its report goes', () => {
    const judged = (status: 'cancelled' | 'entered-in-error') => {
      const fhir = after([reported({ content: tall(event1, 1) })])
      return memoryFhir(
        fhir
          .contents()
          .map((each) => (each.resourceType === 'Observation' ? ({ ...each, status } as FhirResource) : each)),
      )
    }
    for (const status of ['cancelled', 'entered-in-error'] as const) {
      const fhir = judged(status)
      castInto(fhir, [entry('update', { content: tall(event1, 2) })])
      expect(fhir.all('Observation').map((each) => each.status)).toEqual([status, status])
      expect(ctdiOf(named(fhir, event1))).toBe(1)
      castInto(fhir, [gone({})])
      expect(fhir.all('Observation')).toEqual([])
    }
  })
})

describe('reports that were taken over by a newer one', () => {
  const [v1, v2] = [
    { elements: at('080000'), content: ctReport(event1) },
    { instance: 2, elements: at('090000'), content: ctReport(event1, event2) },
  ]

  it('are preliminary, in any order, and as they say when the newer one goes (D7)', () => {
    for (const rows of [
      [reported(v1), reported(v2)],
      [reported(v2), reported(v1)],
    ]) {
      expect(statuses(anyCut(...rows))).toEqual({
        ...{ [reportUid(v1)]: 'preliminary', [reportUid(v2)]: 'final' },
        ...{ [event1]: 'final', [event2]: 'final' },
      })
      expect(statuses(anyCut(...rows, gone(v2)))).toEqual({ [reportUid(v1)]: 'final', [event1]: 'final' })
    }
    const partial = { ...v1, elements: { ...v1.elements, ...flags('PARTIAL') } }
    const undone = anyCut(reported(partial), reported(v2), gone(v2))
    expect(statuses(undone)).toEqual({ [reportUid(v1)]: 'preliminary', [event1]: 'preliminary' })
  })

  it('are none when the newer one leaves out one of their events (D8)', () => {
    const first = { ...v1, content: ctReport(event1, event3) }
    const fhir = anyCut(reported(first), reported(v2))
    expect(statuses(fhir)).toMatchObject({ [reportUid(v1)]: 'final', [reportUid(v2)]: 'final' })
  })

  it('are all but the last of a row of cumulative reports (D9)', () => {
    const third = { instance: 3, elements: at('100000'), content: ctReport(event1, event2, event3) }
    const fhir = anyCut(reported(third), reported(v1), reported(v2))
    expect([v1, v2, third].map((each) => statuses(fhir)[reportUid(each)])).toEqual([
      'preliminary',
      'preliminary',
      'final',
    ])
    const undated = [1, 2, 3].map((instance) => ({
      instance,
      content: ctReport(...[event1, event2, event3].slice(0, instance)),
    }))
    const byUid = anyCut(...undated.map(reported))
    expect(undated.map((each) => statuses(byUid)[reportUid(each)])).toEqual(['preliminary', 'preliminary', 'final'])
  })

  it('are none when they list no event, or when somebody has judged the newer one to be in error', () => {
    const empty = { elements: at('080000'), content: [] }
    expect(statuses(anyCut(reported(empty), reported(v2)))).toMatchObject({ [reportUid(empty)]: 'final' })
    const fhir = after([reported(v2)])
    const judged = memoryFhir(
      fhir
        .contents()
        .map((each) =>
          each.id === named(fhir, reportUid(v2)).id ? ({ ...each, status: 'entered-in-error' } as FhirResource) : each,
        ),
    )
    castInto(judged, [reported(v1)])
    expect(statuses(judged)).toMatchObject({ [reportUid(v1)]: 'final', [reportUid(v2)]: 'entered-in-error' })
  })

  it('leave each event as the newest report has it, in whatever order they come', () => {
    const [older, newer] = [
      { ...v1, content: tall(event1, 1) },
      { ...v2, content: tall(event1, 2) },
    ]
    expect(ctdiOf(named(anyCut(reported(older), reported(newer)), event1))).toBe(2)
    expect(ctdiOf(named(anyCut(reported(newer), reported(older)), event1))).toBe(2)
    expect(ctdiOf(named(anyCut(reported(older), reported(newer), entry('update', older)), event1))).toBe(2)
  })
})

describe('deleting a report', () => {
  it('keeps an event that a report in the same batch lists for the first time', () => {
    const fhir = after([reported({ content: ctReport(event1, event2) })])
    castInto(fhir, [gone({}), reported({ instance: 2, content: ctReport(event2, event3) })])
    expect(uids(fhir)).toEqual([event2, event3, reportUid({ instance: 2 })].sort())
  })

  it('takes an event that only a summary of another system lists', () => {
    const fhir = after([reported({ content: ctReport(event1) })])
    const theirs: FhirResource = {
      ...{ resourceType: 'Observation', id: 'theirs', status: 'final', code: { text: 'Dose' } },
      hasMember: [{ reference: `Observation/${named(fhir, event1).id}` }],
    }
    const both = castInto(memoryFhir([...fhir.contents(), theirs]), [gone({})])
    expect(both.all('Observation').map(({ id }) => id)).toEqual(['theirs'])
  })

  it('leaves what the others list, and lists', () => {
    const fhir = anyCut(
      reported({ content: ctReport(event1, event2) }),
      reported({ instance: 2, content: ctReport(event2, event3) }),
      gone({}),
    )
    expect(uids(fhir)).toEqual([event2, event3, reportUid({ instance: 2 })].sort())
    expect(named(fhir, reportUid({ instance: 2 })).hasMember).toHaveLength(2)
  })
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
  castInto(counted, [reported({ content: ctReport(...events) })], { limits })
  expect([uids(fhir).length, named(fhir, reportUid()).hasMember?.length, largest]).toEqual([13, 12, 5])
  castInto(counted, [reported({ instance: 2, content: [] }), gone({})], { limits })
  expect([uids(fhir), fhir.all('ImagingStudy').length, largest]).toEqual([[reportUid({ instance: 2 })], 1, 5])
  castInto(counted, [reported({ content: ctReport(...events) })], { limits })
  castInto(counted, [gone({}), gone({ instance: 2 })], { limits })
  expect([uids(fhir), fhir.all('ImagingStudy'), largest]).toEqual([[], [], 5])
})

it('written once are not written again, in one batch or row by row', () => {
  const rows = () => [
    reported({ content: ctReport(event1) }),
    reported({ instance: 2, elements: at('090000'), content: ctReport(event1, event2) }),
    reported({ ...right, content: ctReport(event1) }),
  ]
  const fhir = after(rows())
  expect(castBatch(fhir, settings, rows()).writes).toBe(0)
  expect(rows().map((row) => castBatch(fhir, settings, [row]).writes)).toEqual([0, 0, 0])
})

describe('an Observation of another system', () => {
  const withTheirs = (parts: Partial<Observation>) => {
    const fhir = after([reported({ content: ctReport(event1) })])
    const { meta: _meta, extension: _facts, ...copy } = named(fhir, event1)
    const theirs = { ...copy, id: '0', identifier: copy.identifier?.slice(0, 1) ?? [], ...parts }
    return { theirs, both: memoryFhir([theirs, ...fhir.contents()]) }
  }
  it('under the same UID is not touched; ours is meant', () => {
    const { both, theirs } = withTheirs({ subject: { reference: 'Patient/other' } })
    castInto(both, [entry('update', { content: tall(event1, 9) })])
    expect(both.all('Observation').flatMap((each) => (uidOf(each) === event1 ? [ctdiOf(each)] : []))).toEqual([
      ctdiOf(theirs),
      9,
    ])
  })

  it('is not doubled where it is part of the same study, and no reason to leave ours out where it is not', () => {
    const { both, theirs } = withTheirs({})
    const without = (partOf: Observation['partOf']) =>
      memoryFhir([
        ...both.contents().filter(({ resourceType, id }) => resourceType !== 'Observation' || id === 'none'),
        { ...theirs, ...(partOf === undefined ? {} : { partOf }) },
      ])
    const same = castInto(without(theirs.partOf), [reported({ content: ctReport(event1) })])
    expect(uids(same)).toEqual([event1, reportUid()])
    const other = castInto(without([{ reference: 'ImagingStudy/other' }]), [reported({ content: ctReport(event1) })])
    expect(uids(other)).toEqual([event1, event1, reportUid()])
  })
})

it('of a study that others left without a subject stay as they are until an image says whose it is', () => {
  const whole = after([reported({}), reported({ instance: 2 })])
  const fhir = memoryFhir(
    whole.contents().map((each) => {
      const { subject: _subject, ...rest } = each as FhirResource & { readonly subject?: unknown }
      return each.resourceType === 'ImagingStudy' ? (rest as FhirResource) : each
    }),
  )
  castInto(fhir, [gone({ instance: 3 })])
  expect(fhir.all('Observation')).toEqual(whole.all('Observation'))
  castInto(fhir, [entry('update', {})], { readStudy: () => [datasetOf({}), datasetOf({ instance: 2 })] })
  expectOwned(fhir)
})
