import { beforeAll, describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import type { FhirResource } from 'fhir/r4'
import { coalesce } from '../../lib/domain/batch/coalesce'
import { type Judge, type JudgeSettings, type LiveRow, makeJudge, recordMalformed } from '../../lib/domain/batch/judge'
import { plan, planEndpoint } from '../../lib/domain/batch/plan'
import { packUnits } from '../../lib/domain/batch/pack-units'
import type { TransactionEntry } from '../../lib/domain/fhir/bundle'
import { describeEntryError, describeIssues } from '../../lib/domain/cast-error'
import { type Problem, validateResource } from '../../local/fhir/validate'
import { type Random, randomFrom } from '../simulation/random'
import { snapshotOf } from '../support/fhir/domain-fhir'
import { settingsOf } from '../support/world/domain-settings'
import { type Json, isObject, mutate } from './mutate'
import { fullDataset, realDatasets } from './samples'

// FUZZ_DATASETS=5000000 for a night, FUZZ_SEED for another history.
const wanted = Number(process.env['FUZZ_DATASETS'] ?? 60_000)
const seed = process.env['FUZZ_SEED'] ?? 'fuzz'
const perPage = 4

interface Tally {
  datasets: number
  pages: number
  live: number
  malformed: number
  rejected: number
  superseded: number
  resources: number
  validated: number
  readonly shapes: Set<string>
}

const newTally = (): Tally => ({
  datasets: 0,
  pages: 0,
  live: 0,
  malformed: 0,
  rejected: 0,
  superseded: 0,
  resources: 0,
  validated: 0,
  shapes: new Set(),
})

const limits = { entries: 499, bytes: 8_000_000 }

/** Ways through a resource, positions left out: two resources with the same ways differ in values alone. */
const shapeOf = (resource: FhirResource): string => {
  const ways = new Set<string>()
  const walk = (value: unknown, way: string): void => {
    if (Array.isArray(value)) for (const item of value) walk(item, `${way}[]`)
    else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) walk(inner, `${way}.${key}`)
    } else ways.add(`${way}:${typeof value}`)
  }
  walk(resource, resource.resourceType)
  return [...ways].sort().join(' ')
}

const tagText = (dataset: Json, tag: string): Json => {
  const element = isObject(dataset) ? dataset[tag] : undefined
  const values = element === undefined || !isObject(element) ? undefined : element['Value']
  return Array.isArray(values) ? ((values as ReadonlyArray<Json>)[0] ?? '') : ''
}

/** An element of a page for a dataset, as the service would send it. */
const elementOf = (random: Random, dataset: Json, sequence: number): Json => {
  const [action, state] = random.pick([
    ['Create', 'Current'],
    ['Create', 'Current'],
    ['Create', 'Current'],
    ['Update', 'Current'],
    ['Delete', 'Deleted'],
    ['Create', 'Replaced'],
  ] as const)
  return {
    sequence,
    partitionName: random.pick(['Microsoft.Default', 'research']),
    studyInstanceUid: tagText(dataset, '0020000D'),
    seriesInstanceUid: tagText(dataset, '0020000E'),
    sopInstanceUid: tagText(dataset, '00080018'),
    action,
    timestamp: '2026-11-23T20:01:39.5941234+00:00',
    state,
    ...(action === 'Delete' ? {} : { metadata: dataset }),
  }
}

const problems: Array<{ readonly problems: ReadonlyArray<Problem>; readonly shape: string }> = []

/** One in a hundred, and every shape that was not seen before. */
const look = (tally: Tally, random: Random, entry: TransactionEntry): void => {
  const { resource } = JSON.parse(entry.text) as { resource?: FhirResource }
  if (resource === undefined) return
  tally.resources += 1
  const shape = shapeOf(resource)
  if (tally.shapes.has(shape) && !random.chance(0.01)) return
  tally.shapes.add(shape)
  tally.validated += 1
  // Real UIDs have leading zeros and first arcs that no OID has; an image is not kept out of FHIR for that.
  const found = validateResource(resource).filter(({ rule }) => rule !== 'oid')
  if (found.length > 0) problems.push({ problems: found, shape })
}

