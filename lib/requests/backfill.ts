import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import type { BackfillRequest } from '../app/backfill/start'
import type { StudyKey } from '../app/operate/resync'
import { defaultLanes, mostLanes } from '../domain/backfill/lane'
import { mostGiven } from '../domain/backfill/parts'
import { defaultPartition } from '../domain/dicom/partition'
import { type Parsed, flag, listOf, parser, partition, refined, time, uid, whole } from './codecs'

const studyName = refined('a StudyInstanceUID, or partition/StudyInstanceUID', (value): StudyKey | undefined => {
  const [, name = defaultPartition, studyInstanceUid] =
    typeof value === 'string' ? (/^(?:([^/]{1,64})\/)?([^/]{1,64})$/.exec(value) ?? []) : []
  return uid.is(studyInstanceUid) && partition.is(name) ? { partition: name, studyInstanceUid } : undefined
})

/** Of a file, a study a line; what is no study is told by the number of its line. */
export const parseStudyLines = (text: string): Parsed<ReadonlyArray<string>> => {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  const wrong = lines.flatMap((line, at) =>
    line === '' || studyName.is(line) ? [] : [`studies: line ${at + 1}: expected ${studyName.name}`],
  )
  return wrong.length > 0 ? E.left(wrong) : E.right(lines.filter((line) => line !== ''))
}

const BackfillBody = parser({
  lanes: whole(1, mostLanes),
  partitions: listOf(100, partition),
  since: time,
  studies: listOf(mostGiven, studyName),
  confirm: flag,
})

/** `isDryRun`: it writes nothing, and needs no word for that. */
export const parseBackfill = (given: unknown, isDryRun: boolean): Parsed<BackfillRequest> =>
  pipe(
    BackfillBody(given),
    E.flatMap(({ lanes = defaultLanes, partitions = [], since, studies, confirm }): Parsed<BackfillRequest> => {
      if (confirm !== true && !isDryRun) return E.left(['confirm: must be true'])
      if (studies?.length === 0) return E.left(['studies: expected one at least'])
      if (studies !== undefined && (partitions.length > 0 || since !== undefined)) {
        return E.left(['studies: these alone, without partitions or a time'])
      }
      const scope = { ...(partitions.length === 0 ? {} : { partitions }), ...(since === undefined ? {} : { since }) }
      return E.right({ lanes, scope, ...(studies === undefined ? {} : { studies }) })
    }),
  )

const WorkBody = parser({ atOnce: whole(1, mostLanes) })

/** On how many parts one process works at once. */
export const parseWork = (given: unknown): Parsed<number> =>
  pipe(
    WorkBody(given),
    E.map(({ atOnce = 1 }) => atOnce),
  )
