import type * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../domain/cast-error'

type Result<A> = TE.TaskEither<ServiceError, A>

/** What stands on the queue: keys alone. Without a part it asks for the next step of the listing. */
export interface BackfillMessage {
  readonly backfillId: string
  readonly lane?: number
  readonly part?: number
}

/** A message in hand: nobody else sees it until `renew` was left out for its invisibility. */
export interface ReceivedMessage {
  /** None when its text is none of ours. */
  readonly message: BackfillMessage | undefined
  readonly dequeueCount: number
  readonly renew: () => Result<void>
  /** A receipt that is no longer ours is no error: somebody else has it. */
  readonly complete: () => Result<void>
}

export interface BackfillQueue {
  /** Creates it where it is missing. */
  readonly open: () => Result<void>
  /** Never expires. `delayS`: not seen before. */
  readonly send: (message: BackfillMessage, delayS?: number) => Result<void>
  readonly receive: (invisibleS: number) => Result<O.Option<ReceivedMessage>>
}
