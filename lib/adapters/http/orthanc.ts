import { pipe } from 'fp-ts/function'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import type { ListedStudy, LogPage, LoggedChange, StudySource } from '../../app/ports-source'
import type { ServiceError } from '../../domain/cast-error'
import { digestOf } from '../../domain/digest'
import { isRecord, jsonOf, listOf, unavailable, unexpected } from './answers'
import type { Call } from './authorized'
import { type DicomServiceSettings, reachedRoot } from './dicom-metadata'
import type { HttpAnswer } from './exchange'
import { readCounts } from './qido'

// Orthanc's own REST API, beside its DICOMweb: what it tells of changes, and which studies there are. A list of it is not cut
// by LimitFindResults, as QIDO-RS is.

type Result<A> = TE.TaskEither<ServiceError, A>
type Json = Readonly<Record<string, unknown>>

const maxBytes = 64 * 1024 * 1024

const unreadable = (what: string): ServiceError => unavailable('dicom', `unreadable answer: ${what}`)

const sequenceOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= 100 ? value : undefined

// A new patient comes with a new study of it, and would name all of the patient's.
const levels = ['Instance', 'Series', 'Study']

const rowOf = (row: unknown): LoggedChange | undefined => {
  if (!isRecord(row)) return undefined
  const [sequence, id, date, type] = [sequenceOf(row['Seq']), textOf(row['ID']), textOf(row['Date']), row['ChangeType']]
  if (sequence === undefined || id === undefined) return undefined
  const isNew = typeof type === 'string' && levels.some((level) => type === `New${level}`)
  return { sequence, id, date: date ?? '', isNew }
}

/** One row that cannot be read makes the page unreadable: to pass it by would lose a study. */
const logPageOf = (json: unknown): E.Either<ServiceError, LogPage> => {
  const changes = isRecord(json) ? json['Changes'] : undefined
  const last = isRecord(json) ? sequenceOf(json['Last']) : undefined
  if (!Array.isArray(changes) || last === undefined) return E.left(unreadable('it is no list of changes'))
  const rows = changes.flatMap((each: unknown) => rowOf(each) ?? [])
  return rows.length < changes.length
    ? E.left(unreadable('a change has no number, or no resource'))
    : E.right({ rows, isDone: isRecord(json) && json['Done'] === true, last })
}

const studyOf = (json: unknown): ReadonlyArray<ListedStudy> => {
  const tags = isRecord(json) ? json['MainDicomTags'] : undefined
  const uid = isRecord(tags) ? tags['StudyInstanceUID'] : undefined
  if (!isRecord(json) || typeof uid !== 'string' || !/^[\d.]{1,64}$/.test(uid)) return []
  const { LastUpdate, Series } = json
  const series = Array.isArray(Series) ? Series.filter((each) => typeof each === 'string').sort() : undefined
  const state =
    typeof LastUpdate === 'string' && series !== undefined ? digestOf([LastUpdate, ...series]).slice(0, 16) : undefined
  return [{ id: textOf(json['ID']) ?? uid, studyInstanceUid: uid, state }]
}

/** `…/dicom-web` is a part of it. */
const restRoot = (settings: DicomServiceSettings): string => {
  const { origin, pathname } = new URL(reachedRoot(settings).root)
  return `${origin}${pathname.replace(/\/[^/]*$/, '')}`
}

export const orthancSource = (settings: DicomServiceSettings, call: Call): StudySource => {
  const root = restRoot(settings)
  const ok = (answer: HttpAnswer): Result<HttpAnswer> =>
    answer.status === 200 ? TE.right(answer) : TE.left(unexpected('dicom', answer))
  const get = (path: string): Result<HttpAnswer> =>
    pipe(
      call({ method: 'GET', url: `${root}/${path}`, headers: { accept: 'application/json' }, maxBytes }),
      TE.flatMap(ok),
    )
  const post = (path: string, body: Json): Result<HttpAnswer> =>
    pipe(
      call({
        ...{ method: 'POST', url: `${root}/${path}`, body: JSON.stringify(body), maxBytes },
        headers: { accept: 'application/json', 'content-type': 'application/json' },
      }),
      TE.flatMap(ok),
    )
  const studies = (answer: HttpAnswer): Result<ReadonlyArray<ListedStudy>> =>
    pipe(listOf('dicom', answer), TE.map(RA.chain(studyOf)))
  return {
    kind: 'orthanc',
    pageSize: 1_000,
    log: {
      rows: (after, limit) =>
        pipe(
          get(`changes?since=${after}&limit=${limit}`),
          TE.flatMapEither((answer) => jsonOf('dicom', answer)),
          TE.flatMapEither(logPageOf),
        ),
      studiesOf: (ids) =>
        ids.length === 0
          ? TE.right([])
          : pipe(post('tools/bulk-content', { Resources: ids, Level: 'Study' }), TE.flatMap(studies)),
    },
    list: (offset, limit) => pipe(get(`studies?expand&since=${offset}&limit=${limit}`), TE.flatMap(studies)),
    totals: () =>
      pipe(
        get('statistics'),
        TE.flatMapEither((answer) => jsonOf('dicom', answer)),
        TE.map((json) => {
          const [inAll, instances] = isRecord(json)
            ? [sequenceOf(json['CountStudies']), sequenceOf(json['CountInstances'])]
            : []
          return inAll === undefined || instances === undefined ? O.none : O.some({ studies: inAll, instances })
        }),
      ),
    counts: readCounts(settings, call),
    countsAtOnce: 50,
  }
}
