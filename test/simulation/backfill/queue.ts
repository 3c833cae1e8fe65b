import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { BackfillQueue, ReceivedMessage } from '../../../lib/app/ports-backfill'
import type { ServiceError } from '../../../lib/domain/cast-error'
import { type Process, request } from '../process'
import type { World } from '../world'
import type { BackfillSide, QueueMessage } from './side'

type Answer<A> = E.Either<ServiceError, A>

const fails: Answer<never> = E.left({ _tag: 'ServiceUnavailable', hop: 'storage', reason: 'queue', status: 503 })

export const isAnyVisible = ({ queue }: BackfillSide, now: number): boolean =>
  queue.some(({ visibleAt }) => visibleAt <= now)

const remove = ({ queue }: BackfillSide, gone: QueueMessage): void => void queue.splice(queue.indexOf(gone), 1)

/** What is sent again whenever it comes would be without end. */
const mostDoubled = 10

/** At least once, in no order, and late. */
export const backfillQueueFor = (world: World, side: BackfillSide, process: Process): BackfillQueue => {
  const { faults, random, scheduler } = world
  const ask = <A>(label: string, serve: () => Answer<A>, show?: (answer: Answer<A>) => string): Promise<Answer<A>> =>
    request(
      world,
      process,
      `queue.${label}`,
      () => {
        if (faults.strikes('tables: checkpoint fails')) return fails
        const answer = serve()
        return faults.strikes('tables: checkpoint answer lost') ? fails : answer
      },
      show,
    )

  /** Who holds it by this receipt, if anybody else has not got it since. */
  const inHand = (message: QueueMessage): ReceivedMessage => {
    let receipt = message.receipt
    const isOurs = (): boolean => side.queue.includes(message) && message.receipt === receipt
    return {
      message: message.message,
      dequeueCount: message.dequeued,
      renew: () => () =>
        ask('renew', () => {
          if (!isOurs()) return E.left({ _tag: 'LeaseLost' })
          message.visibleAt = scheduler.now() + side.invisibleMs
          receipt = message.receipt = ++side.writes
          return E.right(undefined)
        }),
      complete: () => () =>
        ask('complete', () => {
          if (isOurs()) remove(side, message)
          return E.right(undefined)
        }),
    }
  }

  return {
    open: () => () => ask('open', () => E.right(undefined)),
    send: (message, delayS = 0) => {
      const copies = side.queue.length < mostDoubled && faults.strikes('queue: message twice') ? 2 : 1
      return () =>
        ask(`send ${message.lane ?? ''}/${message.part ?? ''} in ${delayS} s`, () => {
          for (let copy = 0; copy < copies; copy++) {
            const lateMs = faults.strikes('queue: message late') ? random.between(1_000, 1_200_000) : 0
            const visibleAt = scheduler.now() + delayS * 1_000 + lateMs
            side.queue.push({ id: ++side.writes, message: { ...message }, visibleAt, receipt: 0, dequeued: 0 })
          }
          return E.right(undefined)
        })
    },
    receive: () => () =>
      ask(
        'receive',
        () => {
          const visible = side.queue.filter(({ visibleAt }) => visibleAt <= scheduler.now())
          if (visible.length === 0) return E.right(O.none)
          const message = random.pick(visible)
          message.visibleAt = scheduler.now() + side.invisibleMs
          message.receipt = ++side.writes
          message.dequeued += 1
          return E.right(O.some(inHand(message)))
        },
        (answer) =>
          E.isRight(answer) && O.isSome(answer.right)
            ? `${answer.right.value.message?.lane ?? ''}/${answer.right.value.message?.part ?? ''}`
            : 'none',
      ),
  }
}
