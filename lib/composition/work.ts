import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { service } from '../app/operate/operating'
import type { ReceivedMessage } from '../app/ports-backfill'
import { type Handled, describeHandled, takeMessage, tickBackfill } from './backfill'
import { clock } from './connect'
import { type Answer, type Operator, connected } from './operator'
import { type SharedReads, sharedReads } from './shared-reads'

// What a host of functions does elsewhere: takes messages from the queue, one at a time, and ticks.

export interface Working {
  readonly isOver: boolean
  /** Settled by this process. */
  readonly parts: number
  readonly images: number
}

/** As the Functions host has it: nobody else sees a message for so long, and it is renewed at half of that. */
const hostsInvisibleS = 600
/** An idle worker looks whether the backfill can be taken further. */
const tickMs = 10_000
const idleMs = 500
const afterFailureMs = 5_000

/**
 * Until the backfill is over, or somebody stops it, on so many parts at once, each of another lane. `tell`: a line a part.
 */
export const work = async (
  operator: Operator,
  tell: (line: string) => void,
  atOnce: number,
): Promise<Answer<Working>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  // While one part is written another one may have its reads.
  const reads = sharedReads(atOnce * context.right.settings.backfillReads)
  const answers = await Promise.all(Array.from({ length: atOnce }, () => workOnOne(operator, tell, reads)))
  let all: Working = { isOver: true, parts: 0, images: 0 }
  for (const answer of answers) {
    if (E.isLeft(answer)) return answer
    const { isOver, parts, images } = answer.right
    all = { isOver: all.isOver && isOver, parts: all.parts + parts, images: all.images + images }
  }
  return E.right(all)
}

const workOnOne = async (
  operator: Operator,
  tell: (line: string) => void,
  reads: SharedReads,
): Promise<Answer<Working>> => {
  let [parts, images, tickedAt] = [0, 0, 0]
  const { stopping = () => false, environment } = operator
  // As of the local functions host: what somebody died over is seen again soon, in a test.
  const invisibleS = Number(environment['DICOMCAST_LOCAL_QUEUE_INVISIBLE_S'] ?? hostsInvisibleS)
  // One that could not be deleted comes again, and finds its part settled.
  let completing: Promise<unknown> = Promise.resolve()
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { backfillQueue, backfills } = context.right.ports
  for (;;) {
    if (stopping()) return completing.then(() => E.right({ isOver: false, parts, images }))
    const [received] = await Promise.all([backfillQueue.receive(invisibleS)(), completing])
    if (E.isRight(received) && O.isSome(received.right)) {
      const { message, dequeueCount, renew, complete } = received.right.value
      const handled = await takeReceived(operator, { message, dequeueCount, renew }, invisibleS, reads)
      // While the next one is asked for.
      completing = handled === undefined || E.isRight(handled) ? complete()() : Promise.resolve()
      if (handled !== undefined && E.isRight(handled) && handled.right._tag === 'Settled') {
        const { part } = handled.right
        parts += 1
        images += part.counts.images
        tell(`lane ${part.lane}, part ${part.part}: ${part.counts.studies} studies, ${part.counts.images} images`)
      } else if (handled !== undefined) {
        tell(describeHandled(handled))
        if (E.isLeft(handled)) await clock.sleep(afterFailureMs)
      }
      continue
    }
    const row = await backfills.read()()
    const isAway = E.isLeft(received) || E.isLeft(row)
    if (E.isLeft(row) && row.left._tag === 'AccessDenied') return service(row.left)
    if (E.isLeft(received) && received.left._tag === 'AccessDenied') return service(received.left)
    if (E.isRight(row) && (O.isNone(row.right) || row.right.value.state === 'over')) {
      return E.right({ isOver: true, parts, images })
    }
    if (!isAway && clock.now() - tickedAt >= tickMs) {
      tickedAt = clock.now()
      await tickBackfill(operator, true)
    } else await clock.sleep(isAway ? afterFailureMs : idleMs)
  }
}

/** None: it was none of ours. Left: it comes again. */
const takeReceived = async (
  operator: Operator,
  { message, dequeueCount, renew }: Omit<ReceivedMessage, 'complete'>,
  invisibleS: number,
  reads: SharedReads,
): Promise<Answer<Handled> | undefined> => {
  if (message === undefined) {
    operator.log('warn', 'A message on the queue of the backfill is none of ours, and was taken away')
    return undefined
  }
  const renewing = setInterval(() => void renew()(), (invisibleS / 2) * 1_000)
  try {
    return await takeMessage(operator, message, { reads, comesAgain: dequeueCount > 1 })
  } finally {
    clearInterval(renewing)
  }
}
