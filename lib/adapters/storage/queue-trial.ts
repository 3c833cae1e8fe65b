import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import type { QueueTried } from '../../app/ports-check'
import type { ServiceError } from '../../domain/cast-error'
import { backfillQueueName, poisonQueueName } from '../../domain/queue-name'
import { queueError } from './backfill-queue'
import { type StorageAccount, type StorageCall, type StorageFailure } from './storage-client'

/** No message has it. */
const nobody = '00000000-0000-0000-0000-000000000000'
const noReceipt = 'AAAAAAAAAAAAAAAA'

/** Who may not is told so before the message is looked for. */
const mayUpdate: ReadonlySet<string | undefined> = new Set([
  'MessageNotFound',
  'PopReceiptMismatch',
  'InvalidQueryParameterValue',
])

/**
 * Renews a message that is not there: this is what the roles that Azure names for a queue trigger do not allow, and it
 * changes nothing for a backfill at work.
 */
export const makeQueueTrial = (
  account: StorageAccount,
  tableNamePrefix = '',
): (() => TE.TaskEither<ServiceError, QueueTried>) => {
  const update = account
    .queue(backfillQueueName(tableNamePrefix))
    .call((client, abortSignal) => client.updateMessage(nobody, noReceipt, undefined, 0, { abortSignal }))
  const isThere: StorageCall<boolean> = pipe(
    update,
    TE.map(() => true),
    TE.orElse((failure) => (mayUpdate.has(failure.code) ? TE.right(true) : orIfMissing(false)(failure))),
  )
  const poisoned: StorageCall<number> = pipe(
    account
      .queue(poisonQueueName(tableNamePrefix))
      .call((client, abortSignal) => client.getProperties({ abortSignal })),
    TE.map(({ approximateMessagesCount = 0 }) => approximateMessagesCount),
    TE.orElse(orIfMissing(0)),
  )
  return () =>
    pipe(
      isThere,
      TE.bindTo('isThere'),
      TE.bind('poisoned', () => poisoned),
      TE.mapLeft(queueError),
    )
}

const orIfMissing =
  <A>(value: A) =>
  (failure: StorageFailure): StorageCall<A> =>
    failure.code === 'QueueNotFound' ? TE.right(value) : TE.left(failure)
