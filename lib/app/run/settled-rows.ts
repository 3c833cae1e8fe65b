import { type Judgement, type LiveRow, issuesOfRow } from '../../domain/batch/judge'
import type { Settlement } from '../../domain/batch/ledger'
import type { BatchResult } from '../cast/cast-batch'
import type { SettledRow } from './fail-index'

export interface Passed extends SettledRow {
  readonly settlement: Settlement['_tag'] | 'Skipped'
}

const saidBy = (row: LiveRow): Pick<SettledRow, 'says'> => {
  if (row._tag === 'Upsert') return row.update ? { says: 'Corrected' } : {}
  return row.unowned === undefined ? { says: 'Gone' } : {}
}

/**
 * What became of each entry; an entry that is not in it is not settled. `probing`: superseded Update rows had to ask first,
 * and are settled when they have.
 */
export const settledRows = (
  judged: ReadonlyArray<Judgement>,
  { settled }: BatchResult,
  probing = false,
): ReadonlyArray<Passed> =>
  judged.flatMap((judgement): ReadonlyArray<Passed> => {
    switch (judgement._tag) {
      case 'Skipped':
      case 'Superseded': {
        const { sequence } = judgement.entry
        const isAsking = judgement._tag === 'Superseded' && judgement.probe !== undefined
        if (probing && isAsking && !settled.has(sequence)) return []
        return [{ sequence, key: judgement.entry, issues: [], error: undefined, settlement: judgement._tag }]
      }
      case 'Recorded':
        return [{ ...judgement.row, settlement: 'Recorded' }]
      case 'Live': {
        const { row } = judgement
        const settlement = settled.get(row.sequence)
        if (settlement === undefined) return []
        const error = settlement._tag === 'Recorded' ? settlement.error : undefined
        const issues = settlement._tag === 'Superseded' ? [] : issuesOfRow(row)
        const names = row._tag === 'Upsert' ? { names: row.identity } : {}
        const says = settlement._tag === 'Superseded' ? {} : saidBy(row)
        return [{ sequence: row.sequence, key: row.key, issues, error, settlement: settlement._tag, ...names, ...says }]
      }
    }
  })
