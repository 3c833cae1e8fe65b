import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, retrying } from '../context'

const pageWidth = 100
/** Ranges that are asked for side by side. */
const atOnce = 4
/** A gap up to here is an identity jump of the database, and walked; a wider one is crossed with v2 windows. */
const widestWalk = 10_000
/** How long before the last row a window starts: a create takes its timestamp first and is inserted later. */
const windowLeadMs = 120_000

interface Gap {
  /** The last row before it. */
  readonly after: number
  /** Up to here it was found empty. */
  readonly from: number
  readonly head: number
  /** Of the last row; empty when it is not known. */
  readonly timestamp: string
}

/** How far there is no row: up to where rows come again, or time is up. An empty range is not the end: only the head is. */
export const crossGap = async (
  run: Run,
  gap: Gap,
  isEnough: () => boolean,
): Promise<E.Either<ServiceError, number>> => {
  const start = windowStart(gap)
  let windows = start !== undefined
  for (let offset = gap.from; offset < gap.head; offset += pageWidth * atOnce) {
    if (isEnough()) return E.right(offset)
    if (windows && start !== undefined && offset - gap.after > widestWalk) {
      const next = await crossWithWindows(run, start, gap.head, offset, isEnough)
      if (E.isRight(next) && O.isSome(next.right)) return E.right(next.right.value)
      if (E.isLeft(next) && !hasNoWindows(next.left)) return next
      // Slower, and just as sure.
      windows = false
    }
    const offsets = Array.from({ length: atOnce }, (_, index) => offset + index * pageWidth).filter(
      (each) => each < gap.head,
    )
    const pages = await Promise.all(
      offsets.map((each) => retrying(run, run.ports.dicom.range(each, Math.min(pageWidth, gap.head - each), false))),
    )
    for (const [index, page] of pages.entries()) {
      const reached = offsets[index] ?? offset
      // What is known to be empty is kept: whoever asks next is told of the trouble, if it lasts.
      if (E.isLeft(page)) return reached > gap.from ? E.right(reached) : page
      if (page.right.elements.length > 0) return E.right(reached)
    }
  }
  return E.right(gap.head)
}

/** Where windows of time begin; none when nobody knows when the last row was: behind none at all, they begin at the beginning. */
const windowStart = ({ after, timestamp }: Gap): string | undefined => {
  const start = new Date(after === 0 ? 0 : Date.parse(timestamp) - windowLeadMs)
  return Number.isNaN(start.getTime()) ? undefined : start.toISOString()
}

/** A service, or a proxy before it, that knows v1 alone: an answer, and not trouble that passes. */
const hasNoWindows = (error: ServiceError): boolean =>
  error._tag === 'ServiceUnavailable' && [400, 404, 405, 501].includes(error.status ?? 0)

/**
 * Before the smallest sequence above `from`, looked for by time: rows of one statement share a timestamp, in any
 * number. None when a row says neither its number nor where it belongs: it could be the smallest.
 */
const crossWithWindows = async (
  run: Run,
  start: string,
  head: number,
  from: number,
  isEnough: () => boolean,
): Promise<E.Either<ServiceError, O.Option<number>>> => {
  let [smallest, until] = [head, Infinity]
  for (let skip = 0; ;) {
    const page = await retrying(run, run.ports.dicom.window(start, skip))
    if (E.isLeft(page)) return page
    const { elements } = page.right
    let lastSeen = NaN
    for (const decoded of elements.map(run.judge.decode)) {
      const sequence = E.isRight(decoded) ? decoded.right.sequence : decoded.left.sequence
      if (sequence === undefined) return E.right(O.none)
      const seen = E.isRight(decoded) ? Date.parse(decoded.right.timestamp) : NaN
      if (!Number.isNaN(seen)) lastSeen = seen
      if (sequence <= from || sequence > smallest) continue
      smallest = sequence
      if (!Number.isNaN(seen)) until = Math.min(until, seen + windowLeadMs)
    }
    skip += elements.length
    if (elements.length === 0 || lastSeen > until) return E.right(O.some(smallest - 1))
    // Not all was seen that could be smaller.
    if (isEnough()) return E.right(O.some(from))
  }
}
