import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { type Advanced, advance } from '../app/backfill/advance'
import type { Foreseen } from '../app/backfill/list-studies'
import { type BackfillProgress, readProgress } from '../app/backfill/progress'
import { type BackfillRequest, cancelBackfill, foreseeBackfill, startBackfill as startIn } from '../app/backfill/start'
import { type Worked, workPart } from '../app/backfill/work'
import { type Operated, service } from '../app/operate/operating'
import type { BackfillMessage } from '../app/ports-backfill'
import { isOver } from '../domain/backfill/backfill'
import { describeServiceError } from '../domain/cast-error'
import type { Connection } from './connect'
import {
  type Answer,
  type Connected,
  type Operator,
  connected,
  forgetAfterFailure,
  lookTimeoutMs,
  remember,
} from './operator'
import { problemOf } from './problem'
import type { SharedReads } from './shared-reads'

export type { BackfillProgress } from '../app/backfill/progress'
export type { BackfillRequest } from '../app/backfill/start'
export type { Foreseen } from '../app/backfill/list-studies'

/** Begins a backfill, and takes it as far as it comes at once. */
export const startBackfill = async (
  operator: Operator,
  request: BackfillRequest,
): Promise<Answer<BackfillProgress>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast, options, settings } = context.right
  const under = { ...options, by: operator.by, maxGone: settings.maxGone }
  const started = await startIn(ports, cast, under, request)
  forgetAfterFailure(context.right, started)
  if (E.isLeft(started)) return started
  const [progress] = await Promise.all([
    progressIn(context.right),
    remember(operator, context.right, { kind: 'backfill', ended: 'Begun', ...troubleOf(started.right) }),
  ])
  return progress
}

const troubleOf = ({ trouble }: Advanced) => (trouble === undefined ? {} : { reason: trouble })

/** What it would be about; nothing is written. */
export const dryRunBackfill = async (operator: Operator, request: BackfillRequest): Promise<Answer<Foreseen>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast, options } = context.right
  return foreseeBackfill(ports, cast, options, request)
}

const noBackfill = E.left({ _tag: 'NotFound', what: 'backfill' } as const)

const progressIn = async ({ ports }: Connected): Promise<Answer<BackfillProgress>> => {
  const read = await readProgress(ports)
  if (E.isLeft(read)) return service(read.left)
  return read.right === undefined ? noBackfill : E.right(read.right)
}

/** The one at work, or the last one. */
export const backfillStatus = async (operator: Operator): Promise<Answer<BackfillProgress>> => {
  const context = connected(operator, lookTimeoutMs)
  return E.isLeft(context) ? context : progressIn(context.right)
}

/** Ends it early: what is done stays, and the feed goes on from where it stood. */
export const cancel = async (operator: Operator): Promise<Answer<BackfillProgress>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast, options } = context.right
  const done = await cancelBackfill(ports, cast, options)
  forgetAfterFailure(context.right, done)
  if (E.isLeft(done)) return done
  await tellAdvanced(operator, context.right, done)
  return progressIn(context.right)
}

/** What became of a message. */
export type Handled =
  | Worked
  | { readonly _tag: 'Advanced'; readonly isOver: boolean; readonly trouble?: string }
  /** Somebody else takes it further at this moment. */
  | { readonly _tag: 'Busy' }

/** A second look at what somebody else is taking further. */
const lookAgainS = 10

/** How a message came to whoever takes it. */
export interface Delivery {
  /** Of the archive, of all parts that this process has at work. */
  readonly reads?: SharedReads
  /** Somebody had it before, and may have sent its copy: a second one would copy itself, too. The clock looks after the rest. */
  readonly comesAgain?: boolean
}

/** Left: the message must come again. */
export const takeMessage = async (
  operator: Operator,
  message: BackfillMessage,
  { reads, comesAgain = false }: Delivery = {},
): Promise<Answer<Handled>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { cast, options } = context.right
  const ports = reads === undefined ? context.right.ports : sharingReads(context.right.ports, reads)
  const { backfillId, lane, part } = message
  if (lane !== undefined && part !== undefined) {
    const worked = await workPart(ports, cast, options, { backfillId, lane, part })
    if (E.isLeft(worked)) return service(worked.left)
    tellPart(operator, message, worked.right)
    return worked
  }
  const row = await ports.backfills.read()()
  if (E.isLeft(row)) return service(row.left)
  const isOurs = O.isSome(row.right) && row.right.value.id === backfillId && row.right.value.state !== 'over'
  if (!isOurs) return E.right({ _tag: 'Dropped', reason: 'this backfill is over' })
  const advanced = await advanceIn(operator, context.right)
  if (E.isLeft(advanced)) return advanced
  const isBusy = advanced.right._tag === 'Busy'
  if (isBusy ? comesAgain : !needsAnother(advanced.right)) return advanced
  const sent = await ports.backfillQueue.send({ backfillId }, isBusy ? lookAgainS : 0)()
  return E.isLeft(sent) ? service(sent.left) : advanced
}

