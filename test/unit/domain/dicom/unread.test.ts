import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { dictionary } from '../../../../lib/domain/dicom/tags'
import { withoutUnread as withoutUnreadBytes } from '../../../../lib/domain/dicom/unread'

const text = (pieces: ReadonlyArray<Uint8Array>): string => Buffer.concat(pieces).toString()

const withoutUnread = (whole: string): string => text([withoutUnreadBytes(Buffer.from(whole))])

/** As it comes over the wire: cut anywhere, also within a character. */
const inPieces = (whole: string, ends: ReadonlyArray<number>): string => {
  const bytes = Buffer.from(whole)
  const sorted = [0, ...ends.map((end) => end % (bytes.length + 1)).sort((left, right) => left - right), bytes.length]
  return text(sorted.slice(1).map((end, index) => withoutUnreadBytes(Buffer.from(bytes.subarray(sorted[index], end)))))
}

const read = new Set(Object.values(dictionary).map(({ tag }) => tag as string))

/** What is left of a JSON value when every element that is not read is gone, at any depth. */
const pruned = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(pruned)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      /^[0-9A-F]{8}$/.test(key) && !read.has(key) ? [] : [[key, pruned(inner)]],
    ),
  )
}

describe('text without what is not read', () => {
  it('lacks plain elements of other tags, empty ones too, and keeps all that is read', () => {
    const text =
      '[{"sequence":1,"metadata":{"00080005":{"vr":"CS","Value":["ISO_IR 100"]},"00080020":{"vr":"DA","Value":["20261125"]},' +
      '"00080070":{"vr":"LO"},"00280030":{"vr":"DS","Value":[0.5,null,"1e"]},"00100020":{"vr":"LO","Value":["P1"]}}}]'
    expect(withoutUnread(text)).toBe(
      '[{"sequence":1,"metadata":{"00080020":{"vr":"DA","Value":["20261125"]},"00100020":{"vr":"LO","Value":["P1"]}}}]',
    )
  })

  it.each([
    ['the last of its dataset', '{"00080020":{"vr":"DA"},"00280010":{"vr":"US","Value":[512]}}'],
    ['a sequence', '{"00082112":{"vr":"SQ","Value":[{}]},"00080020":{"vr":"DA"}}'],
    ['text with an escape', String.raw`{"00080070":{"vr":"LO","Value":["a\"b"]},"00080020":{"vr":"DA"}}`],
    ['spelled otherwise', '{"0008007a":{"vr":"LO","Value":["a"]},"00080020":{"vr":"DA"}}'],
    ['written with blanks', '{"00080070": {"vr": "LO"}, "00080020": {"vr": "DA"}}'],
    ['in another order', '{"00080070":{"Value":["a"],"vr":"LO"},"00080020":{"vr":"DA"}}'],
  ])('keeps an element that is %s', (_what, text) => {
    expect(withoutUnread(text)).toBe(text)
  })

  it('takes nothing out of a text that looks like an element', () => {
    const trap = '"00280010":{"vr":"US","Value":[512]},'
    const json = { '00081030': { vr: 'LO', Value: [trap, `x${trap}`, trap.repeat(3)] }, '00080020': { vr: 'DA' } }
    expect(JSON.parse(withoutUnread(JSON.stringify(json)))).toEqual(json)
  })

  it('takes nothing out of a name that ends like one', () => {
    const text = String.raw`{"x\"00280010":{"vr":"US","Value":[512]},"00080020":{"vr":"DA"}}`
    expect(withoutUnread(text)).toBe(text)
  })

  it('says what it said wherever a piece ends', () => {
    const page = [
      {
        '00080020': { vr: 'DA', Value: ['20261125'] },
        '00280010': { vr: 'US', Value: [512, null] },
        '00100020': { vr: 'LO' },
      },
      { '00080070': { vr: 'LO' }, '00080080': { vr: 'LO', Value: ['Zürich', '病院', ''] }, '0020000D': { vr: 'UI' } },
    ]
    const whole = JSON.stringify(page)
    for (let first = 0; first <= Buffer.byteLength(whole); first++) {
      for (const second of [first, first + 1, first + 40]) {
        expect(pruned(JSON.parse(inPieces(whole, [first, second])))).toEqual(pruned(page))
      }
    }
  })

  it('leaves text that is no JSON as it is no JSON', () => {
    for (const text of [
      '',
      '[',
      '{"00280010":{"vr":"US","Value":[5',
      '"00280010":{"vr":"US","Value":[5]},',
      '{"00280010":{"vr":"US","Value":[5"a"]},"00080020":{}}',
      '{"00280010":{"vr":"US","Value":["a"5]},"00080020":{}}',
      '{"00080070":{"vr":"LO","Value":["a\nb"]},"00080020":{}}',
      '},"00280010":{"vr":"US","Value":[{}]},"00080020":{}}',
      'nothing',
    ]) {
      expect(() => JSON.parse(withoutUnread(text)) as unknown).toThrow()
    }
  })

  it('says what it said about all that is read, whatever it holds', () => {
    const tag = fc.oneof(
      fc.constantFrom(...read),
      fc.constantFrom('00280010', '00080070', '00091010', '0008103e', '7FE00010', 'FFFFFFFF'),
    )
    const words = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"', '\\', ']', '}', '},', '"00280010":{"vr":"US"},', '\\",', '[', '{', ','),
    )
    const { dataset } = fc.letrec((tie) => ({
      dataset: fc.dictionary(tag, tie('element'), { maxKeys: 8 }),
      element: fc.oneof(
        { maxDepth: 4 },
        fc.record({ vr: fc.constantFrom('LO', 'US', 'SQ'), Value: fc.array(tie('value'), { maxLength: 4 }) }),
        fc.record({ vr: fc.constantFrom('LO', 'UN') }),
        fc.record({ Value: fc.array(tie('value'), { maxLength: 2 }), vr: fc.constant('LO') }),
        fc.jsonValue({ maxDepth: 1 }),
      ),
      value: fc.oneof({ maxDepth: 4 }, words, fc.double({ noNaN: true }), fc.constant(null), tie('dataset')),
    }))
    fc.assert(
      fc.property(fc.array(dataset, { maxLength: 3 }), fc.array(fc.nat(2_000), { maxLength: 4 }), (page, ends) => {
        const json: unknown = JSON.parse(JSON.stringify(page))
        expect(pruned(JSON.parse(withoutUnread(JSON.stringify(page))))).toEqual(pruned(json))
        expect(pruned(JSON.parse(inPieces(JSON.stringify(page), ends)))).toEqual(pruned(json))
      }),
      { seed: 20261125, numRuns: 5_000 },
    )
  })

  it.each([
    ['one value of 8 MB', `{"00280010":{"vr":"UT","Value":["${'a'.repeat(8e6)}"]},"00080020":{}}`],
    ['a million values', `{"00280010":{"vr":"UT","Value":[${'"a",'.repeat(1e6)}1]},"00080020":{}}`],
    ['a million elements', `{${'"00280010":{"vr":"US","Value":[512]},'.repeat(1e6)}"00080020":{}}`],
    ['a million beginnings', '"00280010":{"vr":"US","Value":['.repeat(1e6)],
    ['no end', `{"00280010":{"vr":"US","Value":["${'a'.repeat(8e6)}`],
  ])('comes to an end with %s', (_what, text) => {
    expect(withoutUnread(text).length).toBeLessThanOrEqual(text.length)
  })
})
