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
import { type Plan, plan, planEndpoint } from '../../../lib/domain/batch/plan'
import { packUnits } from '../../../lib/domain/batch/units'
import type { EntryError } from '../../../lib/domain/cast-error'
import { studyKeyText } from '../../../lib/domain/dicom/change-feed-entry'
import { judgeFeed } from './domain-feed'
import type { MemoryFhir } from '../fhir/domain-fhir'

export const noLimits: PlanLimits = { entries: 1_000, bytes: 10_000_000 }

/** The metadata of all live instances of a study, as the DICOM service answers it. */
export type ReadStudy = (partition: string, studyInstanceUid: string) => ReadonlyArray<unknown>

export interface CastOptions {
  readonly limits?: PlanLimits
  readonly readStudy?: ReadStudy
  readonly late?: boolean
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
  { limits = noLimits, readStudy = () => [], late = false }: CastOptions = {},
): CastReport => {
  const judge = makeJudge(settings)
  const { live, recorded: rejected } = judgeFeed(judge, elements, late)
  const recorded = new Map<number, EntryError>()
  let verdicts: ReadonlyMap<string, boolean> = new Map()
  const before = fhir.writes()

  const prepare = (rows: ReadonlyArray<LiveRow>): Plan => {
    const readings = new Map<string, ReadonlyArray<UpsertRow>>()
    for (;;) {
      const snapshot = fhir.snapshot(settings)
      const input = { settings, limits, snapshot, readings, keep: new Set<string>(), patientsAlone: false, rows }
      const planned = plan({ ...input, verdicts })
      if (planned.doubts.length === 0) return planned
      for (const study of planned.doubts) {
        const whole = readStudy(study.partition, study.studyInstanceUid)
        readings.set(
          studyKeyText(study),
          whole.flatMap((json) => judge.judgeDataset(json, study.partition) ?? []),
        )
      }
    }
  }

  let pending: ReadonlyArray<LiveRow> = coalesce(live).live
  for (let round = 0; pending.length > 0; round++) {
    if (round > 50) throw new Error('it does not come to an end')
    const partitions = new Set(pending.flatMap((row) => (row._tag === 'Upsert' ? [row.key.partition] : [])))
    for (const partition of partitions) {
      const entry = planEndpoint(settings, fhir.snapshot(settings), partition)
      if (entry !== undefined) fhir.transact([entry])
    }
    const planned = prepare(pending)
    for (const { row, error } of planned.recorded) recorded.set(row.sequence, error)
    verdicts = new Map([...planned.verdicts, ...verdicts])
    const again: Array<LiveRow> = []
    for (const units of packUnits(planned.units, limits)) {
      fhir.transact(units.flatMap(({ entries }) => entries))
      for (const { deferred } of units) {
        again.push(...deferred)
      }
    }
    pending = [...new Set(again)].sort((left, right) => left.sequence - right.sequence)
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
