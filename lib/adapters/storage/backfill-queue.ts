import * as O from 'fp-ts/Option'
import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import type { BackfillQueue, ReceivedMessage } from '../../app/ports-backfill'
import type { ServiceError } from '../../domain/cast-error'
import { backfillQueueName } from '../../domain/queue-name'
import { decodeMessage, encodeMessage } from './backfill-message'
import {
  type Access,
  type QueueClient,
  type StorageAccount,
  type StorageCall,
  type StorageFailure,
  unusable,
} from './storage-client'

/** What the service takes. */
const longestS = 7 * 24 * 60 * 60 - 1

const seconds = (given: number, least: number): number => Math.min(longestS, Math.max(least, Math.ceil(given)))

/** At least once, in no order: whoever receives must not mind a message that comes twice, or late. */
export const openBackfillQueue = (account: StorageAccount, tableNamePrefix = ''): BackfillQueue => {
  const queue = account.queue(backfillQueueName(tableNamePrefix))
  return {
    open: () =>
      pipe(
        queue.call((client, abortSignal) => client.createIfNotExists({ abortSignal })),
        TE.map(() => undefined),
        TE.mapLeft(queueError),
      ),
    send: (message, delayS = 0) =>
      pipe(
        queue.callCreating((client, abortSignal) =>
          client.sendMessage(encodeMessage(message), {
            // By default a message is gone after a week, and with it what was paused.
            ...{ messageTimeToLive: -1, visibilityTimeout: seconds(delayS, 0), abortSignal },
          }),
        ),
        TE.map(() => undefined),
        TE.mapLeft(queueError),
      ),
    receive: (invisibleS) => receive(queue, seconds(invisibleS, 1)),
  }
}

const receive = (
  queue: Access<QueueClient>,
  visibilityTimeout: number,
): TE.TaskEither<ServiceError, O.Option<ReceivedMessage>> =>
  pipe(
    queue.call((client, abortSignal) =>
      client.receiveMessages({ numberOfMessages: 1, visibilityTimeout, abortSignal }),
    ),
    TE.map(({ receivedMessageItems: [item] }) =>
      item === undefined ? O.none : O.some(inHand(queue, item, visibilityTimeout)),
    ),
    // As the Functions host has it: a queue that is not there yet is an empty one.
    TE.orElse((failure) => (failure.code === 'QueueNotFound' ? TE.right(O.none) : TE.left(failure))),
    TE.mapLeft(queueError),
  )

interface Item {
  readonly messageId: string
  readonly popReceipt: string
  readonly messageText: string
  readonly dequeueCount: number
}

const inHand = (queue: Access<QueueClient>, item: Item, visibilityTimeout: number): ReceivedMessage => {
  const { messageId, messageText, dequeueCount } = item
  let receipt = item.popReceipt
  const inOrder = oneAfterTheOther()

  const renew: StorageCall<void> = pipe(
    // No text: what stands there stays.
    queue.call((client, abortSignal) =>
      client.updateMessage(messageId, receipt, undefined, visibilityTimeout, { abortSignal }),
    ),
    TE.flatMap(({ popReceipt }) => {
      if (popReceipt === undefined) return TE.left(unusable('a renewed message came without its receipt'))
      receipt = popReceipt
      return TE.right(undefined)
    }),
  )
  const complete: StorageCall<void> = pipe(
    queue.call((client, abortSignal) => client.deleteMessage(messageId, receipt, { abortSignal })),
    TE.map(() => undefined),
    TE.orElse((failure) => (isSomebodyElses(failure) ? TE.right(undefined) : TE.left(failure))),
  )
  return {
    message: decodeMessage(messageText),
    dequeueCount,
    renew: () => pipe(inOrder(renew), TE.mapLeft(renewError)),
    complete: () => pipe(inOrder(complete), TE.mapLeft(queueError)),
  }
}

/** A receipt is good until the next one is given: who completes waits for the renewal that is under way. */
const oneAfterTheOther = (): (<A>(call: StorageCall<A>) => StorageCall<A>) => {
  let last: Promise<unknown> = Promise.resolve()
  return (call) => () => {
    const next = last.then(call)
    last = next
    return next
  }
}

const isSomebodyElses = ({ code }: StorageFailure): boolean =>
  code === 'PopReceiptMismatch' || code === 'MessageNotFound' || code === 'QueueNotFound'

const renewError = (failure: StorageFailure): ServiceError =>
  isSomebodyElses(failure) ? { _tag: 'LeaseLost' } : queueError(failure)

/** The roles that Azure names for a queue trigger may not update a message, nor send one. */
const role = 'the role is Storage Queue Data Contributor, on the queue and on its poison queue'

export const queueError = ({ error }: StorageFailure): ServiceError =>
  error._tag === 'AccessDenied' ? { ...error, reason: `${error.reason}; ${role}` } : error
