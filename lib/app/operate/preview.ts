import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { coalesce } from '../../domain/batch/coalesce'
import type { LiveRow } from '../../domain/batch/judge'
import { makeJudge } from '../../domain/batch/judge'
import { recordedIn } from '../../domain/batch/plan'
import { heedRejection, noteRowsIn, takeOutRow, withNotes } from '../../domain/batch/rejected'
import type { EntryError, ServiceError } from '../../domain/cast-error'
import { type Checkpoint, newCheckpoint, headOf } from '../../domain/checkpoint'
import { instanceKeyText } from '../../domain/dicom/change-feed-entry'
import { type CastSettings, type Run, remainingMs, retrying } from '../context'
import { lookUnderName } from '../feed-name'
import { lookAhead } from '../cast/prepare'
import { type Operated, type OperatorOptions, looking, service } from './operating'
import type { OperatorPorts } from '../ports-operator'
import { type FeedBatch, newReading, readFeed } from '../feed/read-feed'
import { type Seen, notePatient, noteRepointed, noteStudy, nothingSeen, plannedIn, tally } from './preview-seen'
import { mismatchedStudies, readFailIndex } from '../run/fail-index'
import { readBack, workOf } from '../run/heed-notes'
import { countByCode, withdrawnOf } from './resync'

export interface Preview {
  readonly from: number
  readonly to: number
  readonly head: number
  readonly batches: number
  readonly entries: number
  /** Each Patient and study once, however many entries name it. */
  readonly patients: {
    readonly create: number
    readonly update: number
    /** Found, and as it should be. */
    readonly unchanged: number
    readonly inConflict: number
  }
  readonly studies: {
    readonly create: number
    /** Written by the original, or by another system. */
    readonly adopt: number
    /** Written by us before. */
    readonly update: number
    /** It stays as it is. */
    readonly unchanged: number
  }
  /**
   * Studies that would get another Patient as their subject; `fromOriginal`: of those, studies of the original whose new
   * Patient is not there yet: the settings do not find the Patients that it wrote; `patients`: so many of them would be made
   * anew. None where there are none.
   */
  readonly repointed?: { readonly studies: number; readonly fromOriginal: number; readonly patients: number }
  /** Issuers that entries name and that have no system (Patient__IssuerSystems). None where there are none. */
  readonly unmappedIssuers?: number
  readonly unchanged: number
  readonly superseded: number
  /** Of partitions that are not synced. */
  readonly skipped: number
  /** Instances that rejection notes keep or take out of FHIR. None where there are none. */
  readonly withdrawn?: number
  /** Entries, by code. */
  readonly recorded: Readonly<Partial<Record<EntryError['_tag'], number>>>
  /** True when it looked up to the head. */
  readonly complete: boolean
}

export interface PreviewRequest {
  readonly batches: number
  /** None: where the checkpoint is. */
  readonly fromSequence: number | undefined
}

/** What the next batches would do. Nothing is written, and no lease is taken: a run beside it may be faster. */
export const preview = async (
  ports: OperatorPorts,
  settings: CastSettings,
  options: OperatorOptions,
  { batches, fromSequence }: PreviewRequest,
): Promise<Operated<Preview>> => {
  const issuers = new Set<string>()
  const run: Run = { ...looking(ports, settings, options), judge: makeJudge(settings, (issuer) => issuers.add(issuer)) }
  const known = await lookUnderName(run)
  if (E.isLeft(known)) return service(known.left)
  // What notes have withdrawn before.
  const index = await readFailIndex(run)
  if (E.isLeft(index)) return service(index.left)
  const begin = await startOf(run, fromSequence)
  if (E.isLeft(begin)) return begin
  const seen = nothingSeen(issuers, mismatchedStudies(index.right))
  let checkpoint = begin.right
  const from = checkpoint.syncedSequence
  let [head, done, complete] = [from, 0, false]
  const reading = newReading()
  while (done < batches && !complete && remainingMs(run) > 0 && !run.stopping()) {
    const feed = await readFeed(run, checkpoint, settings.batchSize, reading)
    if (E.isLeft(feed)) return service(feed.left)
    const looked = await lookAt(run, feed.right, seen)
    if (E.isLeft(looked)) return service(looked.left)
    head = feed.right.head
    complete = feed.right.reachedHead || feed.right.rows.length === 0
    checkpoint = { ...newCheckpoint(feed.right.rows.at(-1)?.sequence ?? checkpoint.syncedSequence) }
    done += 1
    options.steps?.(done, batches)
  }
  return E.right({
    ...{ from, to: checkpoint.syncedSequence, head, batches: done, complete },
    ...{ entries: seen.entries, unchanged: seen.unchanged, superseded: seen.superseded, skipped: seen.skipped },
    patients: tally(seen.patients, { create: 0, update: 0, unchanged: 0, inConflict: 0 }),
    studies: tally(seen.studies, { create: 0, adopt: 0, update: 0, unchanged: 0 }),
    ...withdrawnOf({ withdrawn: seen.withdrawn.size }),
    recorded: countByCode(seen.errors),
    ...(seen.repointed.size === 0
      ? {}
      : {
          repointed: {
            studies: seen.repointed.size,
            ...originalsAnew(seen),
          },
        }),
    ...(seen.issuers.size === 0 ? {} : { unmappedIssuers: seen.issuers.size }),
  })
}

