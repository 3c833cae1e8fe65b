import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, retrying } from '../context'
import type { StudyIndex } from '../ports-operator'

export interface StudyPage {
  /** Not seen before in this list. */
  readonly studies: ReadonlyArray<string>
  /** The others. */
  readonly known: ReadonlyArray<string>
  /** Where the page begins, and where the next one does. */
  readonly offset: number
  readonly next: number
}

/** So many of a page are read again with the next: as many may be deleted meanwhile, and still no study is missed. */
const overlap = 20
/** Pages that are looked through for the one before, each way, until it is begun anew. */
const mostSteps = 10
const mostBeginnings = 5

const keepsChanging: ServiceError = {
  ...{ _tag: 'ServiceUnavailable', hop: 'dicom' },
  reason: 'its list of studies changes faster than it can be read',
}

const noPages: ServiceError = {
  ...{ _tag: 'ServiceUnavailable', hop: 'dicom' },
  reason: 'its list of studies gives the same page wherever it is asked to begin',
}

/**
 * All studies of a partition. The list is no snapshot: what is stored meanwhile comes in front and shifts its pages
 * back, what is deleted shifts them forward, past studies that nobody would have read. And a page has no order: so each
 * must share at least one study with the page before. One that shares none lies behind deletions, or in front of a
 * page of new studies: it is looked for in both directions, and at last from the beginning.
 */
export async function* studyPages(
  run: Run,
  index: Pick<StudyIndex, 'studies'>,
  partition: string,
  from: number,
  limit: number,
  seen: Set<string>,
  /** The page before, of who goes on. */
  last: ReadonlySet<string> = new Set(),
): AsyncGenerator<E.Either<ServiceError, StudyPage>> {
  const step = Math.max(1, limit - overlap)
  const list: List = { read: (offset) => retrying(run, index.studies(partition, offset, limit)), step, seen }
  let [offset, before, beginnings, repeats]: [number, ReadonlySet<string>, number, number] = [from, last, 0, 0]
  for (;;) {
    const page = await connectedPage(list, offset, before)
    if (E.isLeft(page)) return yield page
    if (page.right === 'Lost') {
      beginnings += 1
      if (beginnings > mostBeginnings) return yield E.left(keepsChanging)
      ;[offset, before] = [0, new Set()]
      continue
    }
    const { studies, at } = page.right
    if (studies.length === 0) return
    const all = new Set(studies)
    repeats = all.size === before.size && studies.every((uid) => before.has(uid)) ? repeats + 1 : 0
    if (repeats > mostBeginnings) return yield E.left(noPages)
    const fresh = [...all].filter((uid) => !seen.has(uid))
    const known = studies.filter((uid) => seen.has(uid))
    for (const uid of fresh) seen.add(uid)
    // A page may be short before the end: studies whose first image is still on its way drop out of it.
    const next = at + (studies.length < limit ? studies.length : step)
    yield E.right({ studies: fresh, known, offset: at, next })
    ;[offset, before] = [next, all]
  }
}

interface Connected {
  readonly studies: ReadonlyArray<string>
  readonly at: number
}

interface List {
  readonly read: (offset: number) => Promise<E.Either<ServiceError, ReadonlyArray<string>>>
  readonly step: number
  readonly seen: ReadonlySet<string>
}

/** The page at this offset, or the nearest that shares a study with the one before; an empty one at the end. */
const connectedPage = async (
  list: List,
  offset: number,
  before: ReadonlySet<string>,
): Promise<E.Either<ServiceError, Connected | 'Lost'>> => {
  const { read, step } = list
  const isConnected = (studies: ReadonlyArray<string>): boolean =>
    before.size === 0 || studies.some((uid) => before.has(uid))
  const page = await read(offset)
  if (E.isLeft(page)) return page
  if (page.right.length === 0) return atEnd(list, offset, before.size, isConnected)
  if (isConnected(page.right)) return E.right({ studies: page.right, at: offset })
  // Where the archive gives fewer at once than it is asked for, pages lie side by side.
  const beside = Math.max(0, offset - Math.ceil(Math.min(overlap, before.size) / 2))
  for (const at of [beside, ...around(offset, step)]) {
    const other = await read(at)
    if (E.isLeft(other)) return other
    if (other.right.length > 0 && isConnected(other.right)) return E.right({ studies: other.right, at })
    if (other.right.length === 0 && at > offset) break
  }
  return E.right('Lost')
}

/** Deletions are the rule: first back, then forth. */
const around = (offset: number, step: number): ReadonlyArray<number> => {
  const steps = Array.from({ length: mostSteps }, (_, index) => (index + 1) * step)
  const back = steps.filter((each) => each < offset + step).map((each) => Math.max(0, offset - each))
  return [...back, ...steps.map((each) => offset + each)]
}

/** Nothing at this offset: the end, unless only this page is empty, or deletions have moved unread studies before it. */
const atEnd = async (
  { read, step, seen }: List,
  offset: number,
  lastSize: number,
  isConnected: (studies: ReadonlyArray<string>) => boolean,
): Promise<E.Either<ServiceError, Connected | 'Lost'>> => {
  const after = await read(offset + step)
  if (E.isLeft(after)) return after
  if (after.right.length > 0) return E.right({ studies: after.right, at: offset + step })
  if (offset === 0) return E.right({ studies: [], at: 0 })
  // No further back than the page before: who goes on from there has seen nothing else.
  const at = Math.max(0, offset - Math.min(step, Math.max(1, lastSize)))
  const last = await read(at)
  if (E.isLeft(last)) return last
  if (last.right.length === 0) return at === 0 ? E.right({ studies: [], at: 0 }) : E.right('Lost')
  if (last.right.every((uid) => seen.has(uid))) return E.right({ studies: [], at: offset })
  return E.right(isConnected(last.right) ? { studies: last.right, at } : 'Lost')
}
