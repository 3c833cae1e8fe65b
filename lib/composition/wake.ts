import { setTimeout as sleep } from 'node:timers/promises'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { RunSummary } from '../app/run/summary'
import { type NoRun, whyNoRun } from '../app/operate/wake'
import { tell, toldNow } from '../app/wake'
import { type Heard, readEvents } from '../requests/events'
import { cast } from './cast'
import { clock } from './connect'
import { inHand } from './lifetime'
import { type Answer, type Connected, type Operator, connected, lookTimeoutMs } from './operator'
import { timerSettings } from './timer-settings'
import { wakeByHints } from './wake-hints'

/** Event Grid gives a webhook 30 s, and holds back what comes after one that was late. */
const answerWithinMs = 25_000
const budgetMs = 15_000
const requestsEndMs = 20_000

export interface Woken {
  /**
   * The highest number that was told of; null when nothing of it concerns this feed. Of an archive without a feed: how many
   * studies.
   */
  readonly told: number | null
  /**
   * How the run ended, or why there was none: whoever disables the timer wants no run that nobody asked for. AtWork: it
   * goes on behind this answer.
   */
  readonly ended: RunSummary['ended'] | NoRun | 'NothingTold' | 'TimerDisabled' | 'AtWork'
}

/** What a delivery of events comes to: a handshake to answer, or a look at the feed. */
export type WakeAnswer =
  Extract<Heard, { readonly _tag: 'Handshake' }> | { readonly _tag: 'Woken'; readonly woken: Woken }

export const wake = async (operator: Operator, delivery: string): Promise<Answer<WakeAnswer>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const { settings, startedAt } = context.right
  if (!settings.events) return E.left({ _tag: 'NotFound', what: 'route while DicomCast__Events is false' })
  const isDisabled = timerSettings(operator.environment, settings, operator.app).pausedBy.length > 0
  const isOfFeed = context.right.ports.source === undefined
  if (!isOfFeed && isDisabled) return E.right({ _tag: 'Woken', woken: { told: null, ended: 'TimerDisabled' } })
  if (!isOfFeed) {
    const hinted = await wakeByHints(operator, context.right, delivery)
    return E.isLeft(hinted) ? hinted : E.right({ _tag: 'Woken', woken: hinted.right })
  }
  const { endpoint, privateEndpoint = endpoint } = settings.dicomWeb
  // Behind a proxy the service's own name may be the one that we talk to.
  const heard = readEvents(
    delivery,
    [endpoint, privateEndpoint].map((url) => new URL(url).host),
  )
  if (E.isLeft(heard)) return E.left({ _tag: 'RequestInvalid', problems: heard.left })
  if (heard.right._tag === 'Handshake') return E.right(heard.right)
  const { told } = heard.right
  const woken = (ended: Woken['ended']): Answer<WakeAnswer> =>
    E.right({ _tag: 'Woken', woken: { told: told ?? null, ended } })
  if (told === undefined) return woken('NothingTold')
  const late = sleep(Math.max(0, answerWithinMs - (clock.now() - startedAt)), undefined, { ref: false })
  const looked = inHand(look(operator, context.right, { told, isDisabled }))
  return woken(await Promise.race([looked, late.then(() => 'AtWork' as const)]))
}

/**
 * For whoever watches without a route: did events tell of what no run has looked for, and could one begin? While somebody
 * holds the lease, each look would be a run that says so.
 */
export const isToldOfMore = async (operator: Operator): Promise<boolean> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context) || context.right.ports.wake === undefined) return false
  const { ports } = context.right
  const told = await toldNow(context.right.ports.wake)
  if (told === 0 || (await whyNoRun(ports, told)) !== undefined) return false
  const holder = await ports.leaseInspection.holder()()
  return E.isLeft(holder) || O.isNone(holder.right)
}

const look = async (
  operator: Operator,
  { ports, startedAt }: Connected,
  { told, isDisabled }: { readonly told: number; readonly isDisabled: boolean },
): Promise<Woken['ended']> => {
  // Whatever becomes of it here: another process may be the one that casts.
  if (ports.wake !== undefined && !(await tell(ports.wake, ports.clock, told))) {
    operator.log('warn', 'An event could not be written down: a run that is at work may miss it until the next tick')
  }
  if (isDisabled) return 'TimerDisabled'
  const not = await whyNoRun(ports, told)
  if (not !== undefined) return not
  const spentMs = clock.now() - startedAt
  if (spentMs >= budgetMs) return 'OutOfTime'
  const rest = { budgetMs: budgetMs - spentMs, requestsEndMs: requestsEndMs - spentMs }
  return (await cast({ ...operator, ...rest, kind: 'wake', by: 'event', maxBatches: 0 })).ended
}
