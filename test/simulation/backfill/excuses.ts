import type { FailRow } from '../../../lib/app/ports'
import { type Feed, type Image, keyText, lastRow, studyText } from '../feed-model'
import type { Services } from '../runs'

/** A row about a study as a whole, which failed alone while others did not: it stays until the study is rebuilt. */
export const isOfStudy = ({ sequence, error, key }: FailRow): boolean =>
  sequence === 0 && error._tag === 'OutlastedRetries' && key.sopInstanceUid === undefined

/** Studies (studyText) that a backfill could not read or cast, and has recorded. */
const recordedStudies = ({ storage }: Pick<Services, 'storage'>): ReadonlySet<string> =>
  new Set(
    [...storage.fails.values()].flatMap(({ row }) => {
      const { partition = '', studyInstanceUid: study = '' } = row.key
      return isOfStudy(row) ? [studyText({ partition, study })] : []
    }),
  )

const listedBy = ({ key, rows }: Image): ReadonlyArray<string> =>
  rows.flatMap(({ tags }) =>
    (tags?.note?.lists ?? []).map((listed) => keyText({ ...listed, partition: key.partition })),
  )

/**
 * Of studies that a backfill has recorded as a whole: images (keyText) of which the feed told nothing since, and what their
 * rejection notes list. What they were until then it passed by, if it moved the checkpoint.
 */
export const passedImages = ({ storage, feed, backfill }: Services): ReadonlySet<string> => {
  const own = recordedStudies({ storage })
  const passedTo = backfill?.passedTo ?? 0
  const passed = [...feed.images.values()].filter(
    (image) => own.has(studyText(image.key)) && (lastRow(image)?.sequence ?? 0) <= passedTo,
  )
  return new Set(passed.flatMap((image) => [keyText(image.key), ...listedBy(image)]))
}

/** Whether the archive would not let it be read at any time since a backfill began. */
export const wasUnread = ({ feed, forbidden, backfill }: Services, name: string): boolean => {
  const since = backfill?.beganAt ?? Infinity
  return feed.wasUnread(name, since) || forbidden?.wasForbidden(name, since) === true
}

/**
 * That it is gone nobody could believe: since a backfill began there was a time at which no study of its partition could be read,
 * to be found in its place.
 */
export const wasUnbelieved = (
  { feed, forbidden, backfill }: Services,
  { partition = '', studyInstanceUid = '' }: FailRow['key'],
): boolean =>
  ![...feed.images.values()].some(
    ({ key, tags }) => tags !== undefined && key.partition === partition && key.study === studyInstanceUid,
  ) && feed.wasEmpty(partition, backfill?.beganAt ?? Infinity, forbidden?.ever ?? new Set())

const isOfOne = (values: ReadonlyArray<string | undefined>): boolean => new Set(values).size === 1

/** What its images say, all of them alike, and nothing ever left it: no order among them makes a difference. */
export const agreedIn = (
  { images }: Pick<Feed, 'images'>,
  name: string,
  valueOf: (image: Image) => string | undefined,
): string | undefined => {
  const own = [...images.values()].filter(({ key }) => studyText(key) === name)
  const isWhole = own.every(
    ({ tags, rows }) => tags !== undefined && rows.every(({ late, tags: told }) => !late && told !== undefined),
  )
  const values = own.map(valueOf)
  return isWhole && isOfOne(values) ? values[0] : undefined
}

/**
 * Which of its images that differ came last, nobody told: a backfill wrote it (`path`), or found it right, and passed its rows by
 * with the checkpoint.
 */
export const isRebuilt = ({ fhir, backfill }: Services, path: string, name: string): boolean => {
  const { entered, passedTo } = backfill ?? { entered: new Map<string, unknown>(), passedTo: 0 }
  return (
    fhir.rebuilt?.has(path) === true || (passedTo > 0 && [...entered.keys()].some((key) => key.endsWith(` ${name}`)))
  )
}

/**
 * A backfill moved the checkpoint past it. What a note says of its instance stays in the row of the entry that stood before; of a
 * study that it could not cast all rows stay.
 */
export const isPassedBy = ({ backfill }: Pick<Services, 'backfill'>, sequence: number): boolean =>
  sequence <= (backfill?.passedTo ?? 0)
