import { describe, expect, it } from '@jest/globals'
import type { FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import { parseJson } from '../../../lib/domain/json'
import { castBatch } from '../../support/world/domain-cast'
import { type Values, ctImage, dicomJson } from '../../support/world/domain-dataset'
import { type MemoryFhir, memoryFhir } from '../../support/fhir/domain-fhir'
import { root, settingsOf } from '../../support/world/domain-settings'

/** One image of study 1.2.3, in a series by its number. */
interface Image {
  readonly series?: number
  readonly instance?: number
  readonly action?: 'Create' | 'Update' | 'Delete'
  readonly values?: Values
}

const elementsOf = (images: ReadonlyArray<Image>, from = 1): ReadonlyArray<unknown> =>
  images.map(({ series = 1, instance = 1, action = 'Create', values = {} }, index) => {
    const [studyUid, seriesUid] = ['1.2.3', `1.2.3.${series}`]
    const sopUid = `${seriesUid}.${instance}`
    const dataset = {
      SOPClassUID: ctImage,
      SOPInstanceUID: sopUid,
      StudyInstanceUID: studyUid,
      SeriesInstanceUID: seriesUid,
      Modality: 'CT',
      PatientID: 'P1',
      ...values,
    }
    return {
      sequence: from + index,
      partitionName: 'Microsoft.Default',
      studyInstanceUid: studyUid,
      seriesInstanceUid: seriesUid,
      sopInstanceUid: sopUid,
      action,
      timestamp: '2026-11-23T20:01:39.5941234+00:00',
      state: action === 'Delete' ? 'Deleted' : 'Current',
      ...(action === 'Delete' ? {} : { metadata: dicomJson(dataset) }),
    }
  })

const settings = settingsOf()

interface World {
  readonly fhir: MemoryFhir
  readonly study: () => ImagingStudy | undefined
  readonly patients: () => ReadonlyArray<Patient>
  /** `keyword reason` of the rows for InvalidDicomTag; codes of the rows for fail tables. */
  readonly cast: (...images: ReadonlyArray<Image>) => ReadonlyArray<string>
}

const worldOf = (...existing: ReadonlyArray<FhirResource>): World => {
  const fhir = memoryFhir(existing)
  let next = 1
  const of = <T extends FhirResource['resourceType']>(type: T) =>
    fhir.contents().filter((each): each is Extract<FhirResource, { resourceType: T }> => each.resourceType === type)
  return {
    fhir,
    study: () => of('ImagingStudy')[0],
    patients: () => of('Patient'),
    cast: (...images) => {
      const elements = elementsOf(images, next)
      next += images.length
      const { recorded, rejected } = castBatch(fhir, settings, elements)
      const failed = [...recorded, ...rejected]
      return [
        ...failed.map(({ error }) => error._tag),
        ...failed.flatMap(({ error }) =>
          error._tag === 'TagsRejected'
            ? error.issues.map((issue) => `${issue.keyword} ${'reason' in issue ? issue.reason : ''}`)
            : [],
        ),
      ]
    },
  }
}

/** Every way to cut the rows into batches. */
const cutsOf = <A>([first, ...rest]: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<ReadonlyArray<A>>> => {
  if (first === undefined) return [[]]
  if (rest.length === 0) return [[[first]]]
  return cutsOf(rest).flatMap(([head = [], ...tail]) => [
    [[first], head, ...tail],
    [[first, ...head], ...tail],
  ])
}

const afterAnyCut = <A>(images: ReadonlyArray<Image>, look: (world: World) => A): ReadonlyArray<A> =>
  cutsOf(images).map((batches) => {
    const world = worldOf()
    for (const batch of batches) world.cast(...batch)
    return look(world)
  })

const sq = (item: object) => [item]
const acsn = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'ACSN' }] }
const request = (...numbers: ReadonlyArray<string>) =>
  numbers.map((number) => ({ '00080050': { vr: 'SH', Value: [number] } }))
const ordersOf = ({ study }: World): ReadonlyArray<string | undefined> =>
  (study()?.basedOn ?? []).map(({ identifier }) => identifier?.value).sort()
const uid = { system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }
const marked = { source: root, tag: [{ system: 'urn:uuid:6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a11', code: 'dicomcast' }] }

