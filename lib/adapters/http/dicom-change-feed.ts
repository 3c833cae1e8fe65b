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
import { dicomRoot, wadoAddress } from '../../domain/fhir/provenance'
import type { Call } from './authorized'
import { isRecord, jsonOf, listOf, servedAt, unavailable, unavailableWith, unexpected } from './answers'
import type { HttpAnswer } from './exchange'

export interface DicomServiceSettings {
  readonly endpoint: string
  readonly privateEndpoint: string | undefined
  /** Of the URLs of studies; empty for a service without versions. */
  readonly version: string
  readonly maxPageBytes: number
}

type Result<A> = TE.TaskEither<ServiceError, A>

// A study is read whole, and there is no smaller piece to ask for: 20,000 images of 8 KB each must fit.
const maxStudyBytes = 256 * 1024 * 1024
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

/** Nothing is there: 404, or 410 of a service that remembers what it deleted. Believed by whoever compares. */
const metadataOf = (answer: HttpAnswer): Result<ReadonlyArray<unknown>> => {
  if (answer.status === 404 || answer.status === 410) return TE.right([])
  return answer.status === 200 ? listOf('dicom', answer) : TE.left(unexpected('dicom', answer))
}

/** One attempt a call: the caller knows how much time there is to try again. */
export const dicomChangeFeed = (settings: DicomServiceSettings, call: Call): DicomService => {
  const service = dicomRoot(settings.privateEndpoint ?? settings.endpoint, settings.version)

  const get = (url: string, accept: string, maxBytes: number, withinMs?: number): Result<HttpAnswer> => {
    const within = withinMs === undefined ? {} : { withinMs }
    return call({ method: 'GET', url, headers: { accept }, maxBytes, keep: withoutUnread, ...within })
  }

  const feed = (path: string, withinMs?: number): Result<HttpAnswer> =>
    get(`${service.root}/${path}`, 'application/json', settings.maxPageBytes, withinMs)

  const metadataAt = (root: string, path: string, withinMs?: number): Result<HttpAnswer> =>
    get(`${root}/studies/${path}/metadata`, 'application/dicom+json', maxStudyBytes, withinMs)

  const metadata = (partition: string, path: string, withinMs?: number): Result<ReadonlyArray<unknown>> =>
    pipe(
      metadataAt(wadoAddress(service, partition), path, withinMs),
      // A service with partitions answers 400 to a URL that names none, one without them to a URL that does.
      TE.flatMap((answer) =>
        answer.status === 400 && partition === defaultPartition
          ? metadataAt(`${wadoAddress(service, defaultPartition)}/partitions/${defaultPartition}`, path, withinMs)
          : TE.right(answer),
      ),
      TE.flatMap(metadataOf),
    )

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
  const service = dicomRoot(settings.privateEndpoint ?? settings.endpoint, settings.version)
  const get = (url: string): Result<HttpAnswer> =>
    call({
      method: 'GET',
      url,
      headers: { accept: 'application/dicom+json, application/json' },
      maxBytes: maxIndexBytes,
    })
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
        get(`${wadoAddress(service, defaultPartition)}/partitions`),
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
