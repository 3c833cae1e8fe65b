import { pipe } from 'fp-ts/function'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../domain/cast-error'
import { defaultPartition } from '../../domain/dicom/partition'
import { withoutUnread } from '../../domain/dicom/unread'
import { dicomRoot, wadoAddress } from '../../domain/fhir/provenance'
import { isRecord, listOf, unavailable, unexpected } from './answers'
import type { Call } from './authorized'
import type { HttpAnswer } from './exchange'

type Result<A> = TE.TaskEither<ServiceError, A>

export interface DicomServiceSettings {
  readonly endpoint: string
  readonly privateEndpoint: string | undefined
  readonly source: 'changefeed' | 'orthanc' | 'dicomweb'
  /** Of the URLs of studies; empty for a service without versions. */
  readonly version: string
  readonly maxPageBytes: number
}

/** What is asked lies here. */
export const reachedRoot = ({ endpoint, privateEndpoint, version }: Omit<DicomServiceSettings, 'maxPageBytes'>) =>
  dicomRoot(privateEndpoint ?? endpoint, version)

// A study is read whole, and there is no smaller piece to ask for: 20,000 images of 8 KB each must fit.
const maxStudyBytes = 256 * 1024 * 1024

/** Nothing is there: 404, or 410 of a service that remembers what it deleted. Believed by whoever compares. */
const metadataOf = (answer: HttpAnswer): Result<ReadonlyArray<unknown>> => {
  if (answer.status === 404 || answer.status === 410) return TE.right([])
  return answer.status === 200 ? listOf('dicom', answer) : TE.left(unexpected('dicom', answer))
}

/** The metadata (WADO-RS) below `studies/`; none when nothing is there. */
export type ReadMetadata = (partition: string, path: string, withinMs?: number) => Result<ReadonlyArray<unknown>>

export const readMetadata = (settings: DicomServiceSettings, call: Call): ReadMetadata => {
  const service = reachedRoot(settings)
  const at = (root: string, path: string, withinMs?: number): Result<HttpAnswer> =>
    call({
      ...{ method: 'GET', url: `${root}/studies/${path}/metadata`, headers: { accept: 'application/dicom+json' } },
      ...{ maxBytes: maxStudyBytes, keep: withoutUnread },
      ...(withinMs === undefined ? {} : { withinMs }),
    })
  // A service with partitions answers 400 to a URL that names none, one without them to a URL that does.
  const mayWantPartition = ({ status }: HttpAnswer, partition: string): boolean =>
    status === 400 && partition === defaultPartition && settings.source === 'changefeed'
  return (partition, path, withinMs) =>
    pipe(
      at(wadoAddress(service, partition), path, withinMs),
      TE.flatMap((answer) =>
        mayWantPartition(answer, partition)
          ? at(`${wadoAddress(service, defaultPartition)}/partitions/${defaultPartition}`, path, withinMs)
          : TE.right(answer),
      ),
      TE.flatMap(metadataOf),
    )
}

const uidOf = (dataset: unknown, tag: string): string | undefined => {
  const element = isRecord(dataset) ? dataset[tag] : undefined
  const values = isRecord(element) ? element['Value'] : undefined
  const value: unknown = Array.isArray(values) ? values[0] : undefined
  return typeof value === 'string' && /^[\d.]{1,64}$/.test(value) ? value : undefined
}

const sopClassUid = '00080016'
const sopInstanceUid = '00080018'
const seriesInstanceUid = '0020000E'

const instancesIn = (datasets: ReadonlyArray<unknown>): ReadonlySet<string> =>
  new Set(datasets.flatMap((each) => uidOf(each, sopInstanceUid) ?? []))

const changing = unavailable('dicom', 'its series have not all the images that its study has')

/** A study's metadata from an index that has no class of its instances (Orthanc's MainDicomTags): read by series, then. */
export const readStudy =
  (metadata: ReadMetadata, partition: string, studyInstanceUid: string): Result<ReadonlyArray<unknown>> =>
  () =>
    pipe(
      metadata(partition, studyInstanceUid),
      TE.flatMap((datasets): Result<ReadonlyArray<unknown>> => {
        const series = new Set(datasets.flatMap((each) => uidOf(each, seriesInstanceUid) ?? []))
        const isWhole = datasets.every((each) => isRecord(each) && each[sopClassUid] !== undefined)
        if (isWhole || series.size === 0) return TE.right(datasets)
        return pipe(
          [...series],
          TE.traverseSeqArray((uid) => metadata(partition, `${studyInstanceUid}/series/${uid}`)),
          TE.map(RA.flatten),
          // What is missing would be taken for gone.
          TE.filterOrElse(
            (read) => {
              const found = instancesIn(read)
              return [...instancesIn(datasets)].every((uid) => found.has(uid))
            },
            (): ServiceError => changing,
          ),
        )
      }),
    )()

/** What it answers for another study says nothing of this one, and least of all that its images are gone. */
export const isOfStudy =
  (studyInstanceUid: string) =>
  (datasets: ReadonlyArray<unknown>): boolean =>
    datasets.every((each) => (uidOf(each, '0020000D') ?? studyInstanceUid) === studyInstanceUid)

export const isInstance =
  (uid: string) =>
  (dataset: unknown): boolean =>
    uidOf(dataset, sopInstanceUid) === uid
