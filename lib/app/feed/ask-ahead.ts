import * as E from 'fp-ts/Either'
import type { Run } from '../context'
import { pagesAtOnce, widestPage } from './page-size'
import type { SlowRanges } from './read-one-by-one'
import { type RangeRead, judgeRow, withoutMetadata } from './read-page'
import { readRange } from './read-range'
import type { JudgedPage, Pull, StreamState } from './stream-state'

/** A page of fewer rows has none to spare for one that was read before. */
const narrowPage = 10

/** Asks for pages behind those on their way, several side by side while they are small. */
export const askAhead = (state: StreamState, { limit, beyond }: Pull): void => {
  const { run, head, memory, last, seen, found, asked } = state
  const { pageSize: size, onTheirWay } = memory
  let from = asked.reduce((end, { width }) => end + width, seen)
  const isDense = last.sequence >= seen
  while (asked.length < pagesAtOnce(size) && from < head) {
    const wanted = beyond ? widestPage : limit - found.length - (from - seen)
    if (wanted <= 0 && asked.length > 0) break
    const { isEarly, mostTo } = besideHangs(memory, from, from > 0 && (state.isFirstPage || size.width >= narrowPage))
    const early = isEarly ? 1 : 0
    // A range is as wide as it is asked for, whatever it holds: behind a gap a narrow one would crawl.
    const most = Math.min(size.width - early, Math.min(head, mostTo) - from, isDense ? wanted : widestPage)
    const width = Math.max(1, most)
    const page = readRange(run, from - early, width + early, memory).then(E.map((read) => judgePage(run, read)))
    const come = (): void => void onTheirWay.delete(page)
    onTheirWay.add(page)
    page.then(come, come)
    asked.push({ from, width, isEarly, page })
    from += width
  }
}

/** Numbers that hang are asked for apart from others, which would have to wait with them. */
const besideHangs = (
  { hangs }: SlowRanges,
  from: number,
  wantsEarly: boolean,
): { readonly isEarly: boolean; readonly mostTo: number } => {
  const next = hangs.find(({ to }) => to > from)
  const isInside = next !== undefined && next.from <= from + 1
  const isEarlyHanging = hangs.some((hang) => hang.from <= from && from <= hang.to)
  return {
    isEarly: wantsEarly && !isInside && !isEarlyHanging,
    mostTo: next === undefined ? Infinity : isInside ? next.to : next.from - 1,
  }
}

const judgePage = (run: Run, { rows, ...page }: RangeRead): JudgedPage => ({
  ...page,
  rows: rows.map((row) => ({ row: withoutMetadata(row), judgement: judgeRow(run, row, false) })),
})
