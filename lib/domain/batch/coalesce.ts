import * as RA from 'fp-ts/ReadonlyArray'
import { instanceKeyText } from '../dicom/change-feed-entry'
import type { LiveRow } from './judge'
import { isProbe } from './parts'

/**
 * Rows in sequence order, the last one of each instance; the others are superseded by it. A row that is live when its
 * page is read can be superseded by the time a later page is. Of an instance that is gone every Delete row stays: one
 * may have been the end of its study, and what was stored between it and the last one begins anew. What only asks stays,
 * too.
 */
export const coalesce = (
  rows: ReadonlyArray<LiveRow>,
): { readonly live: ReadonlyArray<LiveRow>; readonly superseded: ReadonlyArray<LiveRow> } => {
  const ordered = [...rows].sort((left, right) => left.sequence - right.sequence)
  const texts = ordered.map(({ key }) => instanceKeyText(key))
  const last = new Map<string, LiveRow>()
  for (const [index, row] of ordered.entries()) if (!isProbe(row)) last.set(texts[index] ?? '', row)
  const isLive = (index: number, row: LiveRow): boolean => {
    if (isProbe(row)) return true
    const newest = last.get(texts[index] ?? '')
    return newest === row || (newest?._tag === 'Delete' && row._tag === 'Delete' && row.unowned === undefined)
  }
  const { left: superseded, right: live } = RA.partitionWithIndex(isLive)(ordered)
  return { live, superseded }
}
