import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import fc from 'fast-check'
import { listOf } from '../../../../lib/adapters/http/answers'
import type { HttpAnswer } from '../../../../lib/adapters/http/exchange'
import { piecesOfList } from '../../../../lib/adapters/http/json-list'
import { leastLongestTurn } from '../../../support/assert/longest-turn'

const wholly = (text: string): unknown => {
  const value: unknown = JSON.parse(text)
  if (!Array.isArray(value)) throw new SyntaxError('no list')
  return value
}
const inPieces = (text: string, chars: number): unknown =>
  [...piecesOfList(text, chars)].flatMap((piece) => JSON.parse(piece) as ReadonlyArray<unknown>)
const outcome = (parse: () => unknown): E.Either<'refused', unknown> => E.tryCatch(parse, () => 'refused')

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(1, true, null, '', '"', '\\', '\\"', 'a,b', '[', '}]', '\\\\"'),
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value')),
  ),
})).value
const chars = fc.integer({ min: 0, max: 30 })
const spaces = fc.constantFrom(undefined, 1)

describe('a list of JSON in pieces', () => {
  it('has the elements that it has as a whole', () => {
    fc.assert(
      fc.property(fc.array(json), spaces, chars, (list, space, size) => {
        expect(inPieces(` ${JSON.stringify(list, null, space)}\n`, size)).toEqual(list)
      }),
    )
  })

  it('is refused where it is refused as a whole', () => {
    const spoiltAt = fc.nat()
    const by = fc.constantFrom('', ',', ',,', '[', ']', '{', '}', '"', '\\', ' ', ':', '1', '][', '],[')
    fc.assert(
      fc.property(fc.array(json), spaces, chars, spoiltAt, fc.boolean(), by, (list, space, size, at, over, spoilt) => {
        const text = JSON.stringify(list, null, space)
        const place = at % (text.length + 1)
        const broken = text.slice(0, place) + spoilt + text.slice(place + (over ? 1 : 0))
        expect(outcome(() => inPieces(broken, size))).toEqual(outcome(() => wholly(broken)))
      }),
      { numRuns: 3_000 },
    )
  })

  it.each(['', ' ', '{}', '{"a":[1,2]}', '[1,2}', '{1,2]', '[1],[2]', '"[1]"', 'null'])('is none: %j', (text) => {
    expect(outcome(() => inPieces(text, 0))).toEqual(E.left('refused'))
  })
})

const pageOf = (text: string): HttpAnswer => ({ status: 200, header: () => undefined, body: text, bytes: text.length })
const element = JSON.stringify({
  sequence: 1,
  metadata: { '00100010': { vr: 'PN', Value: [{ Alphabetic: 'A'.repeat(99) }] } },
})
/** Of so many million characters. */
const page = (millions: number, last = element): HttpAnswer =>
  pageOf(`[${`${element},`.repeat(Math.floor((millions * 1e6) / element.length))}${last}]`)

describe('a long page', () => {
  it('of ten times the size keeps the event loop no longer at once', async () => {
    const [small, large] = [page(4), page(40)]
    await listOf('dicom', small)()
    const turn = await leastLongestTurn(listOf('dicom', small))
    expect((await leastLongestTurn(listOf('dicom', large))) / turn).toBeLessThan(4)
  }, 120_000)

  it('is read as a short one is: digits of a dose, what is broken, what is no list', async () => {
    const dose = '{"0040A30A":{"vr":"DS","Value":[1.50]}}'
    const [short, long] = await Promise.all([page(1, dose), page(9, dose)].map((each) => listOf('dicom', each)()))
    const lastOf = (read: typeof short) =>
      JSON.stringify(E.isRight(read ?? E.left(0)) ? (read as E.Right<unknown[]>).right.at(-1) : read)
    expect([lastOf(short), lastOf(long)]).toEqual([dose, dose])
    const broken = await Promise.all([1, 9].map((size) => listOf('dicom', page(size, '{'))()))
    expect(broken[0]).toMatchObject(E.left({ reason: 'unreadable page: its JSON is broken' }))
    expect(broken[1]).toEqual(broken[0])
  })
})
