import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { type Hole, type Numbers, without } from '../../domain/checkpoint'
import { type Run, remainingMs } from '../context'
import { didNotCome } from './ask-rows'
import type { SlowRanges } from './read-one-by-one'
import type { ReadRow } from './read-page'
import { readRange } from './read-range'

const pieceWidth = 100
/** Holes that are asked for side by side: 500 of them must not fill a run. */
const atOnce = 4
const probeEveryMs = 1_000

export interface Probes {
  readonly late: ReadonlyArray<ReadRow>
  readonly open: ReadonlyArray<Hole>
  /** Numbers that nobody will ask for again. */
  readonly dropped: ReadonlyArray<Numbers>
  /** There was no room for what else may have come: it is to be asked for at once. */
  readonly isFull: boolean
}

/**
 * Asks for each hole again, at most once a second and for about `limit` rows at the most. One is dropped only after a
 * probe that was made when it was old enough. Half of the run's time is for what comes behind: what is not asked for by
 * then stays open.
 */
export const probeHoles = async (
  run: Run,
  holes: ReadonlyArray<Hole>,
  probed: Map<number, number>,
  limit: number,
  slow: SlowRanges,
): Promise<E.Either<ServiceError, Probes>> => {
  const { clock } = run.ports
  const begun = clock.now()
  const until = begun + remainingMs(run) / 2
  const lastAsked = ({ from }: Hole): number => probed.get(from) ?? 0
  const isDue = (hole: Hole): boolean => begun - lastAsked(hole) >= probeEveryMs
  const open = holes.filter((hole) => !isDue(hole))
  // Whoever had no turn last time comes first.
  const due = holes.filter(isDue).sort((left, right) => lastAsked(left) - lastAsked(right) || left.from - right.from)
  const late: Array<ReadRow> = []
  const dropped: Array<Numbers> = []
  let isFull = false
  for (let next = 0; next < due.length; next += atOnce) {
    if (late.length >= limit || clock.now() >= until) {
      isFull = late.length >= limit
      open.push(...due.slice(next))
      break
    }
    const together = due.slice(next, next + atOnce)
    const room = Math.ceil((limit - late.length) / together.length)
    const answers = await Promise.all(together.map((hole) => probe(run, hole, room, until, slow)))
    for (const [index, answer] of answers.entries()) {
      const hole = together[index]
      if (hole === undefined) continue
      if (E.isLeft(answer)) {
        if (!isForLater(answer.left)) return answer
        open.push(hole)
        continue
      }
      const { rows, to, askedAt } = answer.right
      late.push(...rows)
      // A hole of the version before was told by a host's clock: it gets its time once more, by the service's.
      const { seenAt = askedAt } = hole
      const rest = without(
        { ...hole, to, seenAt },
        rows.map(({ sequence }) => sequence),
      )
      const beyond = to < hole.to ? [{ ...hole, from: to + 1 }] : []
      isFull ||= beyond.length > 0 && rows.length >= room
      const isOver = askedAt - seenAt > run.settings.holeAgeMs
      if (isOver) dropped.push(...rest)
      else open.push(...rest)
      open.push(...beyond)
      for (const { from } of rest) probed.set(from, begun)
    }
  }
  return E.right({ late, open: open.sort((left, right) => left.from - right.from), dropped, isFull })
}

/** The hole stays open, and nothing else waits for it: time was up, or the metadata of a row in it does not come. */
const isForLater = (error: ServiceError): boolean =>
  error._tag === 'ServiceUnavailable' && (error.outOfTime === true || didNotCome(error))

interface Probe {
  readonly rows: ReadonlyArray<ReadRow>
  /** How far it was asked for. */
  readonly to: number
  /** When its first piece was, by the service's clock, ms: not later than it looked. */
  readonly askedAt: number
}

const probe = async (
  run: Run,
  hole: Hole,
  room: number,
  until: number,
  slow: SlowRanges,
): Promise<E.Either<ServiceError, Probe>> => {
  const { clock } = run.ports
  const begun = clock.now()
  const rows: Array<ReadRow> = []
  let askedAt: number | undefined
  let to = hole.from - 1
  // As wide as an identity jump: the other half of the run is for what comes behind.
  while (to < hole.to && rows.length < room && (to < hole.from || clock.now() < until)) {
    const page = await readRange(run, to, Math.min(pieceWidth, hole.to - to), slow)
    if (E.isLeft(page)) {
      if (askedAt === undefined || !isForLater(page.left)) return page
      break
    }
    // Less the time it took: hosts tell the hour differently, but a minute is a minute.
    askedAt ??= page.right.servedAt - (clock.now() - begun)
    rows.push(...page.right.rows)
    to = page.right.to
  }
  return E.right({ rows, to, askedAt: askedAt ?? 0 })
}
