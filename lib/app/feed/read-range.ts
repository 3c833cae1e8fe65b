import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, retrying } from '../context'
import { didNotCome, patienceMs } from './ask-rows'
import { canBeOneRow, isolate } from './isolate-rows'
import { type SlowRanges, readOneByOne } from './read-one-by-one'
import { type RangeRead, decodePage } from './read-page'

type Result<A> = Promise<E.Either<ServiceError, A>>

/**
 * Reads one range with metadata. What is wrong with a single row costs only that row: an answer too large is read in
 * smaller ranges, one that fails while others can be read is halved down to the bad row, and one that does not come in
 * time, or is known by `slow` not to, is read row by row.
 */
export const readRange = async (
  run: Run,
  offset: number,
  width: number,
  slow: SlowRanges = { hangs: [] },
): Result<RangeRead> => {
  if (slow.hangs.some(({ from, to }) => from <= offset + width && offset < to)) {
    return readOneByOne(run, offset, width, slow)
  }
  const page = await retrying(run, inTime(run.ports.dicom.range(offset, width, true, patienceMs(run))))
  if (E.isRight(page)) {
    return O.isSome(page.right)
      ? decodePage(run, offset, offset + width, page.right.value)
      : readOneByOne(run, offset, width, slow)
  }
  const { left: error } = page
  if (error._tag !== 'AnswerTooLarge') return canBeOneRow(error) ? isolate(run, offset, width, error, slow) : page
  if (width > 1) return readRange(run, offset, Math.floor(width / 2), slow)
  const reason = 'the metadata of one row does not come with its page'
  return isolate(run, offset, width, { _tag: 'ServiceUnavailable', hop: 'dicom', reason }, slow)
}

/** That nothing came in time is an answer, too: the same question would only take as long again. */
const inTime = <A>(ask: TE.TaskEither<ServiceError, A>): TE.TaskEither<ServiceError, O.Option<A>> =>
  pipe(
    ask,
    TE.map(O.some),
    TE.orElse((error) => (didNotCome(error) ? TE.right(O.none) : TE.left(error))),
  )
