import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../../domain/cast-error'
import { type Checkpoint, newCheckpoint, headOf } from '../../domain/checkpoint'
import { type Run, pauseBefore, retrying } from '../context'
import { beginName, goBy } from '../feed-name'
import type { StoredCheckpoint } from '../ports'

/** The checkpoint of this feed, or where a new sync begins. Only "no such row" means new. */
export const openCheckpoint = async (run: Run): Promise<E.Either<ServiceError, StoredCheckpoint>> => {
  const { checkpoints, dicom } = run.ports
  const read = await retrying(run, checkpoints.readNamed())
  if (E.isLeft(read)) return read
  const { checkpoint: stored, name } = read.right
  const known = goBy(run, name)
  if (E.isLeft(known)) return known
  if (O.isSome(stored) && stored.value.isOriginals !== true) return E.right(ofThisKind(run, stored.value))
  const begun = await beginName(run, O.isSome(stored))
  if (E.isLeft(begun)) return begun
  if (O.isSome(stored)) return E.right(ofThisKind(run, stored.value))
  const { startFrom } = run.settings
  if (startFrom === 'beginning') return E.right({ checkpoint: beginningAt(run, 0), etag: undefined })
  const latest = startFrom === 'now' ? await retrying(run, dicom.latest()) : E.right(O.some({ sequence: startFrom }))
  if (E.isLeft(latest)) return latest
  const checkpoint = beginningAt(run, headOf(latest.right))
  return writeCheckpoint(run, { checkpoint, etag: undefined }, checkpoint)
}

/**
 * The number of a feed says nothing about an archive's log, nor the other way round: what is there is cast again, which
 * changes nothing that is right.
 */
const ofThisKind = (run: Run, stored: StoredCheckpoint): StoredCheckpoint => {
  const { source } = run.ports
  const isOfLog = stored.checkpoint.logRows !== undefined
  const isOther = source === undefined ? isOfLog : source.log !== undefined && !isOfLog
  return isOther ? { ...stored, checkpoint: beginningAt(run, 0) } : stored
}

/** Of an archive with a log of its own: none of its rows was read. */
export const noRowsOf = ({ ports }: Pick<Run, 'ports'>): Pick<Checkpoint, 'logRows'> =>
  ports.source === undefined ? {} : { logRows: [] }

export const beginningAt = (run: Pick<Run, 'ports'>, sequence: number): Checkpoint => ({
  ...newCheckpoint(sequence),
  ...noRowsOf(run),
})

/** Once; and once more, with patience, when storage may not have heard. */
export const writeCheckpoint = async (
  run: Run,
  from: StoredCheckpoint,
  to: Checkpoint,
): Promise<E.Either<WriteError, StoredCheckpoint>> => {
  const held = run.lease.check()
  if (E.isLeft(held)) return held
  const first = await run.ports.checkpoints.write(from, to)()
  const isOpen = E.isLeft(first) && first.left._tag === 'ServiceUnavailable' && (await pauseBefore(run, 1, first.left))
  const written = isOpen ? await retrying(run, run.ports.checkpoints.write(from, to)) : first
  if (E.isRight(written)) run.trouble = undefined
  return E.isLeft(written) && isOpen ? E.left({ ...written.left, afterFailure: true }) : written
}

/** `afterFailure`: an earlier attempt failed, and may have been carried out before somebody else went on from there. */
export type WriteError = ServiceError & { readonly afterFailure?: true }

/** The checkpoint did not come from this run: what it recorded is not what was settled. */
export const isSurelyNotOurs = ({ _tag, afterFailure }: WriteError): boolean =>
  (_tag === 'CheckpointMoved' || _tag === 'LeaseLost') && afterFailure !== true
