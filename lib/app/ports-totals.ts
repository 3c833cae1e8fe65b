import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../domain/cast-error'

type Result<A> = TE.TaskEither<ServiceError, A>

/** `what.of what`, such as `entries.stored`, to a number that only grows. */
export type Totals = Readonly<Record<string, number>>

/** What all casts of an installation have come to: instances of the app come and go. */
export interface TotalsStore {
  /** None yet: no numbers. */
  readonly read: () => Result<Totals>
  readonly add: (more: Totals) => Result<void>
}

export const sumOf = (left: Totals, right: Totals): Totals => {
  const sum: Record<string, number> = { ...left }
  for (const [name, value] of Object.entries(right)) sum[name] = (sum[name] ?? 0) + value
  return sum
}
