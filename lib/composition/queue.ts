import * as E from 'fp-ts/Either'
import { messageOf } from '../adapters/storage/backfill-message'
import type { Log } from '../app/ports'
import { readSettings } from '../config/read-settings'
import type { Environment } from '../config/setting'
import { backfillQueueName } from '../domain/queue-name'
import { handleBackfillMessage } from './backfill'
import { inHand, isStopping } from './lifetime'

/** Known when functions are registered, before any setting is judged. A prefix that is none leaves the host without it. */
export const queueOf = ({ TableStore__TableNamePrefix: prefix = '' }: Environment): string =>
  backfillQueueName(prefix.trim())

/**
 * What the queue trigger hands over. To return is to be done with the message. What is thrown brings it back after
 * `visibilityTimeout` of host.json, and at the fifth time into the poison queue: so an outage is no failure here, but a
 * copy that is sent for later. `dequeueCount`: as the host says it.
 */
export const workOnQueue = async (entry: unknown, log: Log, dequeueCount: unknown): Promise<void> => {
  const message = messageOf(entry)
  if (message === undefined) return log('warn', 'A message of the queue is none of ours: it is dropped')
  const settings = readSettings(process.env)
  // Well below host.json's functionTimeout, which would restart the worker with all that is in it.
  const budgetMs = E.isRight(settings) ? settings.right.timeBudgetMs : 0
  const operator = { environment: process.env, log, by: 'queue', budgetMs, stopping: isStopping }
  await inHand(handleBackfillMessage(operator, message, { comesAgain: Number(dequeueCount) > 1 }))
}
