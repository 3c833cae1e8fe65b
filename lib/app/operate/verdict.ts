import { failTables } from '../../domain/cast-error'
import type { ErrorTable, TableCount } from '../ports-operator'
import type { Facts, LastCast, Status } from './facts'
import { describeTooManyGone } from './max-gone'
import { ago, byCode, plural } from './words'

/** Behind by more than this is worth a look. */
const lateAfterS = 15 * 60

/** What the facts come to, in words: the reason why it stands first, then what else does not work, then what needs a look. */
export const verdictOn = (facts: Facts, now: number): Pick<Status, 'state' | 'reasons'> => {
  const { health, lastCast, timer } = facts
  const ill = lastCast?.ill === true && !waits(lastCast) ? lastCast : undefined
  const broken = [
    ...(ill === undefined ? [] : [inShort(describeIllCast(ill))]),
    ...timerReasons(facts, now),
    ...Object.values(health).flatMap((hop) => (hop.healthy || hop.reason === ill?.reason ? [] : [hop.reason])),
    ...positionReasons(facts),
  ]
  const paused = timer.pausedBy.map((reason) => `it is paused: ${reason}`)
  const waiting = lastCast?.ill === true && waits(lastCast) ? [describeIllCast(lastCast)] : []
  const behind = [
    ...waiting,
    ...identityReasons(facts),
    ...lagReasons(facts),
    ...archiveReasons(facts),
    ...leaseReasons(facts),
    ...tableReasons(facts),
  ]
  return {
    state: broken.length > 0 ? 'broken' : paused.length > 0 ? 'paused' : behind.length > 0 ? 'behind' : 'fine',
    reasons: [...broken, ...paused, ...behind],
  }
}

/** It waits for numbers of the feed, or for the gate: no service is at fault. */
export const waits = ({ ended }: Pick<LastCast, 'ended'>): boolean =>
  ended === 'WaitingForHoles' || ended === 'GateClosed'

/** What a run of the same installation says of itself, whatever the services answer now. */
export const describeIllCast = ({ at, ended, kind, by, reason }: LastCast): string =>
  `the last cast (${kind === by ? kind : `${kind}, ${by}`}) ended ${ended} at ${at}${reason === undefined ? '' : `: ${reason}`}`

const shownLines = 4

/** A server that refuses every study has a line for each: the run's own reason tells them all. */
const inShort = (reason: string): string => {
  const lines = reason.split('\n')
  const more = lines.length - shownLines
  return more > 0
    ? [...lines.slice(0, shownLines), `  and ${more} more, told by the run and by failures`].join('\n')
    : reason
}

const timerReasons = ({ timer }: Facts, now: number): ReadonlyArray<string> => {
  const { state, schedule, lastRanAt } = timer
  if (state === 'missing') return ['CastSchedule is not set: the host starts no timer, and nothing is cast']
  if (state !== 'late') return []
  const since =
    lastRanAt === undefined
      ? 'the timer has not run since this app started'
      : `the timer has not run for ${ago((now - Date.parse(lastRanAt)) / 1000)}, since ${lastRanAt}`
  return [`${since}; its schedule is ${schedule}`]
}

const positionReasons = ({ checkpoint, head, lastCast }: Facts): ReadonlyArray<string> => [
  ...(checkpoint?.stuckSince === undefined
    ? []
    : [`the checkpoint has stood still since ${checkpoint.stuckSince}, stopped by a service`]),
  ...(checkpoint !== undefined && head !== undefined && head < checkpoint.sequence && lastCast?.ended !== 'FeedReset'
    ? [`the head of the feed ${head} is below the checkpoint ${checkpoint.sequence}: the feed was restored or replaced`]
    : []),
]

const identityReasons = ({ identity }: Facts): ReadonlyArray<string> =>
  identity === undefined || identity.rows === 0
    ? []
    : [
        `${atLeast(identity.more)}${plural(identity.rows, 'entry waits', 'entries wait')} for a person to tell whose images they are: ${byCode(identity.codes)}`,
      ]

const lagReasons = ({ backlog, lagS }: Facts): ReadonlyArray<string> =>
  lagS === undefined || lagS <= lateAfterS
    ? []
    : [`${plural(backlog ?? 0, 'entry', 'entries')} behind, the oldest for ${ago(lagS)}`]

const archiveReasons = ({ archive }: Facts): ReadonlyArray<string> => {
  if (archive === undefined) return []
  const { reconciliation, schedule, goneWaitingSince, isLate } = archive
  const { tooManyGone = 0, hasMoreGone, endedAt, doneAt, startedAt } = reconciliation ?? {}
  const before = doneAt === undefined ? '' : ` (the one before was, at ${doneAt})`
  const when = schedule === null ? 'DicomCast__ReconcileSchedule is off' : `its schedule is ${schedule}`
  const late =
    startedAt === undefined
      ? `the archive was never compared with FHIR: what its log does not tell is not known (${when})`
      : `the last comparison of the archive with FHIR ${endedAt === undefined ? `began at ${startedAt}, and is not done${before}` : `ended at ${endedAt}`}; ${when}`
  return [
    ...(isLate ? [late] : []),
    ...(goneWaitingSince === undefined
      ? []
      : [
          `the archive told at ${goneWaitingSince} of more deleted studies than may leave FHIR unasked in a day ` +
            '(DicomCast__MaxGone): they wait for the next comparison, or dicomcast reconcile',
        ]),
    ...(tooManyGone === 0 ? [] : [describeTooManyGone(tooManyGone, hasMoreGone)]),
  ]
}

/** A long catch-up is no fault; somebody who waits for it must know. */
const leaseReasons = ({ lease: { held, heldForS = 0, runId = 'unknown' } }: Facts): ReadonlyArray<string> =>
  held === true && heldForS > lateAfterS ? [`run ${runId} has held the lease for ${ago(heldForS)}`] : []

const tableReasons = ({ failures }: Facts): ReadonlyArray<string> =>
  failTables.flatMap((table) => {
    const count = failures[table]
    return count === undefined || count.rows === 0 ? [] : [counted(table, count)]
  })

const atLeast = (more: boolean): string => (more ? 'at least ' : '')

const counted = (table: ErrorTable, { rows, more, codes }: TableCount): string =>
  `${atLeast(more)}${plural(rows, 'row')} in ${table}: ${byCode(codes)}`
