import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import type { FhirResource } from 'fhir/r4'
import type { Run } from '../../lib/app/context'
import { loadSnapshot } from '../../lib/app/cast/load-snapshot'
import { coalesce } from '../../lib/domain/batch/coalesce'
import { type LiveRow, makeJudge } from '../../lib/domain/batch/judge'
import { plan, planEndpoint } from '../../lib/domain/batch/plan'
import { isBottomless } from '../../lib/domain/fhir/well-formed'
import { type Random, randomFrom } from '../simulation/random'
import { judgeFeed, wireEntry } from '../support/world/domain-feed'
import { residents } from '../support/world/domain-residents'
import { settingsOf } from '../support/world/domain-settings'
import { type Json, mutate } from './mutate'

// What stands in FHIR was written by others, and may be anything: the app reads it, and must neither throw nor hang.

const wanted = Number(process.env['FUZZ_ANSWERS'] ?? 8_000)
const seed = process.env['FUZZ_SEED'] ?? 'fuzz'

const settings = [
  settingsOf(),
  settingsOf({ patient: { systemId: 'urn:example:patients', overwrite: 'always' } }),
  settingsOf({ patient: { overwrite: 'never' }, partitions: new Set(['Microsoft.Default', 'research']) }),
]

const judges = new Map(settings.map((each) => [each, makeJudge(each)]))

const seen: ReadonlyArray<FhirResource> = [
  ...(residents.at(-1) ?? []),
  {
    resourceType: 'Patient',
    id: '906',
    active: false,
    identifier: [{ value: 'P1' }],
    link: [{ type: 'replaced-by', other: { reference: 'Patient/907' } }],
  },
  {
    resourceType: 'Patient',
    id: '907',
    identifier: [{ value: 'P3' }],
    link: [{ type: 'replaced-by', other: { reference: 'Patient/906' } }],
  },
]

const elements = [
  { StudyInstanceUID: '1.2.1', SeriesInstanceUID: '1.2.1.1', SOPInstanceUID: '1.2.1.1.2', PatientID: 'P1' },
  { StudyInstanceUID: '1.2.2', SeriesInstanceUID: '1.2.2.9', SOPInstanceUID: '1.2.2.9.1', PatientID: 'P2' },
  { StudyInstanceUID: '1.2.3', SeriesInstanceUID: '1.2.3.1', SOPInstanceUID: '1.2.3.1.1', PatientID: 'P3' },
  { StudyInstanceUID: '1.2.2', SeriesInstanceUID: '1.2.2.9', SOPInstanceUID: '1.2.2.9.2', PatientID: 'P1' },
].map((values, index) => ({
  ...values,
  sequence: index + 1,
  PatientName: 'Rivera^Ana^Eva',
  PatientBirthDate: '19700102',
  PatientSex: 'F',
  StudyDate: '20261123',
  StudyTime: '101500',
  StudyDescription: 'Head',
  AccessionNumber: 'A1',
}))

const elementsOf = (random: Random): ReadonlyArray<unknown> => [
  ...elements.map(({ sequence, ...values }) =>
    wireEntry({ sequence, values, action: random.pick(['create', 'create', 'update']) }),
  ),
  wireEntry({ sequence: 5, action: 'delete', values: { ...elements[0], SOPInstanceUID: '1.2.1.1.1' } }),
]

/** The server's answers go through the app's own reading of them. */
const runOver = (each: (typeof settings)[number], held: ReadonlyArray<FhirResource>): Run =>
  ({ settings: each, ports: { fhir: { search: () => TE.right([held]) } } }) as unknown as Run

describe('what FHIR answers', () => {
  it(`is never believed to be well formed: ${wanted.toLocaleString('en')} answers make nothing throw`, async () => {
    let [entries, doubts, at] = [0, 0, '']
    try {
      for (let answer = 0; answer < wanted; answer++) {
        at = `${seed}/${answer}`
        const random = randomFrom(at)
        const each = random.pick(settings)
        const held = seen.map((resource) => {
          const { resourceType, id } = resource
          if (!random.chance(0.4)) return resource
          // The adapter lets nothing through that has not this type and an id, or has no bottom.
          const spoilt = mutate(random, resource as unknown as Json, 0.2)
          return isBottomless(spoilt) ? resource : ({ ...(spoilt as object), resourceType, id } as FhirResource)
        })
        const rows = coalesce(judgeFeed(judges.get(each) ?? makeJudge(each), elementsOf(random)).live).live
        const snapshot = await loadSnapshot(runOver(each, held), rows, [])
        if (E.isLeft(snapshot)) continue
        const upserts = rows.filter((row) => row._tag === 'Upsert')
        const readings = random.chance(0.5)
          ? new Map([['Microsoft.Default/1.2.2', upserts.filter(({ key }) => key.studyInstanceUid === '1.2.2')]])
          : new Map<string, typeof upserts>()
        const input = { settings: each, limits: { entries: 499, bytes: 8_000_000 }, snapshot: snapshot.right, readings }
        const planned = plan({ ...input, keep: new Set(), patientsAlone: random.chance(0.1), rows })
        for (const partition of ['Microsoft.Default', 'research']) planEndpoint(each, snapshot.right, partition)
        entries += planned.units.flatMap((unit) => unit.entries).length
        doubts += planned.doubts.length
        expect(settledOnce(planned.units.flatMap((unit) => unit.rows))).toBe(true)
      }
    } catch (error) {
      throw new Error(`FUZZ answer ${at} threw`, { cause: error })
    }
    console.log(`fuzzed with seed ${seed}: ${wanted} FHIR answers, ${entries} entries planned, ${doubts} doubts`)
    expect(Math.min(entries, doubts)).toBeGreaterThan(wanted / 10)
  }, 3_600_000)
})

const settledOnce = (rows: ReadonlyArray<LiveRow>): boolean => new Set(rows).size === rows.length
