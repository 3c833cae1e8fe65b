import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import { type NameGroup, readPN } from '../../../../lib/domain/dicom/person-name'
import {
  type Reader,
  readCS,
  readDA,
  readIS,
  readTM,
  readUI,
  readUtcOffset,
  textReader,
} from '../../../../lib/domain/dicom/vr'

const valid = <A>(value: A) => E.right(O.some(value))
const absent = E.right(O.none)
const rightOf = <A>(read: E.Either<never, A>): A => (E.isRight(read) ? read.right : read.left)
const kept = <A>(reason: string, value: A) => TH.both(reason, O.some(value))

const readLO = textReader('LO', false)
const readSH = textReader('SH', false)
const readUT = textReader('UT', false)
const readFreeLO = textReader('LO', true)

const readers: ReadonlyArray<readonly [string, Reader<unknown>]> = [
  ['LO', readLO],
  ['SH', readSH],
  ['UT', readUT],
  ['CS', readCS],
  ['UI', readUI],
  ['IS', readIS],
  ['DA', readDA],
  ['TM', readTM],
  ['offset', readUtcOffset],
  ['PN', readPN],
]

describe.each(readers)('every reader: %s', (_vr, read) => {
  it.each([[[]], [[null]], [['']], [['   ']], [[' \0\0']]])('takes %j as absent', (values) => {
    expect(read(values)).toEqual(absent)
  })

  it.each([[[true]], [[['x']]]])('takes %j as invalid, and does not throw', (values) => {
    expect(TH.isLeft(read(values))).toBe(true)
  })

  it('never repeats the value in the reason: it may be patient data', () => {
    const secret = `Schmidt\u0001${'x'.repeat(2_000)}`
    expect(read([secret])).toEqual(E.left(expect.not.stringContaining('Schmidt')))
  })
})

describe('text (LO, SH, UT)', () => {
  it('takes blanks and NULs away at both ends', () => {
    expect(readLO([' \0 Head CT \0'])).toEqual(valid('Head CT'))
  })

  it('takes a number where text belongs', () => {
    expect(readLO([4711])).toEqual(valid('4711'))
  })

  it('takes several values that differ as invalid, and equal ones as one', () => {
    expect(readLO(['one', 'two'])).toEqual(E.left('more than one value'))
    expect(readLO(['one\\two'])).toEqual(E.left('more than one value'))
    expect(readLO([' one', '', 'one ', null])).toEqual(valid('one'))
  })

  it('keeps several values of free text, which was one text', () => {
    expect(readFreeLO(['CT HEAD W', 'O CONTRAST'])).toEqual(kept('more than one value', 'CT HEAD W\\O CONTRAST'))
  })

  it('does not part ST, UT and UR at a backslash', () => {
    expect(readUT(['a\\b'])).toEqual(valid('a\\b'))
  })

  it('counts characters, not UTF-16 units', () => {
    expect(readSH(['𠮷'.repeat(16)])).toEqual(valid('𠮷'.repeat(16)))
    expect(readSH(['𠮷'.repeat(17)])).toEqual(kept('longer than SH allows', '𠮷'.repeat(17)))
    expect(readLO(['x'.repeat(65)])).toEqual(kept('longer than LO allows', 'x'.repeat(65)))
    expect(readLO(['x'.repeat(257)])).toEqual(E.left('longer than 256 characters'))
    expect(readFreeLO(['x'.repeat(1_000_000)])).toEqual(kept('longer than LO allows', 'x'.repeat(1_000_000)))
    expect(readFreeLO(['ä'.repeat(1_000_000)])).toEqual(E.left('longer than FHIR allows'))
  })

  it.each(['a\u0007b', 'a\tb', 'a\u007Fb', 'a\uD800b', 'a\uFFFEb', 'a\uFFFFb'])(
    'refuses %j, which FHIR cannot hold',
    (text) => {
      expect(readLO([text])).toEqual(E.left('contains control characters'))
    },
  )

  it('takes an object or a number that is none as invalid', () => {
    expect(readLO([{ Alphabetic: 'x' }])).toEqual(E.left('not a text'))
    expect(readLO([Number.NaN])).toEqual(E.left('not a text'))
  })
})

