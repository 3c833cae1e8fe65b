import type { FhirResource } from 'fhir/r4'
import { coalesce } from '../../../lib/domain/batch/coalesce'
import {
  type JudgeSettings,
  type LiveRow,
  type RecordedRow,
  type UpsertRow,
  makeJudge,
} from '../../../lib/domain/batch/judge'
import type { PlanLimits } from '../../../lib/domain/batch/fold'
import { strayOf } from '../../../lib/domain/batch/ledger'
import { type Plan, plan, planEndpoint, recordedIn } from '../../../lib/domain/batch/plan'
import { type StudyAge, ageOf } from '../../../lib/domain/batch/newest-study'
import { referencedId } from '../../../lib/domain/batch/snapshot'
import { isOfService } from '../../../lib/domain/fhir/provenance'
import { packUnits } from '../../../lib/domain/batch/pack-units'
import type { EntryError } from '../../../lib/domain/cast-error'
import { withMismatched } from '../../../lib/domain/batch/witnesses'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../../../lib/domain/dicom/change-feed-entry'
import { judgeFeed } from './domain-feed'
import type { MemoryFhir } from '../fhir/domain-fhir'

const today = '2026-11-24'

export const noLimits: PlanLimits = { entries: 1_000, bytes: 10_000_000 }

/** The metadata of all live instances of a study, as the DICOM service answers it. */
export type ReadStudy = (partition: string, studyInstanceUid: string) => ReadonlyArray<unknown>

export interface CastOptions {
  readonly limits?: PlanLimits
  readonly readStudy?: ReadStudy
  readonly late?: boolean
  /** References that the server refuses to delete. */
  readonly keep?: ReadonlySet<string>
  /** Instances on record as PatientMismatch before; what this batch records is added, what it settles goes. */
  readonly mismatched?: Map<string, Map<string, InstanceKey>>
  readonly isRebuild?: boolean
  /** Each row in a transaction of its own, as when FHIR refused them together. */
  readonly apart?: boolean
}

export interface CastReport {
  readonly recorded: ReadonlyArray<{ readonly sequence: number; readonly error: EntryError }>
  readonly rejected: ReadonlyArray<RecordedRow>
  readonly writes: number
}

