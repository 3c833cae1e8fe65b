import { describe, expect, it } from '@jest/globals'
import type { FhirResource, Observation, ObservationComponent } from 'fhir/r4'
import { writtenNumber } from '../../../../lib/domain/json'
import { castBatch } from '../../../support/world/domain-cast'
import { type MemoryFhir, memoryFhir } from '../../../support/fhir/domain-fhir'
import { ctReport, reportUid } from '../../../support/world/dose-feed'
import {
  type Report,
  after,
  at,
  castInto,
  datasetOf,
  entry,
  expectOwned,
  gone,
  named,
  reported,
  settings,
  statuses,
  studyIn,
  subjectOf,
  uids,
} from '../../../support/world/dose-plan'
import { ctAcquisition, ctContent } from '../../../support/world/dose-samples'

const [event1, event2] = ['1.2.3.7.1', '1.2.3.7.2'] as const
const one = { content: ctContent(ctAcquisition(event1, 1, 10)) }
const two = { instance: 2, elements: at('090000'), content: ctContent(ctAcquisition(event2, 2, 20)) }

/** The DICOM service, when a study is read whole. */
const serving = (...reports: ReadonlyArray<Report>) => ({ readStudy: () => reports.map(datasetOf) })

const value = (code: string, number: number, unit: string): ObservationComponent => ({
  code: { coding: [{ system: 'http://dicom.nema.org/resources/ontology/DCM', code }] },
  valueQuantity: { value: number, unit, system: 'http://unitsofmeasure.org', code: unit },
})

/** As the original wrote the doses of a study, for each report once: see test/support/world/cast-original.ts. */
const originals = (fhir: MemoryFhir, ...events: ReadonlyArray<readonly [ctdi: number, dlp: number]>) => {
  const [reference, { subject }] = [studyIn(fhir, '1.2.3'), fhir.all('ImagingStudy')[0] ?? { subject: undefined }]
  const identifier = [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }]
  const of = (id: string, system: string, code: string, component: ObservationComponent[]): Observation => ({
    ...{ resourceType: 'Observation', id, identifier, status: 'preliminary', code: { coding: [{ system, code }] } },
    ...(subject === undefined ? {} : { subject }),
    component,
  })
  // The dose length product of the samples' report is the same whatever its events say.
  const total = value('113813', 203.12, 'mGycm')
  return events.flatMap(([ctdi, dlp], index): ReadonlyArray<Observation> => {
    const measured = [value('113830', ctdi, 'mGy'), value('113838', dlp, 'mGycm')]
    return [
      {
        ...of(`s${index}`, 'http://loinc.org', '73569-6', [total, value('113830', ctdi, 'mGy')]),
        partOf: [{ reference }],
      },
      of(`e${index}`, 'http://dicom.nema.org/resources/ontology/DCM', '113852', measured),
    ]
  })
}

/** A study whose reports the original has cast, without Observations of ours. */
const accountOf = (reports: ReadonlyArray<Report>, ...events: Parameters<typeof originals>[1][]) => {
  const fhir = after(reports.map(reported))
  const studies = fhir.contents().filter(({ resourceType }) => resourceType !== 'Observation')
  return memoryFhir([...studies, ...originals(fhir, ...events)])
}

