import * as t from 'io-ts'
import type { ListedStudy } from './parts'

// What storage keeps of a backfill: one row of the whole, one a lane, one a part.

const Count = t.refinement(t.number, (value) => Number.isSafeInteger(value) && value >= 0)
const Text = t.string

/** In this order; each step may be repeated, and only goes forth. */
export const states = [
  /** The gate is closed: the position moves, the lanes are made, the head of the feed is noted. */
  'starting',
  /** Every row up to that head can be seen when HoleAge has passed. */
  'waiting',
  'listing',
  /** All is listed; parts are still at work. */
  'working',
  /** The lanes are closed one by one. */
  'closing',
  /** What FHIR holds and the archive did not list is looked for. */
  'walking',
  /** What was left over is cast by one writer. */
  'leftOver',
  /** The checkpoint, then the gate. */
  'opening',
  'over',
] as const
export type State = (typeof states)[number]

const Listed = t.type({ studies: Count, images: Count })
export type Listed = t.TypeOf<typeof Listed>

const Head = t.intersection([t.type({ sequence: Count }), t.partial({ timestamp: Text, sopInstanceUid: Text })])

const Scope = t.partial({
  /** None: all that are synced. */
  partitions: t.readonlyArray(Text),
  /** Studies of which an entry was written from then on, ms. */
  since: Count,
  /** Studies that somebody has named; their list stands in rows of its own. */
  given: t.type({ chunks: Count, studies: Count }),
})

export const Given = t.type({ partition: Text, studies: t.readonlyArray(Text) })

export const Backfill = t.intersection([
  t.type({
    id: Text,
    by: Text,
    startedAt: Count,
    state: t.keyof(Object.fromEntries(states.map((state) => [state, null])) as Record<State, null>),
    lanes: Count,
    scope: Scope,
    /** There was no checkpoint, and no position in FHIR: nothing that FHIR holds can have gone. */
    isFresh: t.boolean,
    /** Parts that were written, by lane. */
    parts: t.readonlyArray(Count),
    listed: Listed,
    /** What the list named and nobody can ask for: the feed must go over it. */
    unlistable: Count,
    /** Left over to the end, and cast there. */
    leftOver: t.type({ cast: Count, failed: Count }),
  }),
  t.partial({
    /** The head of the feed when the position had moved. */
    head: Head,
    /** About then, ms, by the clock of whoever began it. */
    listFrom: Count,
    /** Not before, ms, by the clock of the DICOM service. */
    visibleFrom: Count,
    listedAt: Count,
    cursor: t.intersection([
      t.type({ partitions: t.readonlyArray(Text), at: Count, offset: Count }),
      t.partial({ before: t.readonlyArray(Text) }),
    ]),
    /** Studies that may leave FHIR unasked (DicomCast__MaxGone); one of a hundred listed, if that is more. */
    maxGone: Count,
    /**
     * FHIR's side: of which partition, and where its list goes on. Once through to count what the archive did not list, and,
     * where that is not too much, once more to leave it over.
     */
    walk: t.intersection([t.type({ at: Count }), t.partial({ next: Text, unlisted: Count, isCounted: t.boolean })]),
    isWalked: t.boolean,
    /** The gate was found open in the midst of it: until the position and the lanes have moved, nothing more is written. */
    isUnfenced: t.boolean,
    /** So many that FHIR holds were not listed: more than may leave it unasked, so none does. */
    tooManyGone: Count,
    isCancelled: t.boolean,
    /** Rows of studies that are gone stay, since nothing else was found to believe that by: the feed takes them away. */
    isLeftToFeed: t.boolean,
    checkpoint: Count,
    endedAt: Count,
  }),
])
export type Backfill = t.TypeOf<typeof Backfill>

export const isOver = ({ state }: Pick<Backfill, 'state'>): boolean => state === 'over'

const isBefore = (left: State, right: State): boolean => states.indexOf(left) < states.indexOf(right)

/** From here on no worker may write. */
export const isClosing = ({ state }: Pick<Backfill, 'state'>): boolean => !isBefore(state, 'closing')

/** As somebody ends it early: nothing more is listed or worked on, and the checkpoint stays. */
export const cancelled = (backfill: Backfill): Backfill => ({
  ...backfill,
  ...{ isCancelled: true, state: isClosing(backfill) ? backfill.state : 'closing' },
})

/** Whether nothing of the feed up to its head was left out: what is recorded is not left out. */
export const coversAll = ({ scope, isCancelled, unlistable }: Backfill): boolean =>
  isCancelled !== true &&
  scope.partitions === undefined &&
  scope.since === undefined &&
  scope.given === undefined &&
  unlistable === 0

/** Whether it is looked for what the archive did not list: of everything, or of the studies that were named, by whomever. */
export const looksForGone = (backfill: Backfill): boolean => {
  const { scope, isCancelled } = backfill
  return coversAll(backfill) || ((scope.given !== undefined || scope.since !== undefined) && isCancelled !== true)
}