const judgePage = (judge: Judge, tally: Tally, random: Random, page: ReadonlyArray<Json>): ReadonlyArray<LiveRow> =>
  page.flatMap((element) => {
    const decoded = judge.decode(element)
    if (E.isLeft(decoded)) {
      tally.malformed += 1
      describeEntryError(recordMalformed(decoded.left, decoded.left.sequence ?? 0).error)
      return []
    }
    const judgement = judge.judge(decoded.right, random.chance(0.1))
    if (judgement._tag === 'Superseded') tally.superseded += 1
    if (judgement._tag === 'Recorded') {
      tally.rejected += 1
      describeEntryError(judgement.row.error)
    }
    if (judgement._tag !== 'Live') return []
    tally.live += 1
    if (judgement.row._tag === 'Upsert') describeIssues(judgement.row.issues)
    return [judgement.row]
  })

const settings: ReadonlyArray<JudgeSettings> = [
  settingsOf(),
  settingsOf({ defaultTimeZone: 'Europe/Zurich', patient: { systemId: 'urn:example:patients' } }),
  settingsOf({
    enforceValidation: true,
    patient: { isIssuerIdUsed: true, issuerSystems: { 'A text': 'urn:example:a' } },
  }),
]

const snapshot = snapshotOf({
  endpoints: [
    {
      resourceType: 'Endpoint',
      id: 'e',
      status: 'active',
      connectionType: {},
      payloadType: [],
      identifier: [{ system: 'urn:ietf:rfc:3986', value: 'https://dicom.example.org/v2' }],
      address: 'https://dicom.example.org/v2',
    },
  ],
})

describe('mutated datasets and feed pages', () => {
  let samples: ReadonlyArray<Json>
  beforeAll(async () => {
    const real = await realDatasets()
    expect(real.length).toBeGreaterThan(20)
    samples = [...real, ...Array.from({ length: Math.ceil(real.length / 3) }, fullDataset)]
  })

  it(`never throw out of the domain, and what is emitted is valid R4: ${wanted.toLocaleString('en')} of them`, () => {
    const tally = newTally()
    const judges = settings.map((each) => ({ each, judge: makeJudge(each) }))
    let at = ''
    try {
      for (let page = 0; tally.datasets < wanted; page++) {
        at = `${seed}/${page}`
        const random = randomFrom(at)
        const { each, judge } = random.pick(judges)
        const datasets = Array.from({ length: perPage }, () => mutate(random, random.pick(samples), 0.03))
        const elements = datasets.map((dataset, index) => elementOf(random, dataset, page * perPage + index + 1))
        const told = random.chance(0.3) ? elements.map((element) => mutate(random, element, 0.3)) : elements
        judge.judgeDataset(datasets[0], 'Microsoft.Default')
        const rows = coalesce(judgePage(judge, tally, random, told)).live
        const input = { settings: each, limits, snapshot, readings: new Map(), keep: new Set<string>(), rows }
        const { units } = plan({ ...input, patientsAlone: random.chance(0.1) })
        const bundles = packUnits(units, limits)
        for (const entry of bundles.flat().flatMap(({ entries }) => entries)) look(tally, random, entry)
        for (const partition of ['Microsoft.Default', 'research']) planEndpoint(each, snapshot, partition)
        tally.datasets += datasets.length
        tally.pages += 1
      }
    } catch (error) {
      throw new Error(`FUZZ page ${at} threw`, { cause: error })
    }
    const { shapes, ...counts } = tally
    console.log(`fuzzed with seed ${seed}: ${JSON.stringify({ ...counts, shapes: shapes.size })}`)
    expect(problems.slice(0, 3)).toEqual([])
    expect(({} as Readonly<Record<string, unknown>>)['polluted']).toBeUndefined()
    // A mutation that spoils everything would prove nothing.
    expect(Math.min(tally.live, tally.rejected, tally.malformed, tally.superseded)).toBeGreaterThan(wanted / 100)
    expect(shapes.size).toBeGreaterThan(50)
  }, 3_600_000)
})
