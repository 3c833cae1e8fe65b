import * as E from 'fp-ts/Either'
import type { Stop } from '../../domain/batch/delivery'
import type { FailTable } from '../../domain/cast-error'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'
import { standingRowName } from '../../domain/fail-row'
import { type CastSettings, type Run, remainingMs } from '../context'
import { numbered } from '../feed/read-instance'
import { judgeNow } from '../feed/read-page'
import type { FailRowKey } from '../ports'
import type { OperatorPorts } from '../ports-operator'
import { type FailIndex, readFailIndex } from '../run/fail-index'
import {
  type EndedEarly,
  type Operated,
  type OperatorOptions,
  casting,
  endedEarly,
  onlyLooking,
  service,
  sessionOf,
} from './operating'
import { type Caster, type ReplayOutcome, castAndSettle, foresee } from './replay-entries'
import { readEntries } from './reread-entries'
import { type ReplaySelection, select, triesOf } from './select-rows'

export interface ReplayedRow extends Partial<InstanceKey> {
  readonly table: FailTable
  readonly row: string
  readonly sequence: number
  /** All but Recorded and NotInFeed take the row away. */
  readonly outcome: ReplayOutcome
  readonly code?: string
  readonly reason?: string
}

export interface Replay {
  readonly dryRun: boolean
  readonly selected: number
  readonly replayed: ReadonlyArray<ReplayedRow>
  readonly counts: Readonly<Record<ReplayOutcome, number>>
  /** Selected, and not replayed: over the limit, out of time, or behind what stopped it. */
  readonly left: number
  /** Of the selected rows, when the newest was written: with it as `until` the same call goes on with those left. */
  readonly until?: string
  /** Why it ended early. */
  readonly stop?: EndedEarly
}

/** So many at once: what was settled before a service fails stays settled. */
const chunkSize = 200

/** Casts entries of the fail tables once more, as late rows: read again from the feed, judged by what is true now. */
export const replay = (
  ports: OperatorPorts,
  settings: CastSettings,
  options: OperatorOptions,
  selection: ReplaySelection,
  dryRun: boolean,
): Promise<Operated<Replay>> => {
  const work = async (run: Run): Promise<Operated<Replay>> => {
    const index = await readFailIndex(run)
    if (E.isLeft(index)) return service(index.left)
    const selected = select([...index.right.rows.values()], selection)
    const taken = selected.slice(0, selection.limit)
    const until = Math.max(...selected.map(({ writtenAt = 0 }) => writtenAt))
    const how = { dryRun, selected: selected.length, steps: options.steps }
    const replayed = await replayRows(run, ports, index.right, taken, how)
    return E.map((done: Replay): Replay => (until > 0 ? { ...done, until: new Date(until).toISOString() } : done))(
      replayed,
    )
  }
  return (dryRun ? onlyLooking : casting)(ports, settings, options, work)
}

interface How extends Pick<Replay, 'dryRun' | 'selected'> {
  readonly steps: OperatorOptions['steps']
}

/** Casts these rows again, or says what would become of them. */
export const replayRows = async (
  run: Run,
  ports: OperatorPorts,
  index: FailIndex,
  taken: ReadonlyArray<FailRowKey>,
  how: How,
): Promise<Operated<Replay>> => {
  const session = how.dryRun || taken.length === 0 ? undefined : await sessionOf(run)
  if (session !== undefined && E.isLeft(session)) return service(session.left)
  return castInChunks(
    run,
    taken,
    session === undefined
      ? (judged) => foresee(run, index, judged)
      : (judged, rows) => castAndSettle(run, ports, session.right, index, judged, rows),
    { ...how, countTry: how.dryRun ? () => Promise.resolve() : countTryOf(ports) },
  )
}

/** Which row it is, and of which instance; what the row said before is no news. */
const placeOf = (row: FailRowKey): Omit<ReplayedRow, 'outcome'> => {
  const { table, sequence, partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = row
  return {
    ...{ table, row: standingRowName(row), sequence },
    ...(partition === undefined ? {} : { partition }),
    ...(studyInstanceUid === undefined ? {} : { studyInstanceUid }),
    ...(seriesInstanceUid === undefined ? {} : { seriesInstanceUid }),
    ...(sopInstanceUid === undefined ? {} : { sopInstanceUid }),
  }
}

/** An entry that the feed does not have any more is tried, too, though nothing writes its row. */
const countTryOf =
  ({ failures }: OperatorPorts) =>
  async (row: FailRowKey): Promise<void> =>
    void (await failures.setAttempts(row, triesOf(row) + 1)())

interface Replaying extends How {
  readonly countTry: (row: FailRowKey) => Promise<void>
}

const castInChunks = async (
  run: Run,
  taken: ReadonlyArray<FailRowKey>,
  cast: Caster,
  { dryRun, selected, steps, countTry }: Replaying,
): Promise<Operated<Replay>> => {
  const replayed: Array<ReplayedRow> = []
  let stop: Stop | undefined
  for (let start = 0; start < taken.length && stop === undefined; start += chunkSize) {
    if (remainingMs(run) <= 0 || run.stopping()) stop = { _tag: 'OutOfTime' }
    else {
      const chunk = numbered(taken.slice(start, start + chunkSize))
      const read = await readEntries(run, chunk)
      const done = E.isLeft(read)
        ? read
        : await cast(
            read.right.map((row) => judgeNow(run, row)),
            chunk,
          )
      if (E.isLeft(done)) {
        // Nothing done at all is a failure; something done is an answer that says how far it came.
        if (replayed.length === 0) return service(done.left)
        stop = done.left
      } else {
        const { settled, stop: stopped } = done.right
        const found = new Set(E.isRight(read) ? read.right.map(({ sequence }) => sequence) : [])
        for (const [number, row] of chunk) {
          const fate = settled.get(number) ?? (found.has(number) ? undefined : notInFeed)
          if (fate?.outcome === 'NotInFeed') await countTry(row)
          if (fate !== undefined) replayed.push({ ...placeOf(row), ...fate })
        }
        if (stopped !== undefined && stopped._tag !== 'OutOfTime' && replayed.length === 0) return service(stopped)
        stop = stopped
      }
    }
    steps?.(replayed.length, taken.length)
  }
  const count = (outcome: ReplayOutcome): number => replayed.filter((each) => each.outcome === outcome).length
  return E.right({
    dryRun,
    selected,
    replayed,
    counts: {
      Stored: count('Stored'),
      Unchanged: count('Unchanged'),
      Superseded: count('Superseded'),
      Skipped: count('Skipped'),
      Recorded: count('Recorded'),
      NotInFeed: count('NotInFeed'),
    },
    left: selected - replayed.length,
    ...toldStop(stop),
  })
}

const toldStop = (stop: Stop | undefined): Pick<Replay, 'stop'> => {
  const told = endedEarly(stop)
  return told === undefined ? {} : { stop: told }
}

const notInFeed = {
  outcome: 'NotInFeed',
  reason:
    'The change feed has no such entry any more, and the instance cannot be asked for. Was the DICOM service restored?',
} as const
