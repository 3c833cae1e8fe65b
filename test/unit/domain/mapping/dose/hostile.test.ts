import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import * as TH from 'fp-ts/These'
import { isDoseReport, mapDoseReport } from '../../../../../lib/domain/mapping/dose/report'
import { expectValid, mapValid } from '../../../../support/assert/dose-observations'
import {
  accumulated,
  administration,
  ctAcquisition,
  ctContent,
  plane,
  xRayEvent,
} from '../../../../support/world/dose-samples'
import {
  type Json,
  container,
  datasetOf,
  dcm,
  element,
  modifier,
  num,
  report,
  reportJson,
  sct,
  ucum,
  unmeasured,
} from '../../../../support/world/dose-sr'

const everything = reportJson({
  content: [
    ...ctContent(ctAcquisition('1.2.3.7.1', 1, 2)),
    accumulated(
      plane('113620'),
      num(dcm('113722'), 3, ucum('Gym2')),
      num(dcm('111637'), 1, ucum('dGy'), modifier(sct('272741003'), sct('7771000', 'Left'))),
      unmeasured(dcm('113725')),
    ),
    xRayEvent('1.2.3.7.2', '20260302080102.25+0100', num(dcm('122130'), 1, ucum('Gy.m2'))),
    administration('1.2.3.7.3'),
  ],
  elements: { '0040A496': element('CS', 'FINAL') },
})

/** The paths of everything in it. */
const pathsOf = (value: unknown, at: ReadonlyArray<string> = []): ReadonlyArray<ReadonlyArray<string>> =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([name, inner]) => [[...at, name], ...pathsOf(inner, [...at, name])])

const spoilt = (json: unknown, [name, ...rest]: ReadonlyArray<string>, garbage: unknown): unknown => {
  if (name === undefined) return garbage
  if (Array.isArray(json)) return json.map((each, at) => (String(at) === name ? spoilt(each, rest, garbage) : each))
  return Object.fromEntries(
    Object.entries(json as object).map(([key, inner]) => [key, key === name ? spoilt(inner, rest, garbage) : inner]),
  )
}

const secret = 'Schmidt^Ulrike'

describe('a report of a hostile file', () => {
  it('is mapped without a throw, and validly, when any part of it is garbage', () => {
    const garbage = [7, 'x\0y\u0001', '', secret, '\uD800', null, true, [], [[]], {}, [null], { Value: [{}] }, 1e300]
    pathsOf(everything).forEach((path, at) => {
      // Not all for all: each part is spoilt in four ways, and each way meets every kind of part.
      for (const each of [0, 1, 2, 3].map((turn) => garbage[(at + turn * 5) % garbage.length])) {
        const dataset = datasetOf(spoilt(everything, path, each) as Json)
        const mapped = mapDoseReport({ defaultTimeZone: 'Europe/Berlin' })(dataset)
        if (TH.isLeft(mapped)) expect(!isDoseReport(dataset) || mapped.left[0].keyword === 'SOPInstanceUID').toBe(true)
        else expectValid(mapped.right)
        if (!TH.isRight(mapped)) expect(JSON.stringify(mapped.left)).not.toContain(secret)
      }
    })
  }, 120_000)

  it('is mapped without a throw, whatever the content sequence holds', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.jsonValue({ maxDepth: 4 }), (content, concept) => {
        const elements = { '0040A730': { Value: content }, '0040A043': concept, '0040A300': { Value: concept } } as Json
        expect(TH.isLeft(mapDoseReport({})(report({ elements })))).toBe(false)
        expect(TH.isLeft(mapDoseReport({})(report({ content: [content as Json] })))).toBe(false)
      }),
      { seed: 7, numRuns: 300 },
    )
  })

  it('is cut where it nests deeper than any template, and says so', () => {
    const deep = Array.from({ length: 50_000 }).reduce<Json>(
      (inner) => container(dcm('113702'), inner),
      num(dcm('113725'), 1, ucum('Gy')),
    )
    const { summary, issues } = mapValid(report({ content: [deep, num(dcm('113722'), 2, ucum('Gy.m2'))] }))
    expect(summary.component).toHaveLength(1)
    expect(issues).toEqual([
      { _tag: 'TagUnmappable', keyword: 'ContentSequence', reason: 'too deep, or too many items' },
    ])
  })

  it('is cut when it has a million items: work that grew with their square would not end in a minute', () => {
    const dose = num(dcm('113725'), 'x', ucum('Gy'))
    const sequence = (items: ReadonlyArray<Json>): Json => ({ '0040A730': { vr: 'SQ', Value: items } })
    const crowded = { ...accumulated(plane('113620')), ...sequence(Array<Json>(60_000).fill(dose)) }
    const elements = sequence([crowded, ...Array<Json>(1_000_000).fill(dose)])
    const { issues } = mapValid(report({ elements }))
    expect(issues).toEqual([
      { _tag: 'TagUnmappable', keyword: 'ContentSequence', reason: 'too deep, or too many items' },
      { _tag: 'TagInvalid', keyword: 'NumericValue', reason: 'not a decimal (DS)' },
    ])
  }, 60_000)

  it('finds the events of a long intervention, each once', () => {
    const events = Array.from({ length: 1_500 }, (_each, at) =>
      xRayEvent(`1.2.3.7.${at}`, '20260302080102', num(dcm('122130'), at, ucum('Gy.m2'))),
    )
    const mapped = mapDoseReport({})(report({ content: events }))
    expect(TH.isRight(mapped) && mapped.right.events.length).toBe(1_500)
  })

  it('says nothing of the patient in the line of its summary', () => {
    const { summary } = mapValid(datasetOf(everything))
    expect(JSON.stringify(summary)).not.toMatch(/Rivera|P1"/)
  })
})
