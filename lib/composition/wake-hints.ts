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

/** What was told of an archive, and no run has taken yet. */
interface Told {
  readonly uids: Set<string>
  working: Promise<Hinted['ended']> | undefined
}

/** Of this process, by archive and storage. */
const toldOf = new Map<string, Told>()

/** Of one run. */
const mostAtOnce = 100
/** More is left to log and comparison. */
const mostWaiting = 10_000

/**
 * Casts the studies that an archive without a change feed names, behind the answer. One run at a time, for all that was told
 * meanwhile: a study that is named ten times is read once more, and not ten times.
 */
export const wakeByHints = async (
  operator: Operator,
  { ports, settings }: Connected,
  delivery: string,
): Promise<Answer<Hinted>> => {
  const hints = readHints(delivery)
  if (E.isLeft(hints)) return E.left({ _tag: 'RequestInvalid', problems: hints.left })
  const { dicomWeb, storage, tableNamePrefix } = settings
  const id = JSON.stringify([dicomWeb.endpoint, storage, tableNamePrefix])
  const told: Told = toldOf.get(id) ?? { uids: new Set(), working: undefined }
  toldOf.set(id, told)
  for (const uid of hints.right) if (told.uids.size < mostWaiting) told.uids.add(uid)
  told.working ??= inHand(work(operator, ports, told))
  const late = sleep(answerWithinMs, undefined, { ref: false }).then(() => 'AtWork' as const)
  const ended = await Promise.race([told.working, late])
  return E.right({ told: hints.right.length, ended })
}

const work = async (operator: Operator, ports: Connected['ports'], told: Told): Promise<Hinted['ended']> => {
  try {
    const not = await whyNoRun(ports, Infinity)
    return not ?? (await castTold(operator, told))
  } finally {
    // A hint that comes in between is not lost to a work that is over.
    told.uids.clear()
    told.working = undefined
  }
}

const castTold = async (operator: Operator, { uids }: Told): Promise<Hinted['ended']> => {
  for (let attempt = 1; ; attempt++) {
    const hints = [...uids].slice(0, mostAtOnce)
    // What is told from here on may be younger than what this run reads.
    for (const uid of hints) uids.delete(uid)
    const rest = { budgetMs, requestsEndMs: budgetMs, kind: 'wake', by: 'event', hints } as const
    const { ended } = await cast({ ...operator, ...rest })
    if (ended === 'LeaseHeld') {
      if (attempt === tries) return ended
      for (const uid of hints) uids.add(uid)
      await sleep(pauseMs)
      continue
    }
    attempt = 0
    const mayGoOn = ended === 'CaughtUp' || ended === 'OutOfTime'
    if (uids.size === 0 || !mayGoOn || operator.stopping?.() === true) return ended
  }
}