describe('a value is kept, left out with a row, or refused', () => {
  it('A1: a PatientID of two values is rejected, and nothing is written to the stranger of the first', () => {
    const stranger: Patient = { resourceType: 'Patient', id: '1', identifier: [{ value: '12345' }] }
    const world = worldOf(stranger)
    expect(world.cast({ values: { PatientID: ['12345', '6789'] } })).toEqual([
      'TagsRejected',
      'PatientID more than one value',
    ])
    expect(world.study()).toBeUndefined()
    expect(world.patients()).toEqual([expect.objectContaining(stranger)])
  })

  it('A2: a description with a backslash was one text', () => {
    const world = worldOf()
    world.cast({ values: { StudyDescription: ['CT HEAD W', 'O CONTRAST'] } })
    expect(world.study()?.description).toBe('CT HEAD W\\O CONTRAST')
  })

  it.each([
    ['two', ['PR', 'US'], []],
    ['one of 19 characters', '1234567890123456789', ['1234567890123456789']],
  ])('A3: an accession number, %s', (_, AccessionNumber, expected) => {
    const world = worldOf()
    world.cast({ values: { AccessionNumber } })
    expect(ordersOf(world)).toEqual(expected)
  })

  it('A4: three groups of a name in one text are three names', () => {
    const world = worldOf()
    world.cast({ values: { PatientName: 'Yamada^Tarou=山田^太郎=やまだ^たろう' } })
    expect(world.patients()[0]?.name?.map(({ text }) => text)).toEqual(['Tarou Yamada', '山田 太郎', 'やまだ たろう'])
  })

  it('A5: a group that was not decoded costs no other', () => {
    const world = worldOf()
    world.cast({ values: { PatientName: { Alphabetic: 'Yamada^Tarou', Ideographic: '\u001b$B;3ED' } } })
    expect(world.patients()[0]?.name).toEqual([
      { use: 'usual', text: 'Tarou Yamada', family: 'Yamada', given: ['Tarou'] },
    ])
  })

  it('A11: a year of two digits is no date', () => {
    const world = worldOf()
    world.cast({ values: { StudyDate: '240301' } })
    expect(world.study()?.started).toBeUndefined()
  })

  it('A15: a name of six components is in the order of HL7', () => {
    const world = worldOf()
    world.cast({ values: { PatientName: 'Adams^John^Quincy^Jr^Dr^MD' } })
    expect(world.patients()[0]?.name).toEqual([
      { use: 'usual', text: 'John Quincy Adams Jr Dr MD', family: 'Adams', given: ['John', 'Quincy'] },
    ])
  })

  it('A17: an instant before the year 1 in UTC is its date', () => {
    const world = worldOf()
    world.cast({ values: { StudyDate: '00010101', StudyTime: '000000', TimezoneOffsetFromUTC: '+0100' } })
    expect(world.study()?.started).toBe('0001-01-01')
  })

  it('A18: a code has no blank that .NET knows', () => {
    const world = worldOf()
    const code = { '00080100': { vr: 'SH', Value: ['CT01\u0085'] }, '00080102': { vr: 'SH', Value: ['99X'] } }
    world.cast({ values: { ProcedureCodeSequence: sq(code) } })
    expect(world.study()?.procedureCode).toEqual([{ coding: [{ code: 'CT01' }] }])
  })
})

