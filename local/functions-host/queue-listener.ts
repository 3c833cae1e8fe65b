import { setTimeout as sleep } from 'node:timers/promises'
import type { Outcome } from './invoke'
import { type QueueClient, codeOf } from './queue-client'
import { type QueueMessage, textOf } from './queue-message'
import type { QueueSettings } from './queue-settings'

interface Listening {
  readonly queue: QueueClient
  /** None: the name of the queue leaves no room for one, or it is one itself. */
  readonly poison: QueueClient | undefined
  readonly settings: QueueSettings
  /** Of a message at work; the host's is ten minutes, and no setting changes it. */
  readonly invisibleS: number
  readonly run: (text: string, message: QueueMessage) => Promise<Outcome>
  readonly log: (level: 'debug' | 'warning' | 'error', message: string) => void
}

export interface Listener {
  /** Nothing more is received. Resolves when what runs has ended; it keeps its message until then. */
  readonly stop: () => Promise<void>
}

/** As the host's listener: batches are received while no more than `newBatchThreshold` run, and each message runs at once. */
export const listen = (listening: Listening): Listener => {
  const { settings } = listening
  const running = new Set<Promise<void>>()
  const stopped = new AbortController()
  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { ref: false, signal: stopped.signal }).catch(() => undefined)
  const receive = receiver(listening)

  const poll = async (): Promise<void> => {
    for (let empty = 0; !stopped.signal.aborted;) {
      const messages = await receive()
      for (const message of messages) {
        const run: Promise<void> = handle(listening, message).finally(() => running.delete(run))
        running.add(run)
      }
      empty = messages.length === 0 ? empty + 1 : 0
      if (empty > 0) await pause(pauseMs(empty, settings.maxPollingMs))
      while (running.size > settings.newBatchThreshold && !stopped.signal.aborted) await Promise.race(running)
    }
  }
  const polling = poll()
  return {
    stop: async () => {
      stopped.abort()
      await polling
      await Promise.all(running)
    },
  }
}

/** 100 ms, then 100 + 100·2ⁿ, a fifth more or less. */
const pauseMs = (empty: number, most: number): number =>
  Math.min(most, empty === 1 ? 100 : 100 + 100 * 2 ** Math.min(empty - 1, 20) * (0.8 + 0.4 * Math.random()))

/** The real host would end over what it cannot receive; here it is told once, and tried again: `serve` has other work to do. */
const receiver = ({ queue, settings, invisibleS, log }: Listening): (() => Promise<ReadonlyArray<QueueMessage>>) => {
  let told = ''
  return async () => {
    try {
      const { receivedMessageItems } = await queue.receiveMessages({
        ...{ numberOfMessages: settings.batchSize, visibilityTimeout: invisibleS },
      })
      told = ''
      return receivedMessageItems
    } catch (error) {
      const code = codeOf(error)
      if (code !== told) {
        const isMissing = code === 'QueueNotFound'
        log(
          isMissing ? 'debug' : 'error',
          `The queue ${queue.name} ${isMissing ? 'is not there yet' : `cannot be read: ${code}`}.`,
        )
      }
      told = code
      return []
    }
  }
}

const handle = async (listening: Listening, message: QueueMessage): Promise<void> => {
  const { queue, poison, settings, run, log } = listening
  const { messageId, dequeueCount } = message
  const held = hold(listening, message)
  try {
    const text = textOf(message, settings.encoding)
    // Its host died each time, and told nobody.
    const isOver = poison !== undefined && dequeueCount > settings.maxDequeueCount
    const outcome = text === undefined || isOver ? undefined : await run(text, message)
    const receipt = await held.release()
    if (outcome?.succeeded === true) return void (await queue.deleteMessage(messageId, receipt))
    // Without a poison queue it stays invisible for the rest of its time, so as not to be tried without a pause.
    if (poison === undefined) return
    if (outcome === undefined || dequeueCount >= settings.maxDequeueCount) {
      await copyTo(poison, message)
      await queue.deleteMessage(messageId, receipt)
      log('error', `A message of ${queue.name} was moved to ${poison.name}, received ${dequeueCount} times.`)
    } else {
      await queue.updateMessage(messageId, receipt, undefined, settings.failedInvisibleS)
    }
  } catch (error) {
    // Somebody else has it, or storage is away: then it comes back.
    log('debug', `A message of ${queue.name} could not be settled: ${codeOf(error)}.`)
  } finally {
    await held.release()
  }
}

/** Renewed at half of its time, each time with the newest receipt, which `release` gives back. */
const hold = (
  { queue, invisibleS, log }: Listening,
  { messageId, popReceipt }: QueueMessage,
): { readonly release: () => Promise<string> } => {
  let receipt = popReceipt
  let renewing = Promise.resolve()
  const renew = async (): Promise<void> => {
    try {
      const renewed = await queue.updateMessage(messageId, receipt, undefined, invisibleS)
      receipt = renewed.popReceipt ?? receipt
    } catch (error) {
      clearInterval(timer)
      log('warning', `A message of ${queue.name} could not be renewed: ${codeOf(error)}.`)
    }
  }
  const timer = setInterval(
    () => {
      renewing = renewing.then(renew)
    },
    (invisibleS * 1_000) / 2,
  )
  return {
    release: async () => {
      clearInterval(timer)
      await renewing
      return receipt
    },
  }
}

/** The text as it stands there. It may come twice, when the deletion that follows fails. */
const copyTo = async (poison: QueueClient, { messageText }: QueueMessage): Promise<void> => {
  try {
    await poison.sendMessage(messageText)
  } catch (error) {
    if (codeOf(error) !== 'QueueNotFound') throw error
    await poison.createIfNotExists()
    await poison.sendMessage(messageText)
  }
}
