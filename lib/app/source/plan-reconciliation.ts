import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../domain/cast-error'
import { defaultPartition } from '../../domain/dicom/partition'
import { digestOf } from '../../domain/digest'
import { type Run, retrying } from '../context'
import { lookUnderName } from '../feed-name'
import { heldIn } from '../operate/held-studies'
import { mostGone } from '../operate/max-gone'
import { studyPages } from '../operate/study-pages'
import type { ListedStudy, SeenStudy } from '../ports-source'
import { readFailIndex } from '../run/fail-index'
import { dayMs } from '../run/second-look'
import { unlisted } from './cast-listed'
import type { SourcePorts } from './source-ports'

// What a comparison of an archive with FHIR has to look at. Three lists are read: the archive's, FHIR's, and what was seen of
// each study when it was read last; a study that is the same in all of them costs no request of its own. So a comparison that
// ended early begins anew, and finds what it has done already.

export interface ReconcileSettings {
  readonly fullDays: number
  readonly maxGone: number
  /** When the comparison began that this one goes on with, ms: what was read since needs no other reading. None: a new one. */
  readonly since?: number | undefined
  /** So many studies may be taken out of FHIR, because an operator says so. */
  readonly confirmed?: number | undefined
  /** All that are gone are to be counted, however many: somebody waits for the number. */
  readonly countsAll?: boolean
}

export interface ReconcilePlan {
  /** Studies of the archive's list. */
  readonly compared: number
  /** New to us, or not as they were seen, or not to be compared by the list. */
  readonly changed: ReadonlyArray<ListedStudy>
  /** Not read whole for long. */
  readonly due: ReadonlyArray<ListedStudy>
  /** The archive has none of them: asked for by UID. FHIR holds them, or rows tell of them. */
  readonly gone: ReadonlyArray<string>
  /** Of these, what would leave FHIR, when that is more than may leave it unasked: then none does. */
  readonly tooManyGone?: number
  /** They are at least so many: the others were not asked for. */
  readonly hasMoreGone?: boolean
  /** The archive tells that it has more studies than its list gave. */
  readonly missing: number
}

type Result<A> = Promise<E.Either<ServiceError, A>>

export const planReconciliation = async (
  run: Run,
  ports: SourcePorts,
  settings: ReconcileSettings,
): Result<ReconcilePlan> => {
  const named = await lookUnderName(run)
  if (E.isLeft(named)) return named
  const seen = await retrying(run, ports.seen.all())
  if (E.isLeft(seen)) return seen
  const failures = await readFailIndex(run)
  if (E.isLeft(failures)) return failures
  const listed = await listOf(run, ports)
  if (E.isLeft(listed)) return listed
  const held = await heldIn(run, ports, defaultPartition)
  if (E.isLeft(held)) return held
  const failing = new Map<string, number>()
  for (const { studyInstanceUid: uid } of failures.right.rows.values()) {
    if (uid !== undefined) failing.set(uid, (failing.get(uid) ?? 0) + 1)
  }
  const now = run.ports.clock.now()
  const known: Known = {
    now,
    since: settings.since ?? Infinity,
    seen: new Map(seen.right.map((study) => [study.studyInstanceUid, study])),
    held: held.right,
    failing,
    dueBefore: now - settings.fullDays * dayMs,
    fullMs: settings.fullDays * dayMs,
  }
  const { studies } = listed.right
  const changed = [...studies.values()].filter((study) => isChanged(known, study))
  const isSame = new Set(studies.keys())
  for (const { studyInstanceUid } of changed) isSame.delete(studyInstanceUid)
  const lost = await whatLostInstances(run, ports, known, isSame, changed.length > 0)
  if (E.isLeft(lost)) return lost
  for (const uid of lost.right) isSame.delete(uid)
  const asked = await notThere(run, ports, known, studies, settings)
  if (E.isLeft(asked)) return asked
  return E.right({
    compared: studies.size,
    changed: [...changed, ...lost.right.flatMap((uid) => studies.get(uid) ?? []), ...asked.right.missed],
    due: [...isSame].filter((uid) => isDue(known, uid)).flatMap((uid) => studies.get(uid) ?? []),
    gone: asked.right.gone,
    ...asked.right.tooMany,
    missing: listed.right.missing,
  })
}

interface Known {
  readonly now: number
  readonly since: number
  readonly seen: ReadonlyMap<string, SeenStudy>
  readonly held: ReadonlySet<string>
  /** Studies that rows of the fail tables are about, and how many. */
  readonly failing: ReadonlyMap<string, number>
  readonly dueBefore: number
  readonly fullMs: number
}

interface Listing {
  readonly studies: ReadonlyMap<string, ListedStudy>
  readonly missing: number
}

/** A list is read again where the archive tells that it has more. */
const mostListings = 3

