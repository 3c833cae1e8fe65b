import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import type { DicomService, FeedPage } from '../../lib/app/ports'
import type { ServiceError } from '../../lib/domain/cast-error'
import type { KnownRow } from '../../lib/domain/checkpoint'
import type { CurrentCheck } from './check-current'
import { type Feed, type Image, type Key, type Row, type Tags, keyText, lastRow } from './feed-model'
import type { Forbidden } from './forbidden'
import { reportElements } from './dose-report'
import { noteElements } from './rejection-note'
import { type Process, pass, request } from './process'
import type { World } from './world'

type Answer<A> = E.Either<ServiceError, A>

const unavailable = (reason: string, status?: number): Answer<never> =>
  E.left({ _tag: 'ServiceUnavailable', hop: 'dicom', reason, ...(status === undefined ? {} : { status }) })

/** Some are longer than a hole is remembered. */
const waits = [500, 2_000, 2_000, 150_000]

const element = (vr: string, value: unknown): object => ({ vr, Value: [value] })
const optional = (tag: string, vr: string, value: string | undefined): object =>
  value === undefined ? {} : { [tag]: element(vr, value) }

/** DA: later studies of the world are not always the newer ones. */
export const studyDateOf = (study: string): string => {
  const [day] = /\d+$/.exec(study) ?? ['0']
  return `202509${String(((Number(day) * 11) % 28) + 1).padStart(2, '0')}`
}

/** The metadata of an image, as DICOM JSON. */
export const datasetOf = (key: Key, tags: Tags): object => ({
  '00080016': element('UI', tags.sopClass),
  '00080018': element('UI', key.instance),
  '00080020': element('DA', studyDateOf(key.study)),
  '00080060': element('CS', tags.modality),
  ...optional('00080050', 'SH', tags.accession),
  ...optional('00081030', 'LO', tags.description),
  ...optional('0008103E', 'LO', tags.seriesDescription),
  '00100010': element('PN', { Alphabetic: `${tags.family}^${tags.given}` }),
  ...optional('00100020', 'LO', tags.patientId === '' ? undefined : tags.patientId),
  ...optional('00100021', 'LO', tags.issuer),
  '00100030': element('DA', tags.birthDate ?? '19700101'),
  ...optional('00100040', 'CS', tags.sex),
  '0020000D': element('UI', key.study),
  '0020000E': element('UI', key.series),
  '00200013': element('IS', tags.number),
  ...(tags.report === undefined ? {} : reportElements(tags.report)),
  ...(tags.note === undefined ? {} : noteElements(tags.note)),
})

/** State and metadata are of now, not of the event. */
const wireOf = (row: Row, metadata: boolean): object => {
  const { image, sequence, action, timestamp } = row
  const { key, tags } = image
  const state =
    tags === undefined || action === 'Delete'
      ? lastRow(image) === row || tags === undefined
        ? 'Deleted'
        : 'Replaced'
      : lastRow(image) === row
        ? 'Current'
        : 'Replaced'
  return {
    sequence,
    partitionName: key.partition,
    studyInstanceUid: key.study,
    seriesInstanceUid: key.series,
    sopInstanceUid: key.instance,
    action,
    state,
    timestamp: new Date(timestamp).toISOString(),
    ...(metadata && tags !== undefined ? { metadata: datasetOf(key, tags) } : {}),
  }
}

/** What may be wrong with any of its requests. */
export const downFor = ({ faults, random }: World): Answer<never> | undefined => {
  if (faults.isOn('feed: outage')) return unavailable('down', random.chance(0.5) ? 503 : undefined)
  if (!faults.strikes('feed: failed request')) return undefined
  return random.chance(0.3)
    ? E.left({
        _tag: 'ServiceUnavailable',
        hop: 'dicom',
        reason: 'busy',
        status: 429,
        retryAfterMs: random.pick(waits),
      })
    : unavailable('a passing fault', random.pick([400, 500, 503]))
}

interface Served {
  /** Images that fit into one page. */
  readonly pageCap: number
  readonly hasWindows: boolean
  readonly fhir: { readonly current?: Pick<CurrentCheck, 'archive'> }
  readonly forbidden?: Pick<Forbidden, 'answers'>
}

