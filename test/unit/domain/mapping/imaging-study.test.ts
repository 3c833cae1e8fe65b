import { describe, expect, it } from '@jest/globals'
import type { Identifier } from 'fhir/r4'
import { ourTag } from '../../../../lib/domain/fhir/provenance'
import type { StudyFields } from '../../../../lib/domain/mapping/fields'
import type { MergeMode } from '../../../../lib/domain/mapping/mapped'
import { acsnType, emptyStudy, invalid, mapStudy, missing, uidType } from '../../../support/world/domain-mapping'

const map = mapStudy()
const uid: Identifier = { type: uidType, system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }
const study = (parts: Partial<StudyFields>): StudyFields => ({ ...emptyStudy, identifier: [uid], ...parts })

describe('ImagingStudy.identifier: StudyInstanceUID (0020,000D), required', () => {
  it('has system urn:dicom:uid and the value urn:oid:{uid}', () => {
    expect(map({})).toEqual({ resource: study({}), issues: [] })
  })

  it('stands before identifiers of others, once', () => {
    const other = { system: 'http://ris.example', value: '17' }
    expect(map({}, 'follow', { ...emptyStudy, identifier: [other] }).resource?.identifier).toEqual([uid, other])
    expect(map({}, 'follow', { ...emptyStudy, identifier: [other, uid] }).resource?.identifier).toEqual([other, uid])
  })

  it.each([
    [[], missing('StudyInstanceUID')],
    ['1.2.x', invalid('StudyInstanceUID', 'not a UID')],
  ])('keeps the entry out when it is %j', (StudyInstanceUID, issue) => {
    expect(map({ StudyInstanceUID })).toEqual({ resource: undefined, issues: [issue] })
  })
})

describe('ImagingStudy.identifier (accession): AccessionNumber (0008,0050)', () => {
  const accession = (value: string): Identifier => ({ type: acsnType, value })

  const identifiers = (AccessionNumber: unknown, base?: StudyFields, mode: MergeMode = 'follow') =>
    map({ AccessionNumber }, mode, base).resource?.identifier

  it('has the type ACSN', () => {
    expect(identifiers(' A1 ')).toEqual([uid, accession('A1')])
  })

  const before = study({ identifier: [uid, accession('A1'), { value: 'other' }] })

  it('is replaced when it changes, not accumulated', () => {
    expect(identifiers('A2', before)).toEqual([uid, accession('A2'), { value: 'other' }])
  })

  it('stays when the tag is absent, empty or invalid, or the row is late', () => {
    expect([undefined, [], ['A2', 'A3']].map((value) => identifiers(value, before))).toEqual(
      [1, 2, 3].map(() => before.identifier),
    )
    expect(identifiers('A2', before, 'fill')).toEqual(before.identifier)
  })

  it('goes when an Update row empties the tag on a study of ours', () => {
    expect(identifiers([], before, 'correct')).toEqual([uid, { value: 'other' }])
  })

  it('stands beside an accession number that another system issued', () => {
    const issued = { type: acsnType, system: 'http://ris.example', value: '17' }
    expect(identifiers('A2', study({ identifier: [uid, issued] }))).toEqual([uid, issued, accession('A2')])
  })

  it('A3: is kept and reported when it is longer than an SH', () => {
    const { resource, issues } = map({ AccessionNumber: 'longer than sixteen characters' })
    const long = accession('longer than sixteen characters')
    expect(resource).toMatchObject({
      identifier: [uid, long],
      basedOn: [{ type: 'ServiceRequest', identifier: long }],
    })
    expect(issues).toContainEqual(invalid('AccessionNumber', 'longer than SH allows'))
  })
})