describe('CS', () => {
  it.each(['CT', 'A_B 9', 'SIXTEENCHARACTER'])('takes %s', (code) => {
    expect(readCS([` ${code} `])).toEqual(valid(code))
  })

  it.each(['ct', 'C-T', 'SEVENTEENCHARACTE', 'Ä'])('takes %s as invalid', (code) => {
    expect(readCS([code])).toEqual(E.left('not a code string (CS)'))
  })
})

describe('UI', () => {
  it.each(['1.2.840.10008.5.1.4.1.1.2', '1', '1.02.3'])('takes %s', (uid) => {
    expect(readUI([`${uid}\0`])).toEqual(valid(uid))
  })

  it.each(['1..2', '1.2.', '.1', '1.2a', `1.${'2'.repeat(63)}`])('takes %s as invalid', (uid) => {
    expect(readUI([uid])).toEqual(E.left('not a UID'))
  })
})

describe('IS', () => {
  it.each([
    ['12', 12],
    [' +3', 3],
    ['-7', -7],
    [42, 42],
    ['007', 7],
    ['0', 0],
  ])('reads %j as %d', (value, number) => {
    expect(readIS([value])).toEqual(valid(number))
  })

  it.each(['1.0', 1.5, '1e3', 1e21, 'one', '1 2', '-Infinity'])('takes %j as invalid', (value) => {
    expect(readIS([value])).toEqual(E.left('not a whole number (IS)'))
  })
})

describe('DA', () => {
  it.each([
    ['20261123', '2026-11-23'],
    [20261123, '2026-11-23'],
    ['20240229', '2024-02-29'],
    ['20000229', '2000-02-29'],
    ['1995.06.26', '1995-06-26'],
    ['202611', '2026-11'],
    ['2026', '2026'],
    [' 20261123 \0', '2026-11-23'],
  ])('reads %j as %s', (value, date) => {
    expect(readDA([value])).toEqual(valid(date))
  })

  it.each([
    '20201332',
    '20261301',
    '20260001',
    '20260100',
    '20260431',
    '20230229',
    '19000229',
    '00000101',
    '202613',
    '2026-11-23',
    '2026.11',
    '2026.13.01',
    '20261123-20261124',
    '261123',
    '240301',
    '700102',
    '1849',
    '2100',
    'soon',
  ])('takes %s as invalid', (value) => {
    expect(readDA([value])).toEqual(E.left('not a date (DA)'))
  })
})

describe('TM', () => {
  it.each([
    ['10', '10:00:00'],
    ['1015', '10:15:00'],
    ['101530', '10:15:30'],
    ['101530.5', '10:15:30.5'],
    ['101530.123456', '10:15:30.123456'],
    ['235960', '23:59:59'],
    ['11:20:00', '11:20:00'],
    ['11:20:00.25', '11:20:00.25'],
    ['11:20', '11:20:00'],
    ['000000', '00:00:00'],
  ])('reads %s as %s', (value, time) => {
    expect(readTM([value])).toEqual(valid(time))
  })

  it.each(['24', '2400', '1060', '101561', '1', '101', '10153', '101530.', '101530.1234567', '10:1530', 'noon'])(
    'takes %s as invalid',
    (value) => {
      expect(readTM([value])).toEqual(E.left('not a time (TM)'))
    },
  )
})

describe('the offset from UTC', () => {
  it.each([
    ['+0100', '+01:00'],
    ['-0530', '-05:30'],
    ['+01:00', '+01:00'],
    ['UTC+01:00', '+01:00'],
    ['UTC-05:00', '-05:00'],
    ['+0000', '+00:00'],
    ['-0000', '+00:00'],
    ['+1400', '+14:00'],
    ['-1200', '-12:00'],
  ])('reads %s as %s', (value, offset) => {
    expect(readUtcOffset([value])).toEqual(valid(offset))
  })

  it.each(['0100', '+1', '+01', '+1401', '-1201', '+0160', 'Z', 'UTC', 'UTC+0100', 'CET', 100])(
    'takes %j as invalid',
    (value) => {
      expect(readUtcOffset([value])).toEqual(E.left('not an offset from UTC'))
    },
  )
})