describe("the original's Observations", () => {
  it('are taken over one to one when the same report is cast again (D6, T1)', () => {
    const fhir = accountOf([one], [1, 10])
    castInto(fhir, [entry('update', one)])
    expect(
      fhir
        .all('Observation')
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['e0', 's0'])
    const fresh = after([reported(one)])
    for (const uid of [event1, reportUid()]) {
      const { id: _id, meta, subject: _subject, partOf: _part, focus: _focus, hasMember, ...now } = named(fhir, uid)
      const { id: _other, meta: like, hasMember: members, ...rest } = named(fresh, uid)
      const { subject: _s, partOf: _p, focus: _f, ...expected } = rest
      expect([now, meta?.source, meta?.tag]).toEqual([expected, like?.source, like?.tag])
      expect(hasMember?.length).toBe(members?.length)
    }
    expectOwned(fhir)
    expect(castBatch(fhir, settings, [entry('update', one)]).writes).toBe(0)
  })

  it('are told by the value of a number, however many digits it was written with', () => {
    const fhir = accountOf([one], [writtenNumber('1.000') as number, writtenNumber('10.0') as number])
    castInto(fhir, [entry('update', one)])
    const ids = fhir.all('Observation').map(({ id }) => id)
    expect(ids.sort()).toEqual(['e0', 's0'])
  })

  it('that are doubles of it, after a restart in mid-batch, go with it', () => {
    const fhir = accountOf([one], [1, 10], [1, 10])
    castInto(fhir, [entry('update', one)])
    expect(uids(fhir)).toEqual([event1, reportUid()])
  })

  it('that others refer to are emptied when their study goes, and it is kept for them without images', () => {
    const fhir = accountOf([one], [1, 10])
    castInto(fhir, [gone({})], { keep: new Set(['Observation/e0']) })
    expect(fhir.all('ImagingStudy').map(({ series = [] }) => series)).toEqual([[]])
    expect(fhir.all('Observation').map(({ id, status }) => [id, status])).toEqual([['e0', 'cancelled']])
  })

  it('of another report stay until that one is cast, too: the study is read whole (D6b)', () => {
    const fhir = accountOf([one], [1, 10])
    castInto(fhir, [reported(two)], serving(one, two))
    expect(uids(fhir)).toEqual([event1, event2, reportUid(one), reportUid(two)].sort())
    expect(fhir.all('Observation').map(({ id }) => id)).toEqual(expect.arrayContaining(['s0', 'e0']))
    expectOwned(fhir)
  })

  it('that no report of the study says go when all of them are cast, and not before', () => {
    const fhir = accountOf([one], [77, 99])
    castInto(fhir, [reported(two)], serving(two))
    expect(fhir.all('Observation').map(({ id }) => id)).toEqual(expect.arrayContaining(['s0', 'e0']))
    castInto(fhir, [entry('update', two)], serving(one, two))
    expect(uids(fhir)).toEqual([event1, event2, reportUid(one), reportUid(two)].sort())
  })

  it('go with their study (T2)', () => {
    const fhir = accountOf([one], [1, 10], [2, 20])
    castInto(fhir, [gone(one)])
    expect([fhir.all('Observation'), fhir.all('ImagingStudy')]).toEqual([[], []])
  })

  it('keep their study, emptied, where the server does not let one of them go', () => {
    const fhir = accountOf([one], [1, 10])
    castInto(fhir, [gone(one)], { keep: new Set(['Observation/e0']) })
    expect(fhir.all('ImagingStudy')).toMatchObject([{ status: 'cancelled', numberOfInstances: 0 }])
    expect(fhir.all('Observation')).toMatchObject([{ id: 'e0', status: 'cancelled' }])
  })

  it('of a report that was gone already when the study was read go with its row of deletion', () => {
    const fhir = accountOf([one, two], [1, 10], [2, 20])
    castInto(fhir, [entry('update', one)], serving(one))
    expect(fhir.all('Observation').map(({ id }) => id)).toEqual(expect.arrayContaining(['s1', 'e1']))
    castInto(fhir, [gone(two)])
    expect(uids(fhir)).toEqual([event1, reportUid(one)])
  })

  it.each([1, 2, 3, 4, 5, 6])(
    'come over whole when their study moves after a run that died at transaction %i',
    (last) => {
      const fhir = accountOf([one], [1, 10], [1, 10])
      let sent = 0
      const dying: MemoryFhir = {
        ...fhir,
        transact: (entries) => {
          if (++sent === last) throw new Error('killed')
          return fhir.transact(entries)
        },
      }
      const moved = { ...one, patientId: 'P9' }
      const options = { limits: { entries: 1, bytes: 1_000_000 }, ...serving(moved) }
      expect(() => castBatch(dying, settings, [entry('update', moved)], options)).toThrow('killed')
      castInto(fhir, [entry('update', { ...one, patientId: 'P8' })])
      expect(uids(fhir)).toEqual([event1, reportUid()])
      expectOwned(fhir)
    },
  )

  it('follow their study, though the report that they are from cannot be read', () => {
    const fhir = accountOf([one, two], [1, 10], [2, 20])
    const moved = { ...one, patientId: 'P9' }
    const { '00080018': instance, '0020000E': series } = datasetOf(two) as Record<string, unknown>
    const unread = { '00080018': instance, '0020000E': series }
    castInto(fhir, [entry('update', moved)], { readStudy: () => [datasetOf(moved), unread] })
    const subjects = fhir.all('Observation').map((each) => [each.id, subjectOf(fhir, each)])
    expect(subjects).toEqual(expect.arrayContaining(['s1', 'e1'].map((id) => [id, 'P9'])))
  })

  it('are not those that somebody has added to, or that are another person’s', () => {
    const foreign = (parts: Partial<Observation>) => {
      const fhir = accountOf([one], [1, 10])
      return castInto(
        memoryFhir(
          fhir
            .contents()
            .map((each) => (each.resourceType === 'Observation' ? ({ ...each, ...parts } as FhirResource) : each)),
        ),
        [entry('update', one)],
      )
    }
    for (const parts of [
      { note: [{ text: 'seen' }] },
      { status: 'final' as const },
      { subject: { reference: 'Patient/other' } },
      { meta: { source: 'https://ehr.example' } },
      { performer: [{ display: 'Physics' }] },
    ]) {
      expect(foreign(parts).all('Observation')).toHaveLength(4)
    }
  })
})

