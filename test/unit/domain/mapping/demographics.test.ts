import { describe, expect, it } from '@jest/globals'
import type { Patient } from 'fhir/r4'
import { demographicsConflict, fillUnknown, keepKnown } from '../../../../lib/domain/mapping/demographics'
import { judging, pairs, patientOf, verdictOf } from '../../../support/world/pairs-of-people'

const patient = (parts: Partial<Patient>): Patient => ({ resourceType: 'Patient', ...parts })
const usual = (family: string) => [{ use: 'usual' as const, family }]

describe('the guard', () => {
  it.each(pairs.map((each) => [each.who, each] as const))('%s', (_who, each) => {
    expect(verdictOf(each)).toBe(each.isConflict)
  })

  it('is the same whichever of the two FHIR holds', () => {
    const turned = pairs.map(({ known, claimed }) =>
      demographicsConflict(judging, patientOf(claimed), patientOf(known)),
    )
    expect(turned).toEqual(pairs.map(({ isConflict }) => isConflict))
  })

  it('counts any of the names that FHIR holds', () => {
    const married = patient({ birthDate: '1970', name: [{ use: 'maiden', family: 'Berg' }, { family: 'Rivera' }] })
    expect(demographicsConflict(judging, married, patient({ birthDate: '1981', name: [{ family: 'Berg' }] }))).toBe(
      false,
    )
  })

  it('takes a pattern of stars in one pass over the name', () => {
    const stars = { ...judging, aliasNames: ['*a*a*a*a*a*a*b'] }
    const long = patient({ name: [{ family: 'a'.repeat(200_000) }], gender: 'male' })
    expect(demographicsConflict(stars, patient({ name: [{ family: 'Berg' }], gender: 'female' }), long)).toBe(true)
  })
})

describe('an alias and a placeholder', () => {
  const known = patient({ name: usual('Rivera'), birthDate: '1970-01-02' })
  const unknown = patient({ name: usual('TRAUMA-1'), birthDate: '1900-01-01' })

  it('never take the place of what is known', () => {
    expect(keepKnown(judging, known, unknown)).toEqual(known)
  })

  it('are replaced by what is known', () => {
    expect(keepKnown(judging, unknown, known)).toEqual(known)
  })

  it('are filled as if nothing stood there', () => {
    const fill = (each: Patient): Patient => ({ ...known, ...each })
    expect(fillUnknown(judging, unknown, fill)).toEqual(known)
  })

  it('stay where there is nothing better, beside what others have written', () => {
    const official = { use: 'official' as const, family: 'Berg' }
    const both = patient({ name: [...usual('UNKNOWN'), official], birthDate: '1900-01-01' })
    expect(fillUnknown(judging, both, (each) => each)).toEqual(both)
  })
})
