import { Cron } from 'croner'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ArchiveFacts } from '../app/operate/facts'
import type { HintedGone, Reconciliation } from '../app/ports-source'
import { clock } from './connect'
import type { Connected } from './operator'

const iso = (ms: number): string => new Date(ms).toISOString()

const toldOf = (last: Reconciliation): NonNullable<ArchiveFacts['reconciliation']> => {
  const { startedAt, endedAt, doneAt, compared, read, differing, gone, notRead, tooManyGone, hasMoreGone } = last
  return {
    startedAt: iso(startedAt),
    ...(endedAt === undefined ? {} : { endedAt: iso(endedAt) }),
    ...(doneAt === undefined ? {} : { doneAt: iso(doneAt) }),
    ...{ compared, read, differing, gone, notRead },
    ...(tooManyGone === undefined ? {} : { tooManyGone }),
    ...(hasMoreGone === true ? { hasMoreGone } : {}),
  }
}

/** One that is due takes its time: late is who has missed the next one, too. */
const isLate = (schedule: string, { startedAt }: Reconciliation): boolean => {
  const job = new Cron(schedule, { mode: '6-part', paused: true, timezone: 'UTC' })
  const missed = job.nextRuns(2, new Date(startedAt))[1]
  return missed !== undefined && missed.getTime() < clock.now()
}

/** Until a comparison has looked for them. */
const waitingOf = (
  hinted: HintedGone | undefined,
  last: Reconciliation | undefined,
): Pick<ArchiveFacts, 'goneWaitingSince'> =>
  hinted?.waitingSince === undefined || (last?.doneAt ?? 0) >= hinted.waitingSince
    ? {}
    : { goneWaitingSince: iso(hinted.waitingSince) }

/** What only an archive without a change feed has; none of another. */
export const archiveFacts = async ({ ports, settings }: Connected): Promise<ArchiveFacts | undefined> => {
  if (ports.source === undefined) return undefined
  const { schedule } = settings.reconcile
  const [read, hinted] = await Promise.all([ports.reconciliations.read()(), ports.hintedGone.read()()])
  const last = E.isRight(read) ? O.toUndefined(read.right) : undefined
  return {
    ...{ source: ports.source.kind, schedule: schedule ?? null },
    ...(last === undefined ? {} : { reconciliation: toldOf(last) }),
    ...waitingOf(E.isRight(hinted) ? O.toUndefined(hinted.right) : undefined, last),
    // What cannot be read is told by storage's health.
    isLate: E.isRight(read) && (last === undefined || (schedule !== undefined && isLate(schedule, last))),
  }
}
