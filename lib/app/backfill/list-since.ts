import * as E from 'fp-ts/Either'
import type { Backfill } from '../../domain/backfill/backfill'
import { isUid } from '../../domain/backfill/parts'
import type { ServiceError } from '../../domain/cast-error'
import { isSamePartition } from '../../domain/dicom/partition'
import { type Run, remainingMs, retrying } from '../context'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import { countNamed, enterNamed, foreseenOf, newTally } from './enter-named'
import { walked } from './left-over'
import { type Foreseen, type Listing, chosenPartitions, cursorOf, listedAll } from './list-studies'
import { writeBackfill } from './rows'
import { unlistedOf } from './unlisted'
import { type Gathering, findParts } from './write-parts'

// A backfill of what has changed since a time: the feed names the studies, the archive's list tells whose they are.

type Result<A> = Promise<E.Either<ServiceError, A>>

/** Of a step: pages of the feed, or studies, whichever are more. */
const [pagesOfStep, studiesOfStep] = [25, 400]

interface Changed {
  /** By partition, each once. */
  readonly studies: ReadonlyMap<string, ReadonlySet<string>>
  /** Entries that were read up to here. */
  readonly next: number
  readonly isEnd: boolean
}

interface Window {
  readonly since: number
  /** Partitions as the service spells them. */
  readonly partitions: ReadonlyArray<string>
  /** What is younger, the feed has. */
  readonly head: number
}

/** Goes on behind the `from` entries that were read before. */
const readChanged = async (run: Run, { since, partitions, head }: Window, from: number): Result<Changed> => {
  const studies = new Map(partitions.map((partition) => [partition, new Set<string>()]))
  let [next, count] = [from, 0]
  for (let pages = 0; pages < pagesOfStep && count < studiesOfStep; pages++) {
    if (pages > 0 && (run.stopping() || remainingMs(run) <= 0)) break
    const page = await retrying(run, run.ports.dicom.window(new Date(since).toISOString(), next))
    if (E.isLeft(page)) return page
    const { elements } = page.right
    if (elements.length === 0) return E.right({ studies, next, isEnd: true })
    for (const element of elements) {
      const decoded = run.judge.decode(element)
      if (E.isLeft(decoded) || decoded.right.sequence > head || !isUid(decoded.right.studyInstanceUid)) continue
      const name = partitions.find((each) => isSamePartition(each, decoded.right.partition))
      if (name !== undefined) studies.get(name)?.add(decoded.right.studyInstanceUid)
    }
    next += elements.length
    count = [...studies.values()].reduce((sum, { size }) => sum + size, 0)
  }
  return E.right({ studies, next, isEnd: false })
}

const windowOf = ({ scope, head, cursor }: Backfill): Window => ({
  ...{ since: scope.since ?? 0, partitions: cursor?.partitions ?? [], head: head?.sequence ?? 0 },
})

/** One step, under the lease. Whatever a part has is not asked for again; what the archive has not is looked after later. */
export const listSince = async (listing: Listing, stored: Stored<Backfill>): Result<Stored<Backfill>> => {
  const { run, ports } = listing
  const begun = await cursorOf(run, ports, stored)
  if (E.isLeft(begun)) return begun
  const cursor = begun.right
  const changed = await readChanged(run, windowOf({ ...stored, cursor }), cursor.offset)
  if (E.isLeft(changed)) return changed
  const [parts, listed] = [[...stored.parts], { ...stored.listed }]
  const gathering = (partition: string): Gathering => ({
    ...{ run, ports, backfill: stored, partition, waiting: new Map(), parts, listed },
  })
  const there = await findParts(gathering(''))
  if (E.isLeft(there)) return there
  for (const [partition, studies] of changed.right.studies) {
    const fresh = await unlistedOf(run, ports, stored.id, partition, [...studies])
    if (E.isLeft(fresh)) return fresh
    const entered = await enterNamed(listing, gathering(partition), fresh.right)
    if (E.isLeft(entered)) return entered
    if (!entered.right) return E.right(stored)
  }
  const done = { cursor: { ...cursor, offset: changed.right.next }, parts, listed }
  return changed.right.isEnd
    ? listedAll(listing, stored, done)
    : writeBackfill(run, ports, stored, { ...stored, ...done })
}

/**
 * What of it the archive did not have is gone, as it seems: whoever is alone looks twice. A study has many entries, and is
 * counted once, by a row that says in which step: a step that is repeated counts the same.
 */
export const walkSince = async ({ run, ports }: Listing, stored: Stored<Backfill>): Result<Stored<Backfill>> => {
  const { walk = { at: 0 }, id } = stored
  const changed = await readChanged(run, windowOf(stored), walk.at)
  if (E.isLeft(changed)) return changed
  let unlisted = walk.unlisted ?? 0
  for (const [partition, studies] of changed.right.studies) {
    const unknown = await unlistedOf(run, ports, id, partition, [...studies])
    if (E.isLeft(unknown)) return unknown
    if (unknown.right.length === 0) continue
    if (walk.isCounted === true) {
      const keys = unknown.right.map((studyInstanceUid) => ({ partition, studyInstanceUid }))
      const left = await retrying(run, ports.backfills.leaveOver(id, keys))
      if (E.isLeft(left)) return left
      continue
    }
    const marks = unknown.right.map((studyInstanceUid) => ({ studyInstanceUid, lane: 0, part: walk.at }))
    const marked = await retrying(run, ports.backfills.enter(`${id}-gone`, partition, marks))
    if (E.isLeft(marked)) return marked
    unlisted += marks.length - marked.right.filter(({ part }) => part !== walk.at).length
  }
  const after = { ...walk, at: changed.right.next, unlisted }
  return changed.right.isEnd
    ? walked(run, ports, { ...stored, walk: after })
    : writeBackfill(run, ports, stored, { ...stored, walk: after })
}

/** What a backfill since then would be about; nothing is written. */
export const foreseeSince = async (
  run: Run,
  ports: BackfillPorts,
  scope: Backfill['scope'],
  since: number,
): Result<Foreseen> => {
  const partitions = await chosenPartitions(run, ports, scope)
  if (E.isLeft(partitions)) return partitions
  const [tally, seen] = [newTally(), new Set<string>()]
  for (let at = 0; ;) {
    const changed = await readChanged(run, { since, partitions: partitions.right, head: Infinity }, at)
    if (E.isLeft(changed)) return changed
    for (const [partition, studies] of changed.right.studies) {
      const fresh = [...studies].filter((uid) => !seen.has(`${partition} ${uid}`))
      for (const uid of fresh) seen.add(`${partition} ${uid}`)
      const isCounted = await countNamed(run, ports, tally, partition, fresh)
      if (E.isLeft(isCounted)) return isCounted
      if (!isCounted.right) return E.right(foreseenOf(tally, false))
    }
    if (changed.right.isEnd) return E.right(foreseenOf(tally, true))
    if (run.stopping() || remainingMs(run) <= 0) return E.right(foreseenOf(tally, false))
    at = changed.right.next
  }
}
