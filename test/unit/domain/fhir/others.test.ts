import { describe, expect, it } from '@jest/globals'
import type { FhirResource, ImagingStudy } from 'fhir/r4'
import { withoutUntrue } from '../../../../lib/domain/fhir/others'

const person: FhirResource = { resourceType: 'Patient', id: 'pat', managingOrganization: { reference: '#org' } }
const organization: FhirResource = { resourceType: 'Organization', id: 'org' }
const about: FhirResource = {
  resourceType: 'Provenance',
  id: 'p',
  target: [{ reference: '#' }],
  recorded: '',
  agent: [],
}
const nobody: FhirResource = { resourceType: 'Device', id: 'lost' }

const study = (parts: Partial<ImagingStudy> = {}): ImagingStudy => ({
  resourceType: 'ImagingStudy',
  status: 'available',
  subject: { reference: '#pat' },
  ...parts,
})

describe('contained resources', () => {
  it('A7: go with the last reference to them, and what only they referred to', () => {
    const before = study({ contained: [person, organization] })
    expect(withoutUntrue(before, { ...before, subject: { reference: 'Patient/1' } })).toEqual(
      study({ subject: { reference: 'Patient/1' } }),
    )
  })

  it('stay while something refers to them, when they refer to the study, and when nobody ever did', () => {
    const referrer = { reference: '#org' }
    const before = study({ contained: [person, organization, about, nobody], referrer })
    const { contained } = withoutUntrue(before, { ...before, subject: { reference: 'Patient/1' } })
    expect(contained).toEqual([organization, about, nobody])
  })

  it('that refer to each other do not hold each other', () => {
    const [a, b] = ['a', 'b'].map((id, at): FhirResource => ({
      resourceType: 'Group',
      id,
      type: 'person',
      actual: true,
      managingEntity: { reference: `#${['b', 'a'][at]}` },
    }))
    if (a === undefined || b === undefined) throw new Error('two')
    const before = study({ subject: { reference: '#a' }, contained: [a, b] })
    expect(withoutUntrue(before, { ...before, subject: { reference: 'Patient/1' } }).contained).toBeUndefined()
  })
})

describe('extensions of a primitive', () => {
  const absent = { url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }
  const other = { url: 'urn:example:checked-by', valueString: 'x' }
  const titled = (title: string | undefined, sibling: object | undefined): ImagingStudy =>
    study({
      series: [
        {
          uid: '1.2',
          modality: {},
          instance: [
            {
              uid: '1.2.3',
              sopClass: {},
              ...(title === undefined ? {} : { title }),
              ...(sibling === undefined ? {} : { _title: sibling }),
            },
          ],
        },
      ],
    })

  it('that state the old value go with it, those that do not stay, in series and instances, too', () => {
    const before = titled(undefined, { extension: [absent, other] })
    expect(withoutUntrue(before, titled('Key images', (before.series?.[0]?.instance?.[0] as never)['_title']))).toEqual(
      titled('Key images', { extension: [other] }),
    )
  })

  it('stay beside a value that stays', () => {
    const before = titled('Key images', { extension: [absent] })
    const after = { ...before, description: 'Head' }
    expect(withoutUntrue(before, after)).toBe(after)
  })
})
