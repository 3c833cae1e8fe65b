import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../domain/cast-error'

type Result<A> = TE.TaskEither<ServiceError, A>

/** Conflicts of demographics that an operator has let through. */
export interface Acceptances {
  /** Their digests (acceptedDigest). */
  readonly read: () => Result<ReadonlySet<string>>
  /** Adding one twice is adding it once. `since`: ms. */
  readonly add: (accepted: {
    readonly digest: string
    readonly patientId: string
    readonly by: string
    readonly since: number
  }) => Result<void>
}
