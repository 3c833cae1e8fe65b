import { type Judgement, issuesOfRow } from '../../domain/batch/judge'
import type { Settlement } from '../../domain/batch/ledger'
import type { BatchResult } from '../cast/cast-batch'
import type { SettledRow } from './settle-errors'

export interface Passed extends SettledRow {
  readonly settlement: Settlement['_tag'] | 'Skipped'
}

/** What became of each entry; an entry that is not in it is not settled. */
export const settledRows = (judged: ReadonlyArray<Judgement>, { settled }: BatchResult): ReadonlyArray<Passed> =>
  judged.flatMap((judgement): ReadonlyArray<Passed> => {
    switch (judgement._tag) {
      case 'Skipped':
      case 'Superseded': {
        const { sequence } = judgement.entry
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
        return [{ sequence: row.sequence, key: row.key, issues, error, settlement: settlement._tag, ...names }]
      }
    }
  })
