import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { FeedPage } from '../../app/ports'
import type { ProbedDicomService, StudyIndex } from '../../app/ports-operator'
import type { StudySource } from '../../app/ports-source'
import type { ServiceError } from '../../domain/cast-error'
import { type KnownRow, knownRow } from '../../domain/checkpoint'
import { defaultPartition } from '../../domain/dicom/partition'
import { unavailable } from './answers'
import type { Call } from './authorized'
import { type DicomServiceSettings, isInstance, isOfStudy, readMetadata, readStudy } from './dicom-metadata'

type Result<A> = TE.TaskEither<ServiceError, A>

/** No number of a log is higher. */
const beyond = Number.MAX_SAFE_INTEGER

const noFeed = ({ kind }: StudySource): ServiceError => ({
  // With the status, so that nobody asks again in vain.
  ...unavailable('dicom', `DicomWeb__Source is ${kind}: there is no change feed to ask what happened when`),
  status: 404,
})

/** `20261128T141011`, of UTC. */
export const isoOf = (date: string): string =>
  date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6Z')

const hiddenInstance = unavailable('dicom', 'its study has the image, and its own metadata is not to be found')

const noStudyEither: ServiceError = {
  ...unavailable('dicom', 'neither the image nor its study is to be found: a comparison tells whether it is gone'),
  status: 404,
}

const otherStudy = unavailable('dicom', 'asked for the metadata of a study it answers with that of another')

const ambiguous: ServiceError = {
  ...unavailable('dicom', 'it has more than one study of this StudyInstanceUID: nobody can tell which is meant'),
  ...{ status: 404, isAmbiguous: true },
}

const hiddenStudies: ServiceError = {
  ...unavailable('dicom', 'it lists studies, and the metadata of none of them is to be found'),
  status: 404,
}

/** Studies that are looked at to see whether the route of metadata works: a single one may be there twice. */
const mostProbed = 5

/** An archive without a change feed, as far as one can be asked of it. Its log stands in the place of the feed's rows. */
export const dicomArchive = (settings: DicomServiceSettings, call: Call, source: StudySource): ProbedDicomService => {
  const metadata = readMetadata(settings, call)
  const study = (partition: string, uid: string): Result<ReadonlyArray<unknown>> =>
    pipe(
      readStudy(metadata, partition, uid),
      TE.filterOrElse(isOfStudy(uid), (): ServiceError => otherStudy),
      TE.flatMap((datasets) => onlyStudy(uid, datasets)),
    )
  /** Of two studies of one UID its metadata may be that of either, and its images would move from one to the other. */
  const onlyStudy = (uid: string, datasets: ReadonlyArray<unknown>): Result<ReadonlyArray<unknown>> =>
    datasets.length === 0 || source.copies === undefined
      ? TE.right(datasets)
      : pipe(
          source.copies(uid),
          TE.flatMap((copies) => (copies > 1 ? TE.left(ambiguous) : TE.right(datasets))),
        )
  const { log } = source
  const anyOf = (uids: ReadonlyArray<string>): Result<boolean> => {
    const [first, ...others] = uids
    if (first === undefined) return TE.right(false)
    return pipe(
      study(defaultPartition, first),
      TE.flatMap(({ length }) => (length > 0 ? TE.right(true) : anyOf(others))),
    )
  }
  return {
    latest: () =>
      log === undefined
        ? TE.right(O.none)
        : pipe(
            log.rows(beyond, 1),
            TE.map(({ last }): O.Option<KnownRow> =>
              last === 0 ? O.none : O.some(knownRow(last, undefined, undefined)),
            ),
          ),
    range: (offset, limit) => {
      const page = (elements: FeedPage['elements']): FeedPage => ({ elements, servedAt: Date.now(), bytes: 0 })
      return log === undefined
        ? TE.right(page([]))
        : pipe(
            log.rows(offset, limit),
            TE.map(({ rows }) => page(rows.map(({ sequence, date }) => ({ sequence, timestamp: isoOf(date) })))),
          )
    },
    window: () => TE.left(noFeed(source)),
    study,
    // "No such image" is believed of a study that can be read, and does not have it.
    instance: ({ partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }, withinMs) =>
      pipe(
        metadata(partition, `${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`, withinMs),
        TE.flatMap(([found]): Result<O.Option<unknown>> => {
          if (found !== undefined) return TE.right(O.some(found))
          return pipe(
            study(partition, studyInstanceUid),
            TE.flatMap((datasets) => {
              if (datasets.length === 0) return TE.left(noStudyEither)
              return datasets.some(isInstance(sopInstanceUid)) ? TE.left(hiddenInstance) : TE.right(O.none)
            }),
          )
        }),
      ),
    probeStudies: () =>
      pipe(
        source.list(0, mostProbed),
        TE.flatMap((listed) => {
          const uids = listed.map(({ studyInstanceUid }) => studyInstanceUid)
          return TE.map((isFound: boolean) => isFound || uids.length === 0)(anyOf(uids))
        }),
        TE.flatMap((isFine) => (isFine ? TE.right(undefined) : TE.left(hiddenStudies))),
      ),
  }
}

/** Its lists are the source's: that of QIDO-RS may be cut. */
export const archiveIndex = ({ list }: StudySource, { has }: Pick<StudyIndex, 'has'>): StudyIndex => ({
  partitions: () => TE.right([defaultPartition]),
  studies: (_partition, offset, limit) =>
    pipe(
      list(offset, limit),
      TE.map((studies) => studies.map(({ studyInstanceUid }) => studyInstanceUid)),
    ),
  has,
})