const originalsAnew = ({ repointed }: Seen) => {
  const anew = [...repointed.values()].flatMap((patient) => patient ?? [])
  return { fromOriginal: anew.length, patients: new Set(anew).size }
}

const startOf = async (run: Run, fromSequence: number | undefined): Promise<Operated<Checkpoint>> => {
  const { startFrom } = run.settings
  if (fromSequence === undefined) {
    const read = await retrying(run, run.ports.checkpoints.read())
    if (E.isLeft(read)) return service(read.left)
    if (O.isSome(read.right)) return E.right(read.right.value.checkpoint)
    if (startFrom !== 'now') return E.right(newCheckpoint(startFrom === 'beginning' ? 0 : startFrom))
  }
  const latest = await retrying(run, run.ports.dicom.latest())
  if (E.isLeft(latest)) return service(latest.left)
  const head = headOf(latest.right)
  return (fromSequence ?? head) > head
    ? E.left({ _tag: 'Refused', reason: `the head of the change feed is ${head}: nothing can be behind it` })
    : E.right(newCheckpoint(fromSequence ?? head))
}

const lookAt = async (run: Run, feed: FeedBatch, seen: Seen): Promise<E.Either<ServiceError, void>> => {
  const live: Array<LiveRow> = []
  for (const judgement of feed.judged) {
    seen.entries += 1
    if (judgement._tag === 'Live') live.push(judgement.row)
    else if (judgement._tag === 'Recorded') seen.errors.push(judgement.row.error)
    else if (judgement._tag === 'Skipped') seen.skipped += 1
    else seen.superseded += 1
  }
  const noted = { before: run.rejected ?? new Map(), notes: noteRowsIn(live, run.rejected ?? new Map()), rows: live }
  const after = withNotes(noted.before, noted.notes, run.settings.hidesRejectedForQuality)
  run.rejected = new Map([...after].filter(([, { error }]) => error.notes.length > 0))
  const { live: rows, superseded } = coalesce(live.map((row) => heedRejection(after, row)))
  seen.superseded += superseded.length
  const looked = await lookAtRows(run, rows, seen)
  if (E.isLeft(looked)) return looked
  seen.unchanged += looked.right
  // Images of earlier batches: those that go, and those that come back.
  const { out, back } = workOf(noted, after, new Map())
  const returned = await readBack(run, back)
  if (E.isLeft(returned)) return returned
  const others = [
    ...returned.right.judged.flatMap((each) => (each._tag === 'Live' ? [each.row] : [])),
    ...out.map((each, at) => takeOutRow(each, back.length + at + 1)),
  ]
  return E.map(() => undefined)(await lookAtRows(run, others, seen))
}

/** How many of them change nothing. */
const lookAtRows = async (
  run: Run,
  rows: ReadonlyArray<LiveRow>,
  seen: Seen,
): Promise<E.Either<ServiceError, number>> => {
  if (rows.length === 0) return E.right(0)
  const ahead = await lookAhead(run, rows, { mismatched: seen.mismatched })
  if (E.isLeft(ahead)) return ahead
  const { plan, snapshot } = ahead.right
  const errors = recordedIn(plan)
  seen.errors.push(...errors.map(({ error }) => error))
  const recorded = new Map(errors.map(({ row, error }) => [row, error]))
  const planned = plannedIn(plan, snapshot)
  for (const row of rows) {
    if (row._tag === 'Delete' && row.unowned?.error._tag === 'Rejected') {
      seen.withdrawn.add(instanceKeyText(row.key))
      noteStudy(run, snapshot, seen, { row, planned })
      continue
    }
    if (row._tag === 'Upsert') notePatient(run, snapshot, seen, { row, error: recorded.get(row), planned })
    if (row._tag === 'Upsert' && !recorded.has(row)) noteRepointed(run, snapshot, seen, { row, planned })
    if (!recorded.has(row)) noteStudy(run, snapshot, seen, { row, planned })
  }
  return E.right(plan.unchanged.length)
}
