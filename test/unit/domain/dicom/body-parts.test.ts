import { describe, expect, it } from '@jest/globals'
import { bodyParts, legacyBodyParts } from '../../../../lib/domain/dicom/body-parts'

/** The last digit of a SNOMED CT id is a check digit over the others (Verhoeff, the dihedral group of ten). */
const isSnomedId = (id: string): boolean => {
  const times = (a: number, b: number): number =>
    a < 5 ? (b < 5 ? (a + b) % 5 : 5 + ((a + b) % 5)) : b < 5 ? 5 + ((a - b) % 5) : (a - b + 5) % 5
  const permuted = (digit: number, place: number): number =>
    place === 0 ? digit : permuted([1, 5, 7, 6, 2, 8, 3, 0, 9, 4][digit] ?? 0, place - 1)
  const check = [...id].reverse().reduce((sum, digit, place) => times(sum, permuted(Number(digit), place % 8)), 0)
  return /^\d{6,18}$/.test(id) && check === 0
}

describe('the body parts of PS3.16 Annex L', () => {
  it('are all of Table L-1', () => {
    expect(bodyParts.size).toBe(317)
    expect([...bodyParts.keys()].filter((term) => !/^[A-Z0-9]{1,16}$/.test(term))).toEqual([])
  })

  it('are SNOMED CT ids, as their check digits say', () => {
    expect([...bodyParts.values(), ...legacyBodyParts.values()].filter((id) => !isSnomedId(id))).toEqual([])
    expect(['816094009', '816094008', '81609409', '12'].map(isSnomedId)).toEqual([true, false, false, false])
  })

  it.each([
    ['CHEST', '816094009', 'T-D3000'],
    ['HEAD', '69536005', 'T-D1100'],
    ['ABDOMEN', '818981001', 'T-D4000'],
    ['ABDOMENPELVIS', '818982008', 'R-FAB57'],
    ['PELVIS', '816092008', 'T-D6000'],
    ['BREAST', '76752008', 'T-04000'],
    ['HEART', '80891009', 'T-32000'],
    ['WHOLEBODY', '38266002', 'T-D0010'],
    ['KNEE', '72696002', 'T-D9200'],
    ['BRAIN', '12738006', 'T-A0100'],
    ['HIP', '24136001', 'T-15710'],
    ['JAW', '661005', 'T-D1213'],
  ])('%s is %s, and was %s', (term, code, legacy) => {
    expect([bodyParts.get(term), legacyBodyParts.get(legacy)]).toEqual([code, code])
  })

  it('have an id of SNOMED RT where there was one, and never two codes for one id', () => {
    expect(legacyBodyParts.size).toBeGreaterThan(290)
    expect([...legacyBodyParts.keys()].filter((id) => !/^[A-Z0-9]{1,2}-[A-F0-9]{4,6}$/.test(id))).toEqual([])
  })
})
