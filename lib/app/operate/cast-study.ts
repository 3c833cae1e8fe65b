import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { type BatchInput, type BatchResult, castBatch, nothingCast } from '../cast/cast-batch'
import type { FhirSession } from '../cast/fhir-session'
import type { Run } from '../context'
import type { OperatorPorts } from '../ports-operator'
import type { FailIndex, SettledRow } from '../run/fail-index'
import { type ErrorsSettled, settleUnderLease } from '../run/settle-errors'
import { settleTagsOfStudy } from '../run/settle-tags'
import type { Witnesses } from './held-studies'
import { type StudyKey, type StudyRows, readStudyRows } from './resync'
import { settledNow } from './settled-now'

/** Who casts whole studies, under the lease and in one session. */
export interface StudyCasting extends Pick<BatchInput, 'rejectedStudies'> {
  readonly run: Run
  readonly ports: OperatorPorts
  readonly session: FhirSession
  readonly index: FailIndex
  /** For our position and the audit log: a study that is read whole is no entry of a feed. */
  readonly at: number
  readonly witnesses?: Witnesses
  readonly stuckSince?: number | undefined
}

export type StudyCast =
  /** Neither service knows it; so many rows about it went. */
  | { readonly _tag: 'Unknown'; readonly forgotten: number }
  | {
      readonly _tag: 'Cast'
      readonly study: StudyRows
      readonly result: BatchResult
      readonly settled: ReadonlyArray<SettledRow>
      readonly errors: ErrorsSettled
    }

/** One study as the archive has it now, into FHIR and the error tables. */
export const castStudy = async (
  { run, ports, session, index, at, witnesses, stuckSince, rejectedStudies }: StudyCasting,
  key: StudyKey,
): Promise<E.Either<ServiceError, StudyCast>> => {
  const study = await readStudyRows(run, ports, key, witnesses)
  if (E.isLeft(study)) return study
  if (study.right.unknown) return forgetStudy(run, ports, index, key)
  const { rows } = study.right
  const result = await castBatch(run, session, {
    ...{ rows, stuckSince, sequences: { from: at, to: at }, isRebuild: true, sparesPosition: true },
    ...(rejectedStudies === undefined ? {} : { rejectedStudies }),
  })
  const settled = settledNow(index, key, study.right, result, result.stop === undefined)
  const errors = await settleUnderLease(run, index, settled, result.syncedInstances)
  if (E.isLeft(errors)) return errors
  const tags = result.stop === undefined ? await settleTagsOfStudy(run, key, settled) : E.right(0)
  if (E.isLeft(tags)) return tags
  return E.right({ _tag: 'Cast', study: study.right, result, settled, errors: errors.right })
}

const nothingRead: StudyRows = {
  ...{ rows: [], rejected: [], liveInstances: 0, withdrawn: 0, heldInstances: 0, readInstances: 0, unknown: true },
}

/**
 * Nothing is left of it but rows: of its tags, and, where no entry of a feed will ever take them away, of its instances that
 * could not be cast.
 */
const forgetStudy = async (
  run: Run,
  ports: OperatorPorts,
  index: FailIndex,
  key: StudyKey,
): Promise<E.Either<ServiceError, StudyCast>> => {
  const gone = ports.source === undefined ? [] : settledNow(index, key, nothingRead, nothingCast(), true)
  const errors = gone.length === 0 ? E.right(undefined) : await settleUnderLease(run, index, gone, [])
  if (E.isLeft(errors)) return errors
  const tags = await settleTagsOfStudy(run, key, [])
  return E.isLeft(tags) ? tags : E.right({ _tag: 'Unknown', forgotten: tags.right + gone.length })
}