/** The DICOM service as one run meets it. */
export const dicomServiceFor = (
  world: World,
  feed: Feed,
  process: Process,
  { pageCap, hasWindows, fhir, forbidden }: Served,
): DicomService => {
  const { faults, random, violate } = world

  const down = (): Answer<never> | undefined => downFor(world)

  const unreadable = (images: ReadonlyArray<Image>): Answer<never> | undefined => {
    const poisoned = images.some(({ poison }) => poison)
    const out = images.length > 0 && faults.isOn('feed: metadata outage')
    if (poisoned) faults.hit('feed: poison')
    if (poisoned && (out || faults.isOn('feed: outage'))) faults.meet('outage × poison')
    return poisoned || out ? unavailable('its metadata cannot be read', 503) : undefined
  }

  const range = (offset: number, limit: number, metadata: boolean): Answer<FeedPage> => {
    if (limit < 1 || limit > 100 || offset < 0) violate(`the feed was asked for offset ${offset}, limit ${limit}`)
    const found = feed.rows.filter(({ sequence }) => sequence > offset && sequence <= offset + limit)
    const failed = down()
    const withMetadata = metadata ? found.filter(({ image }) => image.tags !== undefined) : []
    const broken = unreadable(withMetadata.map(({ image }) => image))
    if (failed !== undefined) return failed
    if (broken !== undefined) return broken
    const oversized = withMetadata.some(({ image }) => image.oversized)
    if (oversized) faults.hit('feed: oversized')
    if (oversized || withMetadata.length > pageCap) return E.left({ _tag: 'AnswerTooLarge', hop: 'dicom' })
    return E.right({
      elements: found.map((row) => wireOf(row, metadata)),
      servedAt: feed.now(),
      bytes: 8_000 * found.length,
    })
  }

  /** Before it looks, or after: what it says is old when it comes. */
  const slowly = async <A>(serve: () => A): Promise<A> => {
    if (!faults.has('feed: slow page') || !faults.strikes('feed: slow page')) return serve()
    const wait = (): Promise<void> => pass(world, process, random.between(5_000, 90_000), 'the DICOM service is slow')
    if (random.chance(0.5)) await wait()
    const answer = serve()
    if (random.chance(0.5)) await wait()
    return answer
  }

  const describe = (answer: Answer<unknown>): string =>
    E.isLeft(answer) ? JSON.stringify(answer.left) : Array.isArray(answer.right) ? `${answer.right.length}` : 'ok'
  const describePage = (answer: Answer<FeedPage>): string =>
    E.isLeft(answer)
      ? JSON.stringify(answer.left)
      : answer.right.elements
          .map((row) => `${(row as { sequence: number }).sequence}${(row as { state: string }).state.slice(0, 1)}`)
          .join(' ')
  const ask = <A>(
    label: string,
    serve: () => Answer<A> | Promise<Answer<A>>,
    show: (answer: Answer<A>) => string = describe,
  ) => request(world, process, `dicom.${label}`, serve, show)

  const newest = (): O.Option<KnownRow> =>
    pipe(
      O.fromNullable(feed.rows.find(({ sequence }) => sequence === feed.head())),
      O.map(({ sequence, timestamp, image: { key } }) => ({
        ...{ sequence, timestamp: new Date(timestamp).toISOString(), sopInstanceUid: key.instance },
      })),
    )

  return {
    latest: () => () =>
      ask(
        'latest',
        () => down() ?? E.right(newest()),
        () => `${feed.head()}`,
      ),
    range: (offset, limit, metadata) => () =>
      ask(
        `range ${offset}+${limit}${metadata ? '' : ' bare'}`,
        () => slowly(() => range(offset, limit, metadata)),
        describePage,
      ),
    window: (startTime, skip) => () =>
      ask(`window ${startTime}+${skip}`, () => {
        const failed = down() ?? (hasWindows ? undefined : unavailable('nothing is at this URL', 404))
        if (failed !== undefined) return failed
        const found = feed.rows
          .filter(({ timestamp }) => timestamp >= Date.parse(startTime))
          .sort((left, right) => left.timestamp - right.timestamp || left.sequence - right.sequence)
        const elements = found.slice(skip, skip + 200).map((row) => wireOf(row, false))
        return E.right({ elements, servedAt: feed.now(), bytes: 500 * elements.length })
      }),
    study: (partition, uid) => () =>
      ask(`study ${partition}/${uid}`, () => {
        fhir.current?.archive(uid, process)
        const live = [...feed.images.values()].filter(
          ({ key, tags }) => key.partition === partition && key.study === uid && tags !== undefined,
        )
        return (
          down() ??
          forbidden?.answers(partition, uid) ??
          unreadable(live) ??
          E.right(live.flatMap(({ key, tags }) => (tags === undefined ? [] : [datasetOf(key, tags)])))
        )
      }),
    instance:
      ({ partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }) =>
      () =>
        ask(`instance ${partition}/${sopInstanceUid}`, () => {
          const key = { partition, study: studyInstanceUid, series: seriesInstanceUid, instance: sopInstanceUid }
          const image = feed.images.get(keyText(key))
          const failed =
            down() ??
            forbidden?.answers(partition, studyInstanceUid) ??
            unreadable(image?.tags === undefined ? [] : [image])
          return failed ?? E.right(image?.tags === undefined ? O.none : O.some(datasetOf(key, image.tags)))
        }),
  }
}