describe('orders stand over the live series of a study, any cut', () => {
  const [first, second] = [
    { values: { RequestAttributesSequence: request('A1') } },
    { series: 2, values: { RequestAttributesSequence: request('A1', 'A2') } },
  ]

  it.each([
    ['no number of the study', [first, second]],
    ['in the other order', [second, first]],
  ])('A6: are the union: %s', (_, images) => {
    expect(new Set(afterAnyCut(images, ordersOf).map(String))).toEqual(new Set(['A1,A2']))
  })

  it('A6: are the union when each series has a number of its own', () => {
    const images = [
      { values: { AccessionNumber: 'A1', RequestAttributesSequence: request('A1') } },
      { series: 2, values: { AccessionNumber: 'A2', RequestAttributesSequence: request('A2') } },
    ]
    expect(new Set(afterAnyCut(images, ordersOf).map(String))).toEqual(new Set(['A1,A2']))
    expect(new Set(afterAnyCut([...images].reverse(), ordersOf).map(String))).toEqual(new Set(['A1,A2']))
  })

  it('A6b: are the corrected number alone, which does not reach the requests', () => {
    const values = { AccessionNumber: 'A1', RequestAttributesSequence: request('A1') }
    const world = worldOf()
    world.cast({ values })
    world.cast({ action: 'Update', values: { ...values, AccessionNumber: 'A2' } })
    expect(ordersOf(world)).toEqual(['A2'])
  })

  it('A6c: go with the last series that said them', () => {
    const world = worldOf()
    world.cast(first, second)
    world.cast({ series: 2, action: 'Delete' })
    expect(ordersOf(world)).toEqual(['A1'])
    const numbered = worldOf()
    numbered.cast({ values: { AccessionNumber: 'A1', RequestAttributesSequence: request('A1') } })
    numbered.cast({ series: 2, values: { AccessionNumber: 'A2', RequestAttributesSequence: request('A2') } })
    numbered.cast({ series: 2, action: 'Delete' })
    expect(ordersOf(numbered)).toEqual(['A1'])
    expect(numbered.study()?.identifier?.slice(1)).toEqual([{ type: acsn, value: 'A1' }])
  })

  it('of the version before stay until their series say what they are', () => {
    const order = (value: string) => ({ type: 'ServiceRequest', identifier: { type: acsn, value } })
    const world = worldOf()
    world.cast({ values: { AccessionNumber: 'A1' } })
    const old = world.study()
    if (old === undefined) throw new Error('nothing was cast')
    const again = worldOf(
      ...world.fhir
        .contents()
        .map((each) => (each.id === old.id ? { ...old, basedOn: [order('A1'), order('A2')] } : each)),
    )
    again.cast({ series: 2, values: { AccessionNumber: 'A1' } })
    expect(ordersOf(again)).toEqual(['A1', 'A2'])
    again.cast({ action: 'Update', values: { AccessionNumber: 'A1', RequestAttributesSequence: request('A1') } })
    expect(ordersOf(again)).toEqual(['A1'])
  })

  it('and so do their reasons', () => {
    const because = (text: string, number: string) => [
      { '00401002': { vr: 'LO', Value: [text] }, '00080050': { vr: 'SH', Value: [number] } },
    ]
    const images = [
      { values: { RequestAttributesSequence: because('headache', 'A1') } },
      { series: 2, values: { RequestAttributesSequence: because('fall', 'A2'), ReasonForStudy: 'not asked for' } },
    ]
    const reasons = ({ study }: World) => (study()?.reasonCode ?? []).map(({ text }) => text).join()
    expect(new Set(afterAnyCut(images, reasons))).toEqual(new Set(['headache,fall']))
    expect(new Set(afterAnyCut([...images, { series: 2, action: 'Delete' as const }], reasons))).toEqual(
      new Set(['headache']),
    )
  })
})

