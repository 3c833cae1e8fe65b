import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Run } from '../../../lib/app/context'
import type { DicomService, FeedPage, Ports } from '../../../lib/app/ports'
import { makeJudge } from '../../../lib/domain/batch/judge'
import type { ServiceError } from '../../../lib/domain/cast-error'
import { settingsOf } from './domain-settings'

/** A row of the feed; it can be read from `visibleFrom` on, ms. */
export interface FeedRow {
  readonly sequence: number
  /** By the server's clock, ms. */
  readonly timestamp: number
  readonly visibleFrom?: number
  readonly visibleUntil?: number
  /** What the server sends instead of an entry. */
  readonly element?: unknown
}

export const uidOf = (sequence: number): string => `1.2.${sequence}`

/** Eight in the morning: the clock of the reader, and of the server. */
export const eight = Date.UTC(2026, 10, 25, 8)
export const minutesAgo = (minutes: number): number => eight - minutes * 60_000

export const rowsFrom = (first: number, last: number, timestamp = minutesAgo(60)): ReadonlyArray<FeedRow> =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => ({ sequence: first + index, timestamp }))

interface Options {
  readonly rows: ReadonlyArray<FeedRow>
  /** Requests by their label; what it answers is given instead of the feed's own answer. */
  readonly trouble?: (label: string) => ServiceError | undefined
  /** Rows that a page with metadata may hold. */
  readonly pageCap?: number
  readonly latencyMs?: number
  /** Numbers whose metadata never comes; a request waits so long for an answer. */
  readonly hangs?: ReadonlySet<number>
  readonly requestTimeoutMs?: number
  /** How far the server's clock is ahead of ours. */
  readonly aheadMs?: number
  /** When this reader begins, ms. */
  readonly from?: number
  readonly budgetMs?: number
}

export interface FeedReader {
  readonly run: Run
  /** `latest`, `range offset+limit`, `bare offset+limit`, `window skip`, in the order asked. */
  readonly asked: ReadonlyArray<string>
  readonly sleep: (ms: number) => void
  readonly logged: ReadonlyArray<string>
}

export const wireOf = ({ sequence, timestamp, element }: FeedRow): object =>
  (element as object | undefined) ?? {
    sequence,
    studyInstanceUid: '1.2.3',
    seriesInstanceUid: '1.2.3.4',
    sopInstanceUid: uidOf(sequence),
    action: 'Create',
    state: 'Current',
    timestamp: new Date(timestamp).toISOString(),
    metadata: {},
  }

/** A reader of a feed that is only a list of rows, with a clock that goes on by the latency of each request. */
export const feedReader = ({
  rows,
  trouble,
  pageCap = 100,
  latencyMs = 1,
  budgetMs = Infinity,
  hangs = new Set(),
  requestTimeoutMs = 100_000,
  aheadMs = 0,
  from = eight,
}: Options): FeedReader => {
  let now = from
  const asked: Array<string> = []
  const logged: Array<string> = []
  const visible = (): ReadonlyArray<FeedRow> =>
    rows.filter(({ visibleFrom = 0, visibleUntil = Infinity }) => visibleFrom <= now && now < visibleUntil)
  const ask =
    <A>(label: string, answer: () => E.Either<ServiceError, A>) =>
    (): Promise<E.Either<ServiceError, A>> => {
      asked.push(label)
      now += latencyMs
      const failed = trouble?.(label)
      return Promise.resolve(failed === undefined ? answer() : E.left(failed))
    }
  const page = (found: ReadonlyArray<FeedRow>): E.Either<ServiceError, FeedPage> =>
    E.right({ elements: found.map(wireOf), servedAt: now + aheadMs, bytes: 8_000 * found.length })
  /** Until the request, or the run, has no time left; what was asked for side by side is answered before. */
  const hang = async (label: string, withinMs = Infinity): Promise<E.Either<ServiceError, never>> => {
    asked.push(label)
    const left = from + budgetMs - now
    const wanted = Math.min(requestTimeoutMs, withinMs)
    const until = now + Math.min(wanted, left)
    await new Promise(setImmediate)
    now = Math.max(now, until)
    const why = left < wanted ? { outOfTime: true } : { timedOut: true }
    return E.left({ _tag: 'ServiceUnavailable', hop: 'dicom', reason: 'no complete answer', ...why })
  }
  const dicom: DicomService = {
    latest: () =>
      ask('latest', () => {
        const sequences = visible().map(({ sequence }) => sequence)
        return E.right(sequences.length === 0 ? O.none : O.some({ sequence: Math.max(...sequences) }))
      }),
    range: (offset, limit, metadata, withinMs) => {
      const found = visible().filter(({ sequence }) => sequence > offset && sequence <= offset + limit)
      const label = `${metadata ? 'range' : 'bare'} ${offset}+${limit}`
      if (metadata && found.some(({ sequence }) => hangs.has(sequence))) return () => hang(label, withinMs)
      return ask(label, () => {
        const seen = visible().filter(({ sequence }) => sequence > offset && sequence <= offset + limit)
        return metadata && seen.length > pageCap ? E.left({ _tag: 'AnswerTooLarge', hop: 'dicom' }) : page(seen)
      })
    },
    window: (startTime, skip) =>
      ask(`window ${skip}`, () => {
        const found = visible()
          .filter(({ timestamp }) => timestamp >= Date.parse(startTime))
          .sort((left, right) => left.timestamp - right.timestamp || left.sequence - right.sequence)
        return page(found.slice(skip, skip + 200))
      }),
    study: () => ask('study', () => E.right([])),
    instance: ({ sopInstanceUid }, withinMs) =>
      [...hangs].some((sequence) => uidOf(sequence) === sopInstanceUid)
        ? () => hang('instance', withinMs)
        : ask('instance', () => E.right(O.none)),
  }
  const settings = {
    ...settingsOf(),
    ...{ batchSize: 1_000, backfillReads: 4, maxBatches: 1, maxBundleEntries: 500, maxBundleBytes: 8_000_000 },
    ...{
      holeAgeMs: 120_000,
      totalRetryDurationMs: 600_000,
      hidesRejectedForQuality: false,
      startFrom: 'beginning' as const,
    },
  }
  const run: Run = {
    settings,
    judge: makeJudge(settings),
    runId: 'run',
    deadline: from + budgetMs,
    stopping: () => false,
    retries: 0,
    // Nothing else is asked for by a reader.
    ports: {
      dicom,
      clock: {
        now: () => now,
        sleep: (ms: number) => {
          now += ms
          return Promise.resolve()
        },
      },
      random: { fraction: () => 0.5, uuid: () => '' },
      log: (_level: string, message: string) => void logged.push(message),
    } as unknown as Ports,
    lease: undefined as unknown as Run['lease'],
  }
  return { run, asked, logged, sleep: (ms) => void (now += ms) }
}