/** May the checkpoint go to the head that was noted? Deletes before it are listed by nobody: FHIR's side tells them. */
export const mayMoveCheckpoint = (backfill: Backfill): boolean =>
  coversAll(backfill) && backfill.isLeftToFeed !== true && (backfill.isFresh || backfill.isWalked === true)

export const Counts = t.type({
  /** Also those that were gone when their worker came. */
  studies: Count,
  images: Count,
  /** Images that were not in FHIR as the archive has them, and are now, or are gone now. */
  written: Count,
  /** Images that cannot be cast, each with its row in a fail table. */
  notCast: Count,
  /** Studies that fail alone, each with its row in a fail table. */
  failed: Count,
  /** Studies that wait for the end. */
  leftOver: Count,
})
export type Counts = t.TypeOf<typeof Counts>

export const noCounts: Counts = { studies: 0, images: 0, written: 0, notCast: 0, failed: 0, leftOver: 0 }

export const added = (left: Counts, right: Counts): Counts => ({
  studies: left.studies + right.studies,
  images: left.images + right.images,
  written: left.written + right.written,
  notCast: left.notCast + right.notCast,
  failed: left.failed + right.failed,
  leftOver: left.leftOver + right.leftOver,
})

export const Part = t.intersection([
  t.type({
    lane: Count,
    part: Count,
    partition: Text,
    /** As they were listed. */
    listed: Listed,
    studies: t.readonlyArray(Text),
    /** Those that are not done, by their place in `studies`. */
    open: t.readonlyArray(Count),
    isSettled: t.boolean,
    /** How often a study of it failed alone. */
    tries: Count,
    /** How often in a row a service, or the time, ended it. */
    stalls: Count,
    /** By a worker or a sender, ms; nobody looks after it before a while has passed. */
    touchedAt: Count,
    counts: Counts,
  }),
  t.partial({
    /** Its study that was last found in the archive. */
    witness: Text,
  }),
])
export type Part = t.TypeOf<typeof Part>

/** Of the parts that are settled up to here, in order. */
export const LaneRow = t.intersection([
  t.type({ lane: Count, settled: Count, counts: Counts }),
  t.partial({
    /** The study that was last found in the archive. */
    witness: t.type({ partition: Text, studyInstanceUid: Text }),
    /** As they were listed: what is left is estimated by it, since studies may be gone, or left over. */
    listed: Listed,
    /** Its next part was sent, to be taken from then on, ms. */
    dueAt: Count,
    /** So long it waits between two parts, since a service asked for less. */
    pauseS: Count,
  }),
])
export type LaneRow = t.TypeOf<typeof LaneRow>

export const newPart = (
  { lane, part, partition, touchedAt }: Pick<Part, 'lane' | 'part' | 'partition' | 'touchedAt'>,
  studies: ReadonlyArray<ListedStudy>,
): Part => ({
  ...{ lane, part, partition, touchedAt, isSettled: false, tries: 0, stalls: 0, counts: noCounts },
  studies: studies.map(({ studyInstanceUid }) => studyInstanceUid),
  open: studies.map((_, place) => place),
  listed: { studies: studies.length, images: studies.reduce((sum, { instances }) => sum + instances, 0) },
})

/** A lane that goes on from an older version has only what its parts came to. */
export const listedOf = ({ listed, counts }: Pick<LaneRow, 'listed' | 'counts'>): Listed =>
  listed ?? { studies: counts.studies, images: counts.images }

/** One part more is settled. */
export const withSettled = (row: LaneRow, { part, counts, listed }: Part): LaneRow => {
  const before = listedOf(row)
  return {
    ...{ ...row, settled: part, counts: added(row.counts, counts) },
    listed: { studies: before.studies + listed.studies, images: before.images + listed.images },
  }
}

export const openStudies = ({ studies, open }: Part): ReadonlyArray<string> =>
  open.flatMap((place) => studies[place] ?? [])

/** Without those that are done. */
export const withDone = (part: Part, done: ReadonlySet<string>, counts: Counts): Part => ({
  ...part,
  open: part.open.filter((place) => !done.has(part.studies[place] ?? '')),
  counts: added(part.counts, counts),
})

const [firstStallS, longestStallS] = [15, 600]

/** What an outage, or a closed door, costs: no try, and a while that doubles. */
export const stallS = ({ stalls }: Pick<Part, 'stalls'>): number =>
  Math.min(longestStallS, firstStallS * 2 ** Math.min(stalls, 10))

export const stalled = (part: Part): Part => ({ ...part, stalls: part.stalls + 1 })

/** Of one part: a service that asks for less so often has more writers than it can take. */
const manyThrottled = 3
const [firstPauseS, longestPauseS] = [15, 600]

/**
 * How long a lane waits before its next part: twice as long each time that a service asked for less all the while, half as
 * long each time that none did. So there are fewer lanes at work at a time, and they come back.
 */
export const nextPauseS = (pauseS: number, throttled: number): number => {
  if (throttled >= manyThrottled) return Math.min(longestPauseS, Math.max(firstPauseS, pauseS * 2))
  return pauseS / 2 < firstPauseS ? 0 : Math.floor(pauseS / 2)
}

export const mostTries = 5