describe('ImagingStudy.started: StudyDate, StudyTime, TimezoneOffsetFromUTC', () => {
  it('is built of the three', () => {
    const values = { StudyDate: '20261123', StudyTime: '101500.25', TimezoneOffsetFromUTC: '-0500' }
    expect(map(values)).toEqual({ resource: study({ started: '2026-11-23T10:15:00.25-05:00' }), issues: [] })
  })

  it('takes the configured zone when there is no offset', () => {
    expect(mapStudy('Europe/Berlin')({ StudyDate: '20260701', StudyTime: '1015' }).resource).toEqual(
      study({ started: '2026-07-01T10:15:00+02:00' }),
    )
  })

  it('is the earliest of the Create rows', () => {
    const offset = { TimezoneOffsetFromUTC: '+0000' }
    const at = (StudyTime: string, base: StudyFields) =>
      map({ StudyDate: '20261123', StudyTime, ...offset }, 'follow', base).resource ?? base
    expect(at('1200', at('1000', at('1100', emptyStudy))).started).toBe('2026-11-23T10:00:00+00:00')
  })

  it('is replaced by an Update row, also by a later time', () => {
    const base = study({ started: '2026-11-23' })
    expect(map({ StudyDate: '20261124' }, 'replace', base).resource).toEqual(study({ started: '2026-11-24' }))
  })

  it('replaces the UTC that the original invented', () => {
    const base = study({ started: '2026-11-23T10:15:00+00:00' })
    expect(map({ StudyDate: '20261123', StudyTime: '101500' }, 'adopt', base).resource).toEqual(
      study({ started: '2026-11-23' }),
    )
    expect(mapStudy('Europe/Berlin')({ StudyDate: '20261123', StudyTime: '101500' }, 'adopt', base).resource).toEqual(
      study({ started: '2026-11-23T10:15:00+01:00' }),
    )
  })

  it('does not go because one instance lacks the tags', () => {
    const base = study({ started: '2026-11-23' })
    expect(map({}, 'follow', base).resource).toEqual(base)
  })
})

describe('ImagingStudy.note and .description: StudyDescription (0008,1030)', () => {
  it('are both written: the standard names the one, the contract the other', () => {
    expect(map({ StudyDescription: 'Head' })).toEqual({
      resource: study({ description: 'Head', note: [{ text: 'Head' }] }),
      issues: [],
    })
  })

  it('change together, and notes of others stay', () => {
    const before = study({ description: 'Head', note: [{ text: 'Head' }, { text: 'urgent', authorString: 'RIS' }] })
    expect(map({ StudyDescription: 'Neck' }, 'follow', before).resource).toEqual(
      study({ description: 'Neck', note: [{ text: 'urgent', authorString: 'RIS' }, { text: 'Neck' }] }),
    )
  })

  it('complete what the original wrote: a note alone', () => {
    expect(map({ StudyDescription: 'Head' }, 'follow', study({ note: [{ text: 'Head' }] })).resource).toEqual(
      study({ description: 'Head', note: [{ text: 'Head' }] }),
    )
  })

  it('T8: replace the note of the original, on a study of its alone', () => {
    const by = { text: 'ask Ana', authorString: 'RIS' }
    const before = study({ note: [{ text: 'BRAIN' }, by] })
    const after = study({ description: 'HEAD', note: [by, { text: 'HEAD' }] })
    expect(
      (['adopt', 'correct'] as const).map((mode) => map({ StudyDescription: 'HEAD' }, mode, before).resource),
    ).toEqual([after, after])
    expect(map({ StudyDescription: [] }, 'correct', before).resource).toEqual(study({ note: [by] }))
    const others = [{ text: 'BRAIN' }, by, { text: 'HEAD' }]
    expect(map({ StudyDescription: 'HEAD' }, 'enrich', { ...before, note: [by] }).resource?.note).toEqual([by])
    expect(map({ StudyDescription: 'HEAD' }, 'follow', before).resource?.note).toEqual(others)
    const ours = { ...before, meta: { tag: [ourTag] } }
    expect(map({ StudyDescription: 'HEAD' }, 'correct', ours).resource?.note).toEqual(others)
  })

  it('leave no old note behind when somebody else has written the new one', () => {
    const before = study({ description: 'Head', note: [{ text: 'Neck' }, { text: 'Head' }] })
    expect(map({ StudyDescription: 'Neck' }, 'follow', before).resource).toEqual(
      study({ description: 'Neck', note: [{ text: 'Neck' }] }),
    )
  })

  it('keep the study, and report the tag once a rule, when it is not an LO', () => {
    const issue = invalid('StudyDescription', 'longer than LO allows')
    expect(map({ StudyDescription: 'x'.repeat(65) })).toEqual({
      resource: study({ description: 'x'.repeat(65), note: [{ text: 'x'.repeat(65) }] }),
      issues: [issue, issue],
    })
  })
})