const listOf = async (run: Run, ports: SourcePorts): Result<Listing> => {
  const { source } = ports
  const [studies, ids] = [new Map<string, ListedStudy>(), new Set<string>()]
  for (let listings = 1; ; listings++) {
    const index = {
      studies: (_: string, offset: number, limit: number) =>
        TE.map((page: ReadonlyArray<ListedStudy>) => {
          for (const study of page) {
            const other = studies.get(study.studyInstanceUid)
            // Two studies of one UID, or one that changes now: it is read.
            const isOne = other === undefined || other.state === study.state
            studies.set(study.studyInstanceUid, isOne ? study : unlisted(study.studyInstanceUid))
            ids.add(study.id)
          }
          return page.map(({ studyInstanceUid }) => studyInstanceUid)
        })(source.list(offset, limit)),
    }
    for await (const page of studyPages(run, index, defaultPartition, 0, source.pageSize, new Set())) {
      if (E.isLeft(page)) return page
    }
    const totals = await retrying(run, source.totals())
    if (E.isLeft(totals)) return totals
    const missing = O.isNone(totals.right) ? 0 : Math.max(0, totals.right.value.studies - ids.size)
    if (missing === 0 || listings === mostListings) return E.right({ studies, missing })
  }
}

/** In this comparison, before it ended early. */
const isRead = ({ seen, since, now }: Known, uid: string): boolean => {
  const { readAt = 0 } = seen.get(uid) ?? {}
  return readAt >= since && readAt <= now
}

const isChanged = (known: Known, { studyInstanceUid: uid, state }: ListedStudy): boolean => {
  const { seen, held, failing } = known
  const was = seen.get(uid)
  if (was === undefined || was.state !== state) return true
  if (state === undefined && !isRead(known, uid)) return true
  // Somebody has taken it out of FHIR; what could not be cast never was there.
  return !held.has(uid) && (failing.get(uid) ?? 0) < Math.max(1, was.instances)
}

/** Spread over the time: those of one night do not come back in one night. A time that is still to come was of a wrong clock. */
const isDue = ({ seen, fullMs, dueBefore }: Known, uid: string): boolean => {
  const spread = Number.parseInt(digestOf([uid]).slice(0, 4), 16) / 0x1_0000
  const { readAt = 0 } = seen.get(uid) ?? {}
  return readAt < dueBefore + (fullMs / 2) * spread || readAt > dueBefore + fullMs + dayMs
}

/**
 * Where a list does not show that an instance is gone (LastUpdate of Orthanc before 1.12.1), the sum does: only when that
 * is not what was seen, the studies are asked how much they have.
 */
const whatLostInstances = async (
  run: Run,
  { source }: SourcePorts,
  { seen }: Known,
  same: ReadonlySet<string>,
  // What came elsewhere may stand in the sum for what is gone.
  haveOthersChanged: boolean,
): Result<ReadonlyArray<string>> => {
  if (source.countsAtOnce === 0 || same.size === 0) return E.right([])
  const totals = await retrying(run, source.totals())
  if (E.isLeft(totals) || O.isNone(totals.right)) return E.map(() => [])(totals)
  let instances = 0
  for (const { instances: each } of seen.values()) instances += each
  const isSum = instances === totals.right.value.instances && seen.size === same.size
  if (isSum && !haveOthersChanged) return E.right([])
  const lost: string[] = []
  const uids = [...same]
  for (let start = 0; start < uids.length; start += source.countsAtOnce) {
    const some = uids.slice(start, start + source.countsAtOnce)
    const counts = await retrying(run, source.counts(some))
    if (E.isLeft(counts)) return counts
    lost.push(...some.filter((uid) => counts.right.get(uid)?.instances !== seen.get(uid)?.instances))
  }
  return E.right(lost)
}

interface NotThere {
  /** The list did not give them, and the archive has them. */
  readonly missed: ReadonlyArray<ListedStudy>
  readonly gone: ReadonlyArray<string>
  readonly tooMany: Pick<ReconcilePlan, 'tooManyGone' | 'hasMoreGone'>
}

/**
 * So many more than may leave FHIR are asked for: enough to tell a few too many from an archive that is gone, which would
 * cost a request for each study that it had.
 */
const askedBeyond = 1_000

/** Absence from a list proves nothing: each is asked for by its UID. */
const notThere = async (
  run: Run,
  ports: SourcePorts,
  known: Known,
  studies: ReadonlyMap<string, ListedStudy>,
  { maxGone, confirmed, countsAll = false }: ReconcileSettings,
): Result<NotThere> => {
  const { held, seen, failing } = known
  const [missed, gone]: [ListedStudy[], string[]] = [[], []]
  const most = mostGone(maxGone, studies.size, confirmed)
  // Whoever confirms a number that was too small is told the right one.
  const mostAsked = countsAll || confirmed !== undefined ? Infinity : most + askedBeyond
  let leaving = 0
  let hasMoreGone = false
  for (const uid of new Set([...held, ...seen.keys(), ...failing.keys()])) {
    if (studies.has(uid)) continue
    if (leaving > mostAsked) {
      hasMoreGone = true
      break
    }
    const has = await retrying(run, ports.studyIndex.has(defaultPartition, uid))
    if (E.isLeft(has)) return has
    if (has.right) missed.push(...(isRead(known, uid) ? [] : [unlisted(uid)]))
    else {
      gone.push(uid)
      if (held.has(uid)) leaving += 1
    }
  }
  return E.right(
    leaving > most
      ? { missed, gone: gone.filter((uid) => !held.has(uid)), tooMany: { tooManyGone: leaving, hasMoreGone } }
      : { missed, gone, tooMany: {} },
  )
}
