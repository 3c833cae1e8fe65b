import type * as E from 'fp-ts/Either'
import type { Judgement } from '../../domain/batch/judge'
import type { ServiceError } from '../../domain/cast-error'
import type { KnownRow, Walked } from '../../domain/checkpoint'
import type { Run } from '../context'
import type { PageSize } from './page-size'
import type { SlowRanges } from './read-one-by-one'
import type { RangeRead, ReadRow } from './read-page'

type Result<A> = Promise<E.Either<ServiceError, A>>

export interface Judged {
  readonly row: ReadRow
  readonly judgement: Judgement
}

export interface Found extends Judged {
  /** When it was seen that the numbers before it are missing, by the server's clock, ms. */
  readonly gapSeenAt: number
  /** When the row itself was seen, by the server's clock, ms. */
  readonly seenAt: number
}

/** What all streams of a run know. */
export interface StreamMemory extends SlowRanges {
  readonly pageSize: PageSize
  /** Pages that were asked for, also those that nobody waits for any more. */
  readonly onTheirWay: Set<Promise<unknown>>
  /** The row of this number cannot be compared any more, and the log says so. */
  toldUnknown: number | undefined
}

/** Judged as soon as it is there: nothing waits for its turn with its datasets. */
export interface JudgedPage extends Omit<RangeRead, 'rows'> {
  readonly rows: ReadonlyArray<Judged>
}

export interface Asked {
  /** What it is asked for begins behind this number. */
  readonly from: number
  readonly width: number
  /** Whether it holds the row at `from`, too. */
  readonly isEarly: boolean
  readonly page: Result<JudgedPage>
}

/** What a stream knows and has in hand. Its steps change it, one after the other: nobody reads while another step does. */
export interface StreamState {
  readonly run: Run
  readonly head: number
  readonly memory: StreamMemory
  /** So far an earlier run walked through the gap behind the start. */
  readonly walked: Walked | undefined
  /** The row that was read last, or that the checkpoint rests on. */
  last: KnownRow
  /** The row before that one. */
  before: KnownRow | undefined
  /** The row, or the number, behind which the next batch begins. */
  after: number
  /** So far everything was looked at. */
  seen: number
  /** When it was first seen that the numbers behind `last` are missing, by the server's clock, ms. */
  gapSeenAt: number | undefined
  servedAt: number | undefined
  isFirstPage: boolean
  anyFound: boolean
  /** Asks for no further page. */
  ended: boolean
  /** In hand, and not yet given away. */
  readonly found: Array<Found>
  /** Pages on their way, in order, each behind the one before. */
  readonly asked: Array<Asked>
}

/** What one batch asks of the stream. */
export interface Pull {
  readonly limit: number
  readonly beyond: boolean
  readonly isEnough: () => boolean
  /** How far its walk came, when that is further than the run before. */
  further: Walked | undefined
}
