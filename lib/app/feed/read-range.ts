import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, retrying } from '../context'
import { canBeOneRow, isolate } from './isolate-rows'
import { type RangeRead, decodePage } from './read-page'

type Result<A> = Promise<E.Either<ServiceError, A>>

/**
 * Reads one range with metadata. What is wrong with a single row costs only that row: an answer too large is read in
 * smaller ranges, one that fails while others can be read is halved down to the bad row.
 */
export const readRange = async (run: Run, offset: number, width: number): Result<RangeRead> => {
  const page = await retrying(run, run.ports.dicom.range(offset, width, true))
  if (E.isRight(page)) return decodePage(run, offset, offset + width, page.right)
  const { left: error } = page
  if (error._tag !== 'AnswerTooLarge') return canBeOneRow(error) ? isolate(run, offset, width, error) : page
  if (width > 1) return readRange(run, offset, Math.floor(width / 2))
  const reason = 'the metadata of one row does not come with its page'
  return isolate(run, offset, width, { _tag: 'ServiceUnavailable', hop: 'dicom', reason })
}