describe('PN', () => {
  const group = (parts: Partial<NameGroup>): NameGroup => ({
    family: '',
    given: '',
    middle: '',
    prefix: '',
    suffix: '',
    rest: '',
    ...parts,
  })
  const alphabetic = (parts: Partial<NameGroup>) =>
    valid({ alphabetic: O.some(group(parts)), ideographic: O.none, phonetic: O.none })

  it('reads family^given^middle^prefix^suffix', () => {
    expect(readPN([{ Alphabetic: 'Adams^John Robert^Quincy^Rev.^B.A. M.Div.' }])).toEqual(
      alphabetic({ family: 'Adams', given: 'John Robert', middle: 'Quincy', prefix: 'Rev.', suffix: 'B.A. M.Div.' }),
    )
  })

  it('reads the three component groups', () => {
    expect(readPN([{ Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' }])).toEqual(
      valid({
        alphabetic: O.some(group({ family: 'Yamada', given: 'Tarou' })),
        ideographic: O.some(group({ family: '山田', given: '太郎' })),
        phonetic: O.some(group({ family: 'やまだ', given: 'たろう' })),
      }),
    )
  })

  it('reads a plain string, its groups parted by =', () => {
    expect(readPN(['Yamada^Tarou=山田^太郎'])).toEqual(
      valid({
        alphabetic: O.some(group({ family: 'Yamada', given: 'Tarou' })),
        ideographic: O.some(group({ family: '山田', given: '太郎' })),
        phonetic: O.none,
      }),
    )
  })

  it.each([[{}], [{ Alphabetic: '' }], [{ Alphabetic: ' ^ ^' }], [{ Ideographic: null }], ['^^^^'], ['=='], ['']])(
    'takes %j as absent',
    (value) => {
      expect(readPN([value])).toEqual(absent)
    },
  )

  it('takes what has no ^ as a family name, blanks and all', () => {
    expect(readPN([{ Alphabetic: ' van der Berg ' }])).toEqual(alphabetic({ family: 'van der Berg' }))
  })

  it('reads groups that stand in one text, and prefers those that have a key', () => {
    const [A, I, P] = ['Yamada^Tarou', '山田^太郎', 'やまだ^たろう']
    const [a, i, p] = [
      group({ family: 'Yamada', given: 'Tarou' }),
      group({ family: '山田', given: '太郎' }),
      group({ family: 'やまだ', given: 'たろう' }),
    ].map(O.some)
    const all = valid({ alphabetic: a, ideographic: i, phonetic: p })
    expect(readPN([{ Alphabetic: `${A}=${I}=${P}` }])).toEqual(all)
    expect(readPN([{ Alphabetic: `${A}=x=${P}`, Ideographic: I }])).toEqual(all)
    expect(readPN([`${A}=${I}=${P}=x`])).toEqual(TH.both('more than three name groups', rightOf(all)))
  })

  it('takes a name of more than five components for one in the order of HL7', () => {
    expect(readPN([{ Alphabetic: 'Adams^John^Quincy^Jr^Dr^MD' }])).toEqual(
      kept('more than five name components', {
        alphabetic: O.some(group({ family: 'Adams', given: 'John', middle: 'Quincy', rest: 'Jr Dr MD' })),
        ideographic: O.none,
        phonetic: O.none,
      }),
    )
  })

  it('leaves a group out that it cannot read, and keeps the others', () => {
    expect(readPN([{ Alphabetic: 'ok', Phonetic: 'a\u001b$Bb' }])).toEqual(
      TH.both('contains control characters', rightOf(alphabetic({ family: 'ok' }))),
    )
  })

  it('keeps a group that is too long', () => {
    const family = 'x'.repeat(65)
    expect(readPN([family])).toEqual(TH.both('longer than PN allows', rightOf(alphabetic({ family }))))
  })

  it('takes one of several names for none', () => {
    expect(readPN([{ Alphabetic: 'a' }, { Alphabetic: 'b' }])).toEqual(E.left('more than one value'))
    expect(readPN([{ Alphabetic: 'a\\b' }])).toEqual(E.left('more than one value'))
    expect(readPN([{ Alphabetic: 'a' }, null, { Alphabetic: ' a' }])).toEqual(alphabetic({ family: 'a' }))
  })

  it.each([
    [{ Alphabetic: { family: 'x' } }, 'not a person name (PN)'],
    [{ Phonetic: 'a\u0001b' }, 'contains control characters'],
    [true, 'not a person name (PN)'],
  ])('takes %j as invalid', (value, reason) => {
    expect(readPN([value])).toEqual(E.left(reason))
  })
})
