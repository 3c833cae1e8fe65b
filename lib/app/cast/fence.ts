import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Basic } from 'fhir/r4'
import type { ServiceError } from '../../domain/cast-error'
import { feedIdOf, positionResource, positionSequence } from '../../domain/fhir/position'
import { type Run, retrying } from '../context'
import { gateOpen } from '../gate-open'

type Result<A> = Promise<E.Either<ServiceError, A>>

/** What every transaction of a session carries with If-Match: our position, or the lane of a backfill. */
export interface Fence {
  /** Its version now. Left also when somebody else may have written since the first time: what was read then is old. */
  readonly read: () => Result<string>
  /** To be asked after the version was read, and to be heard before anything is written: may it be? */
  readonly mayWrite: () => Result<void>
  /** The highest sequence that an earlier run's last transaction held. */
  readonly reached: () => number
  /** As it is written next; new at each call. */
  readonly next: (sequence: number) => Basic
}

export const unusable = (reason: string): E.Either<ServiceError, never> =>
  E.left({ _tag: 'ServiceUnavailable', hop: 'fhir', reason })

export const noVersions =
  'it tells no versions (neither ETag nor meta.versionId): an update could not be guarded against another writer'

/** Of the one reader of the feed, and of all that writes under its lease. */
export const positionFence = (run: Run): Fence => {
  let reached: number | undefined
  const readVersion = async (): Result<string | undefined> => {
    const read = await retrying(run, run.ports.fhir.read('Basic', feedIdOf(run.settings.dicom)))
    if (E.isLeft(read)) return read
    if (O.isNone(read.right)) return E.right(undefined)
    reached ??= positionSequence(read.right.value) ?? 0
    const versionId = read.right.value.meta?.versionId
    return versionId === undefined ? unusable(noVersions) : E.right(versionId)
  }
  return {
    read: async () => {
      const first = await readVersion()
      if (E.isLeft(first)) return first
      if (first.right === undefined) {
        const born = await bear(run)
        if (E.isLeft(born)) return born
      }
      const read = first.right === undefined ? await readVersion() : first
      if (E.isLeft(read)) return read
      if (read.right === undefined) {
        return unusable('our position (a Basic resource) cannot be read back after it was written')
      }
      // Another run may have worked while we slept: what we read of the feed is old then, and must not be written. From
      // here on it would have to move the position.
      const held = await retrying(run, run.lease.confirm())
      return E.isLeft(held) ? held : E.right(read.right)
    },
    mayWrite: () => gateOpen(run),
    reached: () => reached ?? 0,
    next: (sequence) => {
      const { ports, settings, runId } = run
      return positionResource({ dicom: settings.dicom, run: runId, sequence, transaction: ports.random.uuid() })
    },
  }
}

/** With constant content: two runs that meet here write the same. */
const bear = async (run: Run): Result<void> => {
  const held = run.lease.check()
  if (E.isLeft(held)) return held
  const { dicom } = run.settings
  const put = run.ports.fhir.put('Basic', feedIdOf(dicom), JSON.stringify(positionResource({ dicom })))
  const born = await retrying(run, put)
  return E.isLeft(born) && born.left._tag !== 'FhirConflict' ? born : E.right(undefined)
}