describe('what others wrote is theirs', () => {
  const person: Patient = { resourceType: 'Patient', id: '1', identifier: [{ value: 'P1' }] }
  const theirs = (parts: Partial<ImagingStudy>): ImagingStudy => ({
    resourceType: 'ImagingStudy',
    id: '2',
    identifier: [uid],
    status: 'available',
    subject: { reference: 'Patient/1' },
    ...parts,
  })

  it('A8: a series that is not listed keeps the number that it states', () => {
    const listed = [120, 120].map((numberOfInstances, index) => ({
      uid: `1.2.9.${index}`,
      modality: { code: 'MR' },
      numberOfInstances,
    }))
    const world = worldOf(person, theirs({ series: listed, numberOfSeries: 2, numberOfInstances: 240 }))
    world.cast({})
    expect(world.study()?.series?.map(({ numberOfInstances }) => numberOfInstances)).toEqual([120, 120, 1])
    expect(world.study()?.numberOfInstances).toBe(241)
    world.cast({ action: 'Delete' })
    expect(world.study()).toMatchObject({ numberOfInstances: 240, numberOfSeries: 2, series: listed })
    expect(world.study()?.endpoint).toBeUndefined()
  })

  const withBirth = (extension: object, birthDate?: string): Patient => ({
    ...person,
    meta: marked,
    ...(birthDate === undefined ? {} : { birthDate }),
    ...({ _birthDate: { extension: [extension] } } as object),
  })
  const birthOf = (world: World): unknown => {
    const patient = world.patients()[0] as unknown as Record<string, unknown>
    return [patient['birthDate'], patient['_birthDate']]
  }

  it('A9: the time of another birth date goes with it, and stays with the same one', () => {
    const time = {
      url: 'http://hl7.org/fhir/StructureDefinition/patient-birthTime',
      valueDateTime: '1970-01-02T03:04:05Z',
    }
    const [changed, same] = [worldOf(withBirth(time, '1970-01-02')), worldOf(withBirth(time, '1970-01-02'))]
    changed.cast({ values: { PatientBirthDate: '19700103' } })
    same.cast({ values: { PatientBirthDate: '19700102', PatientSex: 'F' } })
    expect(birthOf(changed)).toEqual(['1970-01-03', undefined])
    expect(birthOf(same)).toEqual(['1970-01-02', { extension: [time] }])
  })

  it('A19: nobody says unknown beside a value', () => {
    const world = worldOf(
      withBirth({ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }),
    )
    world.cast({ values: { PatientBirthDate: '19700103' } })
    expect(birthOf(world)).toEqual(['1970-01-03', undefined])
  })

  it('A10: a UTC that an instance of ours stated stays when a later one has no offset', () => {
    const time = { StudyDate: '20261123', StudyTime: '101500' }
    const started = ({ study }: World) => study()?.started
    const images = [{ values: { ...time, TimezoneOffsetFromUTC: '+0000' } }, { instance: 2, values: time }]
    expect(new Set(afterAnyCut(images, started))).toEqual(new Set(['2026-11-23T10:15:00+00:00']))
  })

  it.each([
    [
      'A12',
      '{"resourceType":"Patient","id":"1","identifier":[{"value":"P1"}],"extension":[{"url":"urn:x:y","valueDecimal":42.500000}]}',
      '42.500000',
    ],
    [
      'A20',
      '{"resourceType":"Patient","id":"1","identifier":[{"value":"P1"}],"extension":[{"url":"urn:x:y","valueDecimal":1.50},{"url":"urn:x:z","valueDecimal":0.12345678901234567890123}]}',
      '0.12345678901234567890123',
    ],
  ])('%s: a decimal of others is written as it was read', (_, text, digits) => {
    const patient = parseJson(text) as Patient
    const world = worldOf(patient)
    world.cast({ values: { PatientSex: 'F' } })
    expect(world.patients()[0]?.gender).toBe('female')
    expect(JSON.stringify(world.fhir.contents())).toContain(digits)
  })

  it('what they added to a name, a code or a person of ours stays while ours is the same', () => {
    const world = worldOf()
    const code = [{ '00080100': { vr: 'SH', Value: ['CT01'] }, '00080102': { vr: 'SH', Value: ['99X'] } }]
    const values = {
      PatientName: 'Rivera^Ana',
      ReferringPhysicianName: 'Who^Ann',
      OperatorsName: 'Op^Eve',
      ProcedureCodeSequence: code,
    }
    world.cast({ values })
    const loinc = { system: 'http://loinc.org', code: '24627-2' }
    const added = worldOf(
      ...world.fhir.contents().map((each): FhirResource => {
        if (each.resourceType === 'Patient') {
          return { ...each, name: (each.name ?? []).map((name) => ({ ...name, period: { start: '2020' } })) }
        }
        if (each.resourceType !== 'ImagingStudy') return each
        return {
          ...each,
          referrer: { ...each.referrer, identifier: { value: 'D77' } },
          procedureCode: (each.procedureCode ?? []).map(({ coding = [] }) => ({ coding: [...coding, loinc] })),
          series: (each.series ?? []).map((series) => ({
            ...series,
            performer: (series.performer ?? []).map((one) => ({ id: 'p1', ...one })),
          })),
        }
      }),
    )
    const before = [added.patients(), added.study()]
    added.cast({ values })
    expect([added.patients(), added.study()]).toEqual(before)
    added.cast({ values: { ...values, PatientName: 'Rivera', OperatorsName: 'Op^Max', ProcedureCodeSequence: code } })
    expect(added.patients()[0]?.name).toEqual([{ use: 'usual', text: 'Rivera', family: 'Rivera' }])
    expect(added.study()?.series?.[0]?.performer?.map(({ id, actor }) => [id, actor.display])).toEqual([
      [undefined, 'Max Op'],
    ])
    expect(added.study()?.procedureCode?.[0]?.coding).toHaveLength(2)
  })

  it('a narrative that a change makes untrue goes, and one that a person wrote stays', () => {
    const narrative = (status: 'generated' | 'additional') => ({
      status,
      div: '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
    })
    const [generated, written] = [
      worldOf({ ...person, text: narrative('generated') }),
      worldOf({ ...person, text: narrative('additional') }),
    ]
    for (const world of [generated, written]) world.cast({ values: { PatientSex: 'F' } })
    expect(generated.patients()[0]?.text).toBeUndefined()
    expect(written.patients()[0]?.text).toEqual(narrative('additional'))
  })
})
