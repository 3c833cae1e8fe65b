import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { type KnownRow, knownRow } from '../../domain/checkpoint'
import type { DicomService, FeedPage } from '../../app/ports'
import type { StudyList } from '../../app/ports-backfill-store'
import type { StudyIndex } from '../../app/ports-operator'
import type { ListedStudy } from '../../domain/backfill/parts'
import type { ServiceError } from '../../domain/cast-error'
import { defaultPartition, partitionName } from '../../domain/dicom/partition'
import { withoutUnread } from '../../domain/dicom/unread'
import { wadoAddress } from '../../domain/fhir/provenance'
import type { Call } from './authorized'
import { type DicomServiceSettings, readMetadata, reachedRoot } from './dicom-metadata'
import { isRecord, jsonOf, listOf, servedAt, unavailable, unavailableWith, unexpected } from './answers'
import type { HttpAnswer } from './exchange'

type Result<A> = TE.TaskEither<ServiceError, A>

const noFeed =
  'it has studies, and no change feed: set DicomWeb__Source to orthanc for an Orthanc, to dicomweb for any other archive'
const windowRows = 200
const maxIndexBytes = 16 * 1024 * 1024

const pageOf = (answer: HttpAnswer): Result<FeedPage> =>
  // An empty answer is no empty page: rows that were there would be taken for numbers that never were.
  answer.status === 200
    ? pipe(
        listOf('dicom', answer),
        TE.map((elements) => ({ elements, servedAt: servedAt(answer), bytes: answer.bytes })),
      )
    : TE.left(unexpected('dicom', answer))

const memberOf = (json: unknown, name: string): unknown =>
  (isRecord(json) ? Object.entries(json) : []).find(([key]) => key.toLowerCase() === name)?.[1]

const sequenceOf = (json: unknown): number | undefined => {
  const value = memberOf(json, 'sequence')
  const sequence = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  return typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : undefined
}

