import { setTimeout as sleep } from 'node:timers/promises'
import * as E from 'fp-ts/Either'
import { type NoRun, whyNoRun } from '../app/operate/wake'
import type { RunSummary } from '../app/run/summary'
import { readHints } from '../requests/hints'
import { cast } from './cast'
import { inHand } from './lifetime'
import type { Answer, Connected, Operator } from './operator'

// An archive's hook waits for our answer, and the next image that it stores waits for the hook (docs/archives.md).

const answerWithinMs = 500
const budgetMs = 60_000
/** Somebody is at work: what that run has read may be older than the hint. */
const tries = 10
const pauseMs = 2_000

interface Hinted {
  readonly told: number
  readonly ended: RunSummary['ended'] | NoRun | 'AtWork'
}

/** Casts the studies that an archive without a change feed names, behind the answer. */
export const wakeByHints = async (
  operator: Operator,
  { ports }: Connected,
  delivery: string,
): Promise<Answer<Hinted>> => {
  const hints = readHints(delivery)
  if (E.isLeft(hints)) return E.left({ _tag: 'RequestInvalid', problems: hints.left })
  const work = async (): Promise<Hinted['ended']> => {
    const not = await whyNoRun(ports, Infinity)
    if (not !== undefined) return not
    for (let attempt = 1; ; attempt++) {
      const rest = { budgetMs, requestsEndMs: budgetMs, kind: 'wake', by: 'event', hints: hints.right } as const
      const { ended } = await cast({ ...operator, ...rest })
      if (ended !== 'LeaseHeld' || attempt === tries) return ended
      await sleep(pauseMs)
    }
  }
  const late = sleep(answerWithinMs, undefined, { ref: false }).then(() => 'AtWork' as const)
  const ended = await Promise.race([inHand(work()), late])
  return E.right({ told: hints.right.length, ended })
}
