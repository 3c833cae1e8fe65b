import type * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import type { Hop, ServiceError } from '../domain/cast-error'
import type { OperatorPorts } from './ports-operator'

// What only the check asks: how each service is reached, as whom, and what storage lets us do.

type Result<A> = TE.TaskEither<ServiceError, A>

export type HttpHop = Exclude<Hop, 'storage' | 'identity'>

/** An answer came, whatever it was. `servedAt`: the service's clock, ms; none when it does not tell. */
export interface Reached {
  readonly servedAt?: number
}

/** What a token says of itself, as far as it can be read. */
export interface TokenFacts {
  readonly audience?: string
  readonly clientId?: string
  /** It is none: a name and a password are sent. */
  readonly isPassword?: boolean
}

/** The queue of a backfill, and that of what its hosts died over. */
export interface QueueTried {
  readonly isThere: boolean
  /** About so many. */
  readonly poisoned: number
}

export interface CheckPorts extends OperatorPorts {
  /** Asks without a token. */
  readonly reach: Readonly<Record<HttpHop, () => Result<Reached>>>
  /** None: no token is sent. */
  readonly token: Readonly<Record<HttpHop, () => Result<O.Option<TokenFacts>>>>
  /** Leases a blob of its own, and lets it go: a run at work holds the other. */
  readonly tryLease: () => Result<Reached>
  /** Takes no message, and leaves none. */
  readonly tryQueue: () => Result<QueueTried>
}
