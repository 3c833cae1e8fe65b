import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { FhirResource } from 'fhir/r4'
import { makeJudge } from '../../../lib/domain/batch/judge'
import { castBatch } from '../world/domain-cast'
import { judgeFeed } from '../world/domain-feed'
import { memoryFhir } from '../fhir/domain-fhir'
import { type SettingsChanges, settingsOf } from '../world/domain-settings'

/** What a change feed says, and what FHIR holds when it was cast. Written by hand; no test writes one. */
export interface Golden {
  readonly title: string
  /** Where they differ from the defaults; a list in the place of a set. */
  readonly settings?: Omit<SettingsChanges, 'patient'> & {
    readonly patient?: Omit<NonNullable<SettingsChanges['patient']>, 'rejectedIds'> & {
      readonly rejectedIds?: ReadonlyArray<string>
    }
  }
  /** What FHIR held before. */
  readonly existing?: ReadonlyArray<FhirResource>
  /** Elements of the change feed as the service sends them. */
  readonly entries: ReadonlyArray<unknown>
  /** Metadata of all live instances of the study, where its PatientID is in doubt. */
  readonly study?: ReadonlyArray<unknown>
  readonly expected: {
    /** Everything FHIR holds then, without versions; ids in order of creation. */
    readonly resources: ReadonlyArray<FhirResource>
    /** `sequence error` of what goes into a fail table. */
    readonly recorded?: ReadonlyArray<string>
    /** `sequence keyword` of what goes into InvalidDicomTag. */
    readonly tags?: ReadonlyArray<string>
  }
}

const folder = join(__dirname, '..', '..', 'golden')

export const goldenNames: ReadonlyArray<string> = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length))

export const readGolden = (name: string): Golden =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Golden

const withoutVersion = (resource: FhirResource): FhirResource => {
  const { versionId: _version, ...meta } = resource.meta ?? {}
  const { meta: _meta, ...rest } = resource
  return (Object.keys(meta).length === 0 ? rest : { ...rest, meta }) as FhirResource
}

export const castGolden = ({
  settings: changes = {},
  existing = [],
  entries,
  study = [],
}: Golden): Golden['expected'] => {
  const { patient: { rejectedIds = [], ...patient } = {}, ...rest } = changes
  const settings = settingsOf({ ...rest, patient: { ...patient, rejectedIds: new Set(rejectedIds) } })
  const fhir = memoryFhir(existing)
  const { recorded, rejected } = castBatch(fhir, settings, entries, { readStudy: () => study })
  const { live } = judgeFeed(makeJudge(settings), entries)
  const failed = [...recorded, ...rejected].sort((left, right) => left.sequence - right.sequence)
  const issues = [...live.filter((row) => row._tag === 'Upsert'), ...rejected]
  return {
    resources: fhir.contents().map(withoutVersion),
    recorded: failed.map(({ sequence, error }) => `${sequence} ${error._tag}`),
    tags: issues.flatMap((row) => row.issues.map(({ keyword }) => `${row.sequence} ${keyword}`)),
  }
}
