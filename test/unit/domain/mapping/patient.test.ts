import { describe, expect, it } from '@jest/globals'
import type { HumanName, Patient } from 'fhir/r4'
import { nameRepresentation } from '../../../../lib/domain/fhir/code-systems'
import { invalid, mapPatient, missing, mrType } from '../../../support/world/domain-mapping'

const map = mapPatient()
const patient = (parts: Partial<Patient>): Patient => ({ resourceType: 'Patient', ...parts })
const p1 = { identifier: [{ type: mrType, value: 'P1' }] }
const representation = (valueCode: string) => [{ url: nameRepresentation, valueCode }]

describe('Patient.name: PatientName (0010,0010)', () => {
  const names = (PatientName: unknown): ReadonlyArray<HumanName> | undefined => map({ PatientName }).resource?.name

  it('splits family^given^middle^prefix^suffix, and middle names follow the given ones', () => {
    expect(map({ PatientName: 'Adams^John Robert^Quincy^Rev.^B.A. M.Div.' })).toEqual({
      resource: patient({
        ...p1,
        name: [
          {
            use: 'usual',
            text: 'Rev. John Robert Quincy Adams B.A. M.Div.',
            family: 'Adams',
            given: ['John', 'Robert', 'Quincy'],
            prefix: ['Rev.'],
            suffix: ['B.A.', 'M.Div.'],
          },
        ],
      }),
      issues: [],
    })
  })

  it('never splits the family', () => {
    expect(names('van der Berg^Ole')).toEqual([
      { use: 'usual', text: 'Ole van der Berg', family: 'van der Berg', given: ['Ole'] },
    ])
  })

  it('takes a name without ^ as a family', () => {
    expect(names('Ole Berg')).toEqual([{ use: 'usual', text: 'Ole Berg', family: 'Ole Berg' }])
  })

  it('drops empty parts', () => {
    expect(names('^Ole^^ ^')).toEqual([{ use: 'usual', text: 'Ole', given: ['Ole'] }])
  })

  it('writes ideographic and phonetic groups as names of their own, and names the representation of all', () => {
    const groups = { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' }
    expect(names(groups)).toEqual([
      {
        extension: representation('ABC'),
        use: 'usual',
        text: 'Tarou Yamada',
        family: 'Yamada',
        given: ['Tarou'],
      },
      { extension: representation('IDE'), text: '山田 太郎', family: '山田', given: ['太郎'] },
      { extension: representation('SYL'), text: 'やまだ たろう', family: 'やまだ', given: ['たろう'] },
    ])
  })

  it('makes the only group the usual name when it is not alphabetic', () => {
    expect(names({ Ideographic: '山田^太郎' })).toEqual([
      { extension: representation('IDE'), use: 'usual', text: '山田 太郎', family: '山田', given: ['太郎'] },
    ])
  })

  it('makes the first group the usual name when the alphabetic one is missing', () => {
    expect(names({ Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' })).toEqual([
      { extension: representation('IDE'), use: 'usual', text: '山田 太郎', family: '山田', given: ['太郎'] },
      { extension: representation('SYL'), text: 'やまだ たろう', family: 'やまだ', given: ['たろう'] },
    ])
  })

  it('replaces only the usual name, and the representations that were written with it', () => {
    const maiden: HumanName = { use: 'maiden', family: 'Smith' }
    const named: HumanName = { family: 'Called', extension: [{ url: 'http://example.org/nick', valueString: 'x' }] }
    const before = map(
      { PatientName: { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎' } },
      'follow',
      patient({ name: [maiden, named] }),
    ).resource
    expect(map({ PatientName: 'Yamada^Jirou' }, 'follow', before).resource?.name).toEqual([
      { use: 'usual', text: 'Jirou Yamada', family: 'Yamada', given: ['Jirou'] },
      maiden,
      named,
    ])
  })

  it('keeps a name of more components, in the order of HL7, and reports it', () => {
    expect(map({ PatientName: 'a^b^c^d^e^f' })).toEqual({
      resource: {
        ...patient(p1),
        name: [{ use: 'usual', text: 'b c a d e f', family: 'a', given: ['b', 'c'] }],
      },
      issues: [invalid('PatientName', 'more than five name components')],
    })
  })
})

describe('Patient.gender: PatientSex (0010,0040)', () => {
  it.each([
    ['M', 'male'],
    ['F', 'female'],
    ['O', 'other'],
    ['m', 'male'],
    [' f \0', 'female'],
  ])('maps %j to %s', (PatientSex, gender) => {
    expect(map({ PatientSex })).toEqual({ resource: patient({ ...p1, gender: gender as 'male' }), issues: [] })
  })

  it.each([[''], [[]], [undefined]])('has no gender when it is %j', (PatientSex) => {
    expect(map({ PatientSex })).toEqual({ resource: patient(p1), issues: [] })
  })

  it.each([
    ['U', 'not M, F or O'],
    ['MALE', 'not M, F or O'],
    ['?', 'not a code string (CS)'],
    [{}, 'not a text'],
  ])('keeps the patient and reports the tag when it is %j', (PatientSex, reason) => {
    expect(map({ PatientSex })).toEqual({ resource: patient(p1), issues: [invalid('PatientSex', reason)] })
  })
})

describe('Patient.birthDate: PatientBirthDate (0010,0030)', () => {
  it.each([
    ['19700102', '1970-01-02'],
    ['1970.01.02', '1970-01-02'],
    ['197001', '1970-01'],
    ['1970', '1970'],
  ])('maps %s to %s', (PatientBirthDate, birthDate) => {
    expect(map({ PatientBirthDate })).toEqual({ resource: patient({ ...p1, birthDate }), issues: [] })
  })

  it('keeps the patient and reports the tag when PatientBirthDate is not a DA', () => {
    expect(map({ PatientBirthDate: '20201332' })).toEqual({
      resource: patient(p1),
      issues: [invalid('PatientBirthDate', 'not a date (DA)')],
    })
  })
})

describe('all issues of a patient', () => {
  it('are reported together, and what is right is mapped', () => {
    expect(map({ PatientName: 'Berg^Ole', PatientSex: 'X', PatientBirthDate: 'soon' })).toEqual({
      resource: patient({ ...p1, name: [{ use: 'usual', text: 'Ole Berg', family: 'Berg', given: ['Ole'] }] }),
      issues: [invalid('PatientSex', 'not M, F or O'), invalid('PatientBirthDate', 'not a date (DA)')],
    })
  })

  it('keep the entry out when a required tag is among them', () => {
    expect(map({ PatientID: [], PatientSex: 'X' })).toEqual({
      resource: undefined,
      issues: [missing('PatientID'), invalid('PatientSex', 'not M, F or O')],
    })
  })
})