/** Casts one batch into the FHIR in memory, in the steps of lib/app/cast/cast-batch.ts, on a day when nothing fails. */
export const castBatch = (
  fhir: MemoryFhir,
  settings: JudgeSettings,
  elements: ReadonlyArray<unknown>,
  {
    limits = noLimits,
    readStudy = () => [],
    late = false,
    keep = new Set(),
    mismatched = new Map(),
    isRebuild = false,
    apart = false,
  }: CastOptions = {},
): CastReport => {
  const judge = makeJudge(settings)
  const { live, recorded: rejected } = judgeFeed(judge, elements, late)
  const recorded = new Map<number, EntryError>()
  let verdicts: ReadonlyMap<string, boolean> = new Map()
  const before = fhir.writes()
  const allRows = coalesce(live).live.map((row): LiveRow => (isRebuild ? { ...row, isWhole: true } : row))
  const synced: Array<InstanceKey> = []

  const prepare = (rows: ReadonlyArray<LiveRow>): Plan => {
    const readings = new Map<string, ReadonlyArray<UpsertRow>>()
    const alive = new Map<string, ReadonlySet<string>>()
    const ages = new Map<string, ReadonlyArray<StudyAge>>()
    for (;;) {
      const snapshot = fhir.snapshot(settings)
      const input = { settings, limits, snapshot, readings, keep, patientsAlone: false, rowsAlone: apart, rows }
      const settled = new Map([...recorded].map(([at, error]) => [at, { _tag: 'Recorded', error } as const]))
      const strays = allRows.flatMap((row) => strayOf({ settled }, row))
      const known = withMismatched(mismatched, strays)
      const planned = plan({
        ...input,
        alive,
        ages,
        verdicts,
        mismatched: known,
        ...(isRebuild ? { rebuilt: allRows } : {}),
        today,
      })
      if (planned.doubts.length === 0 && planned.agesWanted.length === 0) return planned
      for (const id of planned.agesWanted) {
        const own = [...snapshot.studies.values()]
          .flat()
          .filter(({ meta, numberOfInstances }) => isOfService(meta, settings.dicom) && numberOfInstances !== 0)
        ages.set(
          id,
          own
            .filter(({ subject }) => referencedId(settings.fhirBase, 'Patient', subject) === id)
            .map((study) => ageOf(settings.dicom, study, today)),
        )
      }
      for (const study of planned.doubts) {
        const whole = readStudy(study.partition, study.studyInstanceUid)
        alive.set(
          studyKeyText(study),
          new Set(whole.map((json) => instanceKeyText({ ...study, ...judge.uidsOf(json) }))),
        )
        readings.set(
          studyKeyText(study),
          whole.flatMap((json) => judge.judgeDataset(json, study.partition) ?? []),
        )
      }
    }
  }

  const lots = apart ? allRows.map((row) => [row]) : [allRows]
  let pending = lots.shift() ?? []
  for (let round = 0; pending.length > 0; round++) {
    if (round > 50) throw new Error('it does not come to an end')
    const partitions = new Set(pending.flatMap((row) => (row._tag === 'Upsert' ? [row.key.partition] : [])))
    for (const partition of partitions) {
      const entry = planEndpoint(settings, fhir.snapshot(settings), partition)
      if (entry !== undefined) fhir.transact([entry])
    }
    const planned = prepare(pending)
    for (const { row, error } of recordedIn(planned)) recorded.set(row.sequence, error)
    synced.push(...planned.syncedInstances)
    verdicts = new Map([...planned.verdicts, ...verdicts])
    const again: Array<LiveRow> = []
    for (const units of packUnits(planned.units, limits)) {
      fhir.transact(units.flatMap(({ entries }) => entries))
      for (const { deferred } of units) {
        again.push(...deferred)
      }
    }
    const left = [...new Set(again)].sort((one, other) => one.sequence - other.sequence)
    pending = left.length > 0 ? left : (lots.shift() ?? [])
  }
  // The rows of the fail tables, as lib/app/run/settle-errors.ts keeps them.
  for (const key of [...synced, ...allRows.map((row) => row.key)]) {
    mismatched.get(studyKeyText(key))?.delete(instanceKeyText(key))
  }
  for (const { key, sequence } of allRows) {
    if (recorded.get(sequence)?._tag !== 'PatientMismatch') continue
    const study = mismatched.get(studyKeyText(key)) ?? new Map<string, InstanceKey>()
    mismatched.set(studyKeyText(key), study.set(instanceKeyText(key), key))
  }
  return {
    recorded: [...recorded].map(([sequence, error]) => ({ sequence, error })).sort((a, b) => a.sequence - b.sequence),
    rejected,
    writes: fhir.writes() - before,
  }
}

/** FHIR's content without what only the order of writing decides: ids and versions. */
export const contentOf = (resources: ReadonlyArray<FhirResource>): ReadonlyArray<unknown> => {
  const names = new Map(
    resources.map((resource) => {
      const { resourceType, id } = resource
      const identifiers = 'identifier' in resource ? JSON.stringify(resource.identifier) : id
      const endpoints = resource.resourceType === 'ImagingStudy' ? JSON.stringify(resource.meta?.source) : ''
      return [`${resourceType}/${id}`, `${resourceType} ${identifiers} ${endpoints}`]
    }),
  )
  return resources
    .map((resource) => {
      const { id, meta, ...content } = resource
      const { versionId: _version, ...ofMeta } = meta ?? {}
      const name = names.get(`${resource.resourceType}/${id}`) ?? ''
      const text = JSON.stringify({ ...content, meta: ofMeta }).replace(
        /"reference":"([^"]+)"/g,
        (_match, reference: string) => `"reference":${JSON.stringify(names.get(reference) ?? reference)}`,
      )
      return { name, content: JSON.parse(text) as unknown }
    })
    .sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0))
}
