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
  const last = new Map(ordered.filter((row) => !isProbe(row)).map((row) => [instanceKeyText(row.key), row]))
  const isLive = (row: LiveRow): boolean => {
    if (isProbe(row)) return true
    const newest = last.get(instanceKeyText(row.key))
    return newest === row || (newest?._tag === 'Delete' && row._tag === 'Delete' && row.unowned === undefined)
  }
  const { left: superseded, right: live } = RA.partition(isLive)(ordered)
  return { live, superseded }
}