/** As the version before wrote them: without an identity of ours, and without what a report says of itself. */
const before = (fhir: MemoryFhir, change: (each: Observation) => Observation = (each) => each): MemoryFhir =>
  memoryFhir(
    fhir.contents().map((each) => {
      if (each.resourceType !== 'Observation') return each
      const { extension: _facts, identifier = [], ...rest } = each
      return change({ ...rest, identifier: identifier.filter(({ system }) => system === 'urn:dicom:uid') })
    }),
  )

const identities = (fhir: MemoryFhir): ReadonlyArray<number> =>
  fhir
    .all('Observation')
    .map(({ identifier = [] }) => identifier.filter((each) => each.value?.startsWith('urn:uuid:') === true).length)

describe('Observations of the version before', () => {
  it('are found by their UID and their study, and given their identity in place', () => {
    const fhir = before(after([reported(one)]))
    const ids = fhir.all('Observation').map(({ id }) => id)
    castInto(fhir, [entry('update', one)])
    expect([fhir.all('Observation').map(({ id }) => id), identities(fhir)]).toEqual([ids, [1, 1]])
  })

  it('are judged among each other when the next report comes: the study is read whole', () => {
    const [v1, v2] = [
      { elements: at('080000'), content: ctReport(event1) },
      { instance: 2, elements: at('090000'), content: ctReport(event1, event2) },
    ]
    const fhir = before(after([reported(v2)]))
    castInto(fhir, [reported(v1)], serving(v1, v2))
    expect(statuses(fhir)).toMatchObject({ [reportUid(v1)]: 'preliminary', [reportUid(v2)]: 'final' })
    expect(identities(fhir)).toEqual([1, 1, 1, 1])
  })

  const [wrong, right] = [
    { study: '1.2.3', patientId: 'WRONG', content: ctReport(event1) },
    { study: '1.2.4', patientId: 'RIGHT', content: ctReport(event1) },
  ]
  /** One event, part of both studies, which both summaries list. */
  const shared = (): MemoryFhir => {
    const fhir = after([reported(wrong), reported(right)])
    const [first, second] = [wrong, right].map(({ study }) => named(fhir, event1, studyIn(fhir, study)))
    const without = memoryFhir(fhir.contents().filter(({ id }) => id !== second?.id))
    return before(without, (each) => ({
      ...each,
      ...(each.id === first?.id
        ? { partOf: [wrong, right].map(({ study }) => ({ reference: studyIn(fhir, study) })) }
        : {}),
      ...(each.hasMember === undefined ? {} : { hasMember: [{ reference: `Observation/${first?.id}` }] }),
    }))
  }

  it('that two studies share stay with the first; the other gets its own at its next cast', () => {
    for (const order of [
      [wrong, right],
      [right, wrong],
    ]) {
      const fhir = shared()
      for (const report of order) castInto(fhir, [entry('update', report)])
      expect(uids(fhir)).toEqual([event1, event1, reportUid(wrong), reportUid(right)].sort())
      expectOwned(fhir)
    }
    const both = castInto(shared(), [entry('update', wrong), entry('update', right)])
    expectOwned(both)
  })

  it('that two studies share are the other’s when the first is deleted', () => {
    const fhir = castInto(shared(), [gone(wrong)])
    expect([uids(fhir), subjectOf(fhir, named(fhir, event1))]).toEqual([[event1, reportUid(right)], 'RIGHT'])
    expectOwned(fhir)
  })

  it('that took the place of another study’s are given back, each to its own (D2, D1)', () => {
    const fhir = after([reported({ ...wrong, sop: '1.2.9' }), reported({ ...right, sop: '1.2.9' })])
    const ofRight = studyIn(fhir, '1.2.4')
    const taken = before(
      memoryFhir(
        fhir
          .contents()
          .filter((each) => each.resourceType !== 'Observation' || each.partOf?.[0]?.reference === ofRight),
      ),
      (each) => ({ ...each, subject: { reference: fhir.all('ImagingStudy')[0]?.subject.reference ?? '' } }),
    )
    castInto(taken, [entry('update', { ...right, sop: '1.2.9' })])
    expect(subjectOf(taken, named(taken, event1))).toBe('RIGHT')
    castInto(taken, [entry('update', { ...wrong, sop: '1.2.9' })])
    expect(uids(taken)).toEqual([event1, event1, '1.2.9', '1.2.9'].sort())
    expectOwned(taken)
  })

  it('that stand doubled become one, which the summary lists', () => {
    const fhir = after([reported(one)])
    const doubled = memoryFhir([
      ...fhir.contents(),
      ...fhir.all('Observation').map((each) => ({ ...each, id: `double-${each.id}` })),
    ])
    castInto(doubled, [entry('update', one)])
    expect(uids(doubled)).toEqual([event1, reportUid()])
    expectOwned(doubled)
  })
})
