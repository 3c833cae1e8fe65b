import { describe, expect, it } from '@jest/globals'
import { type ListedStudy, chunksOfGiven, cutParts } from '../../../../lib/domain/backfill/parts'
import { newPart } from '../../../../lib/domain/backfill/backfill'

const studies = (count: number, instances: number, uid = '1.2.'): ReadonlyArray<ListedStudy> =>
  Array.from({ length: count }, (_, each) => ({ studyInstanceUid: `${uid}${each}`, patientId: 'P', instances }))
const sizes = ({ parts, rest }: ReturnType<typeof cutParts>) => [parts.map((part) => part.length), rest.length]

describe('the parts of a lane', () => {
  it.each([
    ['at most 500 studies', studies(1_001, 1), [[500, 500], 1]],
    ['about 2,000 images', studies(45, 100), [[20, 20], 5]],
    ['a large study alone', [...studies(2, 20_000), ...studies(1, 1)], [[1, 1], 1]],
    ['nothing while a part is not full', studies(3, 1), [[], 3]],
  ])('have %s', (_what, given, wanted) => {
    expect(sizes(cutParts(given, false))).toEqual(wanted)
  })

  it('have every study once, in order, when nothing more comes', () => {
    const given = studies(1_777, 7)
    const { parts, rest } = cutParts(given, true)
    expect(parts.flat()).toEqual(given)
    expect(rest).toEqual([])
  })

  it('fit into a property of a table, whatever their UIDs', () => {
    const given = studies(1_000, 1, `1.${'2'.repeat(57)}.`)
    for (const part of cutParts(given, true).parts) {
      const text = JSON.stringify(newPart({ lane: 63, part: 1, partition: 'p'.repeat(64), touchedAt: 1e12 }, part))
      expect(text.length).toBeLessThan(32_768)
    }
  })
})

describe('studies that are named', () => {
  const named = (partition: string, count: number, uid = '1.2.') =>
    studies(count, 1, uid).map(({ studyInstanceUid }) => ({ partition, studyInstanceUid }))

  it('are kept by partition, in rows, each once', () => {
    const chunks = chunksOfGiven([...named('a', 900), ...named('b', 2), ...named('a', 3)])
    expect(chunks.map(({ partition, studies: { length } }) => [partition, length])).toEqual([
      ...[400, 400, 100].map((length) => ['a', length]),
      ['b', 2],
    ])
    expect(chunks[1]?.studies[0]).toBe('1.2.400')
    expect(chunksOfGiven([])).toEqual([])
  })

  it('fit into a property of a table, whatever their UIDs', () => {
    const [chunk] = chunksOfGiven(named('p'.repeat(64), 400, `1.${'2'.repeat(58)}.`))
    expect(JSON.stringify(chunk).length).toBeLessThan(32_768)
  })
})
