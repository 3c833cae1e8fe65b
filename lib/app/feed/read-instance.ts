import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../domain/cast-error'
import { defaultPartition } from '../../domain/dicom/partition'
import type { FailRowSubject } from '../../domain/fail-row'
import { type Run, retrying } from '../context'
import { canBeOfStudy } from './isolate-rows'
import type { ReadRow } from './read-page'

/**
 * The instance that a row is about as the DICOM service has it now, as an entry with this number: a Create, or a Delete
 * when it is gone, so that nothing of it stays behind. None when the row does not tell which instance it is.
 */
export const readInstance = async (
  run: Run,
  { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }: FailRowSubject,
  number: number,
  ask: <A>(request: TE.TaskEither<ServiceError, A>) => Promise<E.Either<ServiceError, A>> = (request) =>
    retrying(run, request),
): Promise<E.Either<ServiceError, ReadRow | undefined>> => {
  if (studyInstanceUid === undefined || seriesInstanceUid === undefined || sopInstanceUid === undefined) {
    return E.right(undefined)
  }
  const uids = { studyInstanceUid, seriesInstanceUid, sopInstanceUid }
  const metadata = await ask(run.ports.dicom.instance({ partition: partition ?? defaultPartition, ...uids }))
  if (E.isLeft(metadata)) return metadata
  const now = O.isSome(metadata.right)
    ? { action: 'create', state: 'current', metadata: metadata.right.value }
    : { action: 'delete', state: 'deleted' }
  const decoded = run.judge.decode({ sequence: number, partitionName: partition, ...uids, ...now })
  return E.right(E.isRight(decoded) ? { _tag: 'Entry', sequence: number, entry: decoded.right } : undefined)
}

/** It cannot be read now: that keeps nothing else waiting. */
export const isUnread = (error: ServiceError): boolean => error._tag === 'ServiceUnavailable' || canBeOfStudy(error)

/**
 * By the numbers they are cast with: those of their entries, and the free ones below for instances that no entry told
 * of, which are so the oldest.
 */
export const numbered = <A extends FailRowSubject>(rows: ReadonlyArray<A>): ReadonlyMap<number, A> => {
  const byNumber = new Map(rows.flatMap((row) => (row.sequence > 0 ? [[row.sequence, row] as const] : [])))
  let free = 1
  for (const row of rows) {
    if (row.sequence > 0) continue
    while (byNumber.has(free)) free += 1
    byNumber.set(free, row)
  }
  return byNumber
}
