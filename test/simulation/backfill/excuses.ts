import type { FailRow } from '../../../lib/app/ports'
import { studyText } from '../feed-model'
import type { Services } from '../runs'

/** A row about a study as a whole, which failed alone while others did not: it stays until the study is rebuilt. */
export const isOfStudy = ({ sequence, error, key }: FailRow): boolean =>
  sequence === 0 && error._tag === 'OutlastedRetries' && key.sopInstanceUid === undefined

/**
 * Studies (studyText) that a backfill could not read or cast, and has recorded: what they were until then it passed by, and
 * what the rejection notes in them say of others.
 */
export const passedStudies = ({ storage, feed }: Pick<Services, 'storage' | 'feed'>): ReadonlySet<string> => {
  const own = new Set(
    [...storage.fails.values()].flatMap(({ row }) => {
      const { partition = '', studyInstanceUid: study = '' } = row.key
      return isOfStudy(row) ? [studyText({ partition, study })] : []
    }),
  )
  const noted = [...feed.images.values()].flatMap(({ key, rows }) =>
    own.has(studyText(key))
      ? rows.flatMap(({ tags }) =>
          (tags?.note?.lists ?? []).map(({ study }) => studyText({ partition: key.partition, study })),
        )
      : [],
  )
  return new Set([...own, ...noted])
}

/**
 * Which of its images that differ came last, nobody told: a backfill wrote it (`path`), or found it right and passed its rows
 * by.
 */
export const isRebuilt = ({ fhir, backfill }: Services, path: string, name: string): boolean =>
  fhir.rebuilt?.has(path) === true || [...(backfill?.entered.keys() ?? [])].some((key) => key.endsWith(` ${name}`))

/**
 * A backfill moved the checkpoint past it. What a note says of its instance stays in the row of the entry that stood before; of a
 * study that it could not cast all rows stay.
 */
export const isPassedBy = ({ backfill }: Pick<Services, 'backfill'>, sequence: number): boolean =>
  backfill?.row?.state === 'over' && sequence <= (backfill.row.checkpoint ?? 0)
