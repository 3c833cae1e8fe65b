import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import {
  type Backfill,
  type Counts,
  type Listed,
  type State,
  added,
  isOver,
  listedOf,
  noCounts,
} from '../../domain/backfill/backfill'
import type { ServiceError } from '../../domain/cast-error'
import type { BackfillPorts } from '../ports-backfill-store'

/** How far a backfill is, as people and programs see it. */
export interface BackfillProgress {
  readonly id: string
  readonly by: string
  readonly startedAt: string
  readonly state: State
  /** Of one that is over. */
  readonly ended?: 'Done' | 'Cancelled'
  readonly endedAt?: string
  /** The sequence at which the feed goes on. */
  readonly checkpoint?: number
  readonly lanes: number
  /** Lanes that have parts which are not settled. */
  readonly lanesAtWork: number
  /** Of these, lanes that wait since a service asked for fewer requests. */
  readonly lanesWaiting: number
  readonly partitions?: ReadonlyArray<string>
  readonly since?: string
  /** Studies that were named, where it is about them alone. */
  readonly given?: number
  /** The head of the feed when it began: what is younger, the feed has. */
  readonly head?: number
  /** `whole`: nothing more comes. */
  readonly listed: { readonly studies: number; readonly images: number; readonly whole: boolean }
  /** Of what was listed: in parts that are settled. All of it in the end, also where studies were gone or left over. */
  readonly settled: Listed
  /** What these came to. */
  readonly done: Counts
  /** At the end, by one writer: studies that changed their patient meanwhile, or that FHIR alone holds. */
  readonly leftOver: { readonly cast: number; readonly failed: number }
  /** Studies that FHIR holds and the archive did not list: too many to be taken out unasked, so none was. */
  readonly tooManyGone?: number
  readonly imagesPerS?: number
  readonly secondsLeft?: number
}

const iso = (ms: number): string => new Date(ms).toISOString()

type Store = Pick<BackfillPorts, 'backfills' | 'clock'>

/** The one at work, or the last one; none when there never was one. */
export const readProgress = async ({
  backfills,
  clock,
}: Store): Promise<E.Either<ServiceError, BackfillProgress | undefined>> => {
  const read = await backfills.read()()
  if (E.isLeft(read)) return read
  if (O.isNone(read.right)) return E.right(undefined)
  const { value: backfill } = read.right
  let [done, lanesAtWork, lanesWaiting] = [noCounts, 0, 0]
  const now = clock.now()
  const settled = { studies: 0, images: 0 }
  const rows = await Promise.all(backfill.parts.map((_, lane) => backfills.lane(backfill.id, lane)()))
  for (const [lane, row] of rows.entries()) {
    if (E.isLeft(row)) return row
    const known = O.toUndefined(row.right)
    const isAtWork = !isOver(backfill) && (known?.settled ?? 0) < (backfill.parts[lane] ?? 0)
    if (isAtWork) lanesAtWork += 1
    if (isAtWork && (known?.dueAt ?? 0) > now) lanesWaiting += 1
    if (known === undefined) continue
    done = added(done, known.counts)
    const { studies, images } = listedOf(known)
    settled.studies += studies
    settled.images += images
  }
  return E.right(progressOf(backfill, { settled, done, lanesAtWork, lanesWaiting }, now))
}

const progressOf = (
  backfill: Backfill,
  {
    settled,
    done,
    lanesAtWork,
    lanesWaiting,
  }: Pick<BackfillProgress, 'settled' | 'done' | 'lanesAtWork' | 'lanesWaiting'>,
  now: number,
): BackfillProgress => {
  const { id, by, startedAt, state, lanes, scope, head, listed, leftOver, listFrom, listedAt, endedAt } = backfill
  const { checkpoint, isCancelled, tooManyGone } = backfill
  const tookS = listFrom === undefined ? 0 : ((endedAt ?? now) - listFrom) / 1_000
  const imagesPerS = tookS > 0 && done.images > 0 ? Math.round((done.images / tookS) * 10) / 10 : undefined
  const left = Math.max(0, listed.images - settled.images)
  const isEstimable = tookS > 0 && settled.images > 0 && listedAt !== undefined && endedAt === undefined
  return {
    ...{ id, by, startedAt: iso(startedAt), state },
    ...(state === 'over' ? { ended: isCancelled === true ? ('Cancelled' as const) : ('Done' as const) } : {}),
    ...(endedAt === undefined ? {} : { endedAt: iso(endedAt) }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...{ lanes, lanesAtWork, lanesWaiting },
    ...(scope.partitions === undefined ? {} : { partitions: scope.partitions }),
    ...(scope.since === undefined ? {} : { since: iso(scope.since) }),
    ...(scope.given === undefined ? {} : { given: scope.given.studies }),
    ...(head === undefined ? {} : { head: head.sequence }),
    listed: { ...listed, whole: listedAt !== undefined },
    ...{ settled, done, leftOver },
    ...(tooManyGone === undefined ? {} : { tooManyGone }),
    ...(imagesPerS === undefined ? {} : { imagesPerS }),
    ...(isEstimable ? { secondsLeft: Math.round((left * tookS) / settled.images) } : {}),
  }
}