const sharingReads = (ports: Connection, { most, sharing }: SharedReads): Connection => ({
  ...ports,
  readsAtOnce: most,
  dicom: { ...ports.dicom, study: (...asked) => sharing(ports.dicom.study(...asked)) },
})

/** It was cut short; what only waits is called by whoever it waits for, or by the clock. */
const needsAnother = (handled: Handled): boolean =>
  handled._tag === 'Advanced' && !handled.isOver && handled.trouble === outOfTime

const outOfTime = 'the time is used up'

const advanceIn = async (operator: Operator, context: Connected): Promise<Answer<Handled>> => {
  const { ports, cast, options } = context
  const advanced = await advance(ports, cast, options)
  forgetAfterFailure(context, advanced)
  if (E.isLeft(advanced)) return advanced.left._tag === 'LeaseHeld' ? E.right({ _tag: 'Busy' }) : advanced
  await tellAdvanced(operator, context, advanced)
  const { backfill, trouble } = advanced.right
  const isCut = options.stopping() || Date.now() >= context.startedAt + options.budgetMs
  return E.right({
    ...{ _tag: 'Advanced', isOver: backfill === undefined || backfill.state === 'over' },
    ...(trouble !== undefined ? { trouble } : isCut && backfill !== undefined ? { trouble: outOfTime } : {}),
  })
}

/** Its end stands in the run history, as that of any other work. */
const tellAdvanced = async (operator: Operator, context: Connected, advanced: Operated<Advanced>): Promise<void> => {
  if (E.isLeft(advanced)) return
  const { backfill, trouble } = advanced.right
  if (trouble !== undefined) operator.log('warn', 'The backfill cannot go on now', { reason: trouble })
  if (backfill?.state !== 'over') return
  const read = await readProgress(context.ports)
  const done = E.isRight(read) ? read.right?.done : undefined
  await remember(operator, context, {
    ...{ kind: 'backfill', ended: backfill.isCancelled === true ? 'Stopped' : 'Done', by: backfill.by },
    ...{ head: backfill.head?.sequence ?? 0, to: backfill.checkpoint ?? 0 },
    ...(done === undefined ? {} : { entries: done.images, stored: done.written, recorded: done.notCast }),
  })
}

const tellPart = ({ log }: Operator, { backfillId, lane, part }: BackfillMessage, worked: Worked): void => {
  const fields = { backfillId, lane, part }
  if (worked._tag === 'Settled') log('info', 'backfill part', { ...fields, ...worked.part.counts })
  else log('info', `backfill part ${worked._tag.toLowerCase()}`, { ...fields, reason: worked.reason })
}

/** As the Functions host wants it: a failure is thrown, and the message comes again. */
export const handleBackfillMessage = async (
  operator: Operator,
  message: BackfillMessage,
  delivery: Delivery,
): Promise<void> => {
  const handled = await takeMessage(operator, message, delivery)
  if (E.isLeft(handled)) throw new Error(problemOf(handled.left).detail)
}

/**
 * What the timer does in the place of casting; none: no backfill is at work. The gate does not tell that: whoever deletes
 * its row lets the feed in. `isClosed`: it is known that one is, or that the gate is closed.
 */
export const tickBackfill = async (operator: Operator, isClosed = false): Promise<Answer<Handled> | undefined> => {
  const context = connected(operator)
  if (E.isLeft(context)) return undefined
  if (!isClosed) {
    const row = await context.right.ports.backfills.read()()
    if (E.isLeft(row) || O.isNone(row.right) || isOver(row.right.value)) return undefined
  }
  return advanceIn(operator, context.right)
}

export const describeHandled = (handled: Answer<Handled>): string =>
  E.isLeft(handled)
    ? handled.left._tag === 'Service'
      ? describeServiceError(handled.left.error)
      : problemOf(handled.left).detail
    : handled.right._tag