const textOf = (json: unknown, name: string): string | undefined => {
  const value = memberOf(json, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

const latestOf = (answer: HttpAnswer): E.Either<ServiceError, O.Option<KnownRow>> => {
  if (answer.status === 204 || (answer.status === 200 && answer.body.trim() === '')) return E.right(O.none)
  if (answer.status !== 200) return E.left(unexpected('dicom', answer))
  return pipe(
    jsonOf('dicom', answer),
    E.flatMap((json): E.Either<ServiceError, O.Option<KnownRow>> => {
      if (json === null) return E.right(O.none)
      const sequence = sequenceOf(json)
      return sequence === undefined
        ? E.left(unavailable('dicom', 'unreadable page: the newest entry has no sequence'))
        : E.right(O.some(knownRow(sequence, textOf(json, 'timestamp'), textOf(json, 'sopinstanceuid'))))
    }),
  )
}

/** One attempt a call: the caller knows how much time there is to try again. */
export const dicomChangeFeed = (settings: DicomServiceSettings, call: Call): DicomService => {
  const service = reachedRoot(settings)

  const feed = (path: string, withinMs?: number): Result<HttpAnswer> =>
    pipe(
      call({
        ...{ method: 'GET', url: `${service.root}/${path}`, headers: { accept: 'application/json' } },
        ...{ maxBytes: settings.maxPageBytes, keep: withoutUnread },
        ...(withinMs === undefined ? {} : { withinMs }),
      }),
      TE.flatMap((answer) => (answer.status === 404 ? nothingThere(answer) : TE.right(answer))),
    )

  /** Where the feed alone is missing, it is an archive of another kind. */
  const nothingThere = (answer: HttpAnswer): Result<HttpAnswer> => {
    const headers = { accept: 'application/dicom+json' }
    const url = `${service.root}/studies?limit=1`
    return pipe(
      call({ method: 'GET', url, headers, maxBytes: maxIndexBytes }),
      TE.flatMap((studies) =>
        studies.status === 200 ? listOf('dicom', studies) : TE.left(unexpected('dicom', studies)),
      ),
      TE.match(
        () => E.right(answer),
        () => E.left(unavailableWith('dicom', answer, noFeed)),
      ),
    )
  }

  const metadata = readMetadata(settings, call)

  return {
    latest: () => pipe(feed('v1/changefeed/latest?includeMetadata=false'), TE.flatMapEither(latestOf)),
    range: (offset, limit, withMetadata, withinMs) =>
      pipe(
        feed(`v1/changefeed?offset=${offset}&limit=${limit}&includeMetadata=${withMetadata}`, withinMs),
        TE.flatMap(pageOf),
      ),
    window: (startTime, offset) =>
      pipe(
        feed(
          `v2/changefeed?startTime=${encodeURIComponent(startTime)}&offset=${offset}&limit=${windowRows}&includeMetadata=false`,
        ),
        TE.flatMap(pageOf),
      ),
    study: (partition, studyInstanceUid) => metadata(partition, studyInstanceUid),
    instance: ({ partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }, withinMs) =>
      pipe(
        metadata(partition, `${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`, withinMs),
        TE.map((datasets) => O.fromNullable(datasets[0])),
      ),
  }
}

const noStudies = 'nothing is at the URL of studies: check DicomWeb__Version'

const firstOf = (json: unknown, tag: string): unknown => {
  const element = isRecord(json) ? json[tag] : undefined
  const values = isRecord(element) ? element['Value'] : undefined
  return Array.isArray(values) ? (values[0] as unknown) : undefined
}

// What QIDO-RS answers for one study: of its attributes mostly the UID is of use.
const studyUidOf = (json: unknown): ReadonlyArray<string> => {
  const uid = firstOf(json, '0020000D')
  return typeof uid === 'string' ? [uid] : []
}

/** A number may come as a text; what it is not counts as one image. */
const listedOf = (json: unknown): ReadonlyArray<ListedStudy> => {
  const [patientId, instances] = [firstOf(json, '00100020'), Number(firstOf(json, '00201208'))]
  return studyUidOf(json).map((studyInstanceUid) => ({
    studyInstanceUid,
    patientId: typeof patientId === 'string' ? patientId : '',
    instances: Number.isSafeInteger(instances) && instances > 0 ? instances : 1,
  }))
}

/** NumberOfStudyRelatedInstances is told only to who asks for it. */
const withInstances = 'includefield=00201208'

/** QIDO-RS (PS3.18 §10.6): which studies there are. */
export const dicomStudyIndex = (settings: DicomServiceSettings, call: Call): StudyIndex & StudyList => {
  const service = reachedRoot(settings)
  // One type a request: Orthanc writes an error into its log for a list of them.
  const get = (url: string, accept = 'application/dicom+json'): Result<HttpAnswer> =>
    call({ method: 'GET', url, headers: { accept }, maxBytes: maxIndexBytes })
  const namesOf = (json: ReadonlyArray<unknown>): ReadonlyArray<string> =>
    json.flatMap((each) => {
      const name = isRecord(each) ? each['partitionName'] : undefined
      return typeof name === 'string' && partitionName.test(name) ? [name] : []
    })
  const found = (partition: string, query: string): Result<ReadonlyArray<unknown>> =>
    pipe(
      get(`${wadoAddress(service, partition)}/studies?${query}`),
      TE.flatMap((answer): Result<ReadonlyArray<unknown>> => {
        if (answer.status === 204) return TE.right([])
        // A service without studies says so in another way.
        if (answer.status === 404) return TE.left(unavailableWith('dicom', answer, noStudies))
        return answer.status === 200 ? listOf('dicom', answer) : TE.left(unexpected('dicom', answer))
      }),
    )
  const uids = (studies: ReadonlyArray<unknown>): ReadonlyArray<string> => studies.flatMap(studyUidOf)
  return {
    partitions: () =>
      pipe(
        get(`${wadoAddress(service, defaultPartition)}/partitions`, 'application/json'),
        TE.flatMap((answer): Result<ReadonlyArray<string>> => {
          if (answer.status === 200) return pipe(listOf('dicom', answer), TE.map(namesOf))
          // A service without partitions has no such route.
          return [204, 400, 404, 405].includes(answer.status)
            ? TE.right([defaultPartition])
            : TE.left(unexpected('dicom', answer))
        }),
      ),
    studies: (partition, offset, limit) => pipe(found(partition, `limit=${limit}&offset=${offset}`), TE.map(uids)),
    page: (partition, offset, limit) =>
      pipe(
        found(partition, `limit=${limit}&offset=${offset}&${withInstances}`),
        TE.map((studies) => studies.flatMap(listedOf)),
      ),
    find: (partition, studyInstanceUid) =>
      pipe(
        found(partition, `StudyInstanceUID=${studyInstanceUid}&limit=1&${withInstances}`),
        TE.map((studies) =>
          O.fromNullable(studies.flatMap(listedOf).find((each) => each.studyInstanceUid === studyInstanceUid)),
        ),
      ),
    has: (partition, studyInstanceUid) =>
      pipe(
        found(partition, `StudyInstanceUID=${studyInstanceUid}&limit=1`),
        TE.map((studies) => uids(studies).includes(studyInstanceUid)),
      ),
  }
}
