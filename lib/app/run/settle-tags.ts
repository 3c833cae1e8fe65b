import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'
import { type Run, retrying } from '../context'
import type { SettledRow } from './fail-index'
import { tagRowsOf } from './settle-errors'

const placeText = (series: string | undefined, keyword: string): string => `${series ?? ''} ${keyword}`

/**
 * Takes away the rows of tags that no instance of the study bears out any more. `settled` has all its live instances:
 * what was read in parts says nothing about the rest.
 */
export const settleTagsOfStudy = async (
  run: Run,
  study: Pick<InstanceKey, 'partition' | 'studyInstanceUid'>,
  settled: ReadonlyArray<SettledRow>,
): Promise<E.Either<ServiceError, void>> => {
  const listed = await retrying(run, run.ports.errors.tagRows(study))
  if (E.isLeft(listed)) return listed
  const places = new Set(
    tagRowsOf(settled, run.judge.studyKeywords).map(({ seriesInstanceUid, issue }) =>
      placeText(seriesInstanceUid, issue.keyword),
    ),
  )
  const stale = listed.right.filter(
    ({ seriesInstanceUid, keyword }) => !places.has(placeText(seriesInstanceUid, keyword)),
  )
  return stale.length === 0 ? E.right(undefined) : retrying(run, run.ports.errors.removeTags(stale))
}
