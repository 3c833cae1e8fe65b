import { type InstanceKey, instanceKeyText } from '../../domain/dicom/change-feed-entry'
import { failRowName } from '../../domain/fail-row'
import type { BatchResult } from '../cast/cast-batch'
import type { FailRowKey } from '../ports'
import { type FailIndex, type SettledRow, aboutStudies } from '../run/fail-index'
import type { StudyKey, StudyRows } from './resync'

/**
 * What is known of the instances now, without an entry of the feed: what cannot be cast is recorded, and the rows of
 * those that were cast, or are gone, are true no more.
 */
export const settledNow = (
  whole: FailIndex,
  key: StudyKey,
  { rows, rejected }: StudyRows,
  { settled }: Pick<BatchResult, 'settled'>,
  isWhole: boolean,
): ReadonlyArray<SettledRow> => {
  const index = aboutStudies(whole, [key, ...rejected.map((each) => each.key)])
  const cast = rows.flatMap((row): ReadonlyArray<SettledRow> => {
    const settlement = settled.get(row.sequence)
    if (settlement === undefined) return []
    const error = settlement._tag === 'Recorded' ? settlement.error : undefined
    const said = row._tag === 'Upsert' ? { issues: row.issues, names: row.identity } : { issues: [] }
    return [{ sequence: 0, key: row.key, error, settlement: settlement._tag, ...said }]
  })
  // Of what is there a note's word stands beside what became of it.
  const judged = new Set([...cast, ...rejected.filter(({ error }) => error._tag !== 'Rejected')].map(textOf))
  const isTold = ({ error, ...each }: StudyRows['rejected'][number]): boolean =>
    error._tag !== 'Rejected' || !judged.has(textOf(each))
  const refused = rejected.filter(isTold).map((each): SettledRow => ({ ...each, sequence: 0, settlement: 'Recorded' }))
  const known = new Set([...rows, ...refused].map((each) => failRowName({ ...each.key, sequence: 0 })))
  const gone = [...index.rows.values()].flatMap((row): ReadonlyArray<SettledRow> => {
    const { partition, studyInstanceUid, sopInstanceUid } = row
    if (partition !== key.partition || studyInstanceUid !== key.studyInstanceUid) return []
    // An entry without UIDs may be about an instance that is there.
    const isNamed = sopInstanceUid !== undefined || row.sequence === 0
    return isNamed && !known.has(failRowName({ ...row, sequence: 0 }))
      ? [{ sequence: 0, key: instanceOf(row), issues: [], error: undefined }]
      : []
  })
  return [...cast, ...refused, ...(isWhole ? gone : [])]
}

const noUids: InstanceKey = { partition: '', studyInstanceUid: '', seriesInstanceUid: '', sopInstanceUid: '' }
const textOf = ({ key }: Pick<SettledRow, 'key'>): string => instanceKeyText({ ...noUids, ...key })

const instanceOf = ({ partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }: FailRowKey) => ({
  ...(partition === undefined ? {} : { partition }),
  ...(studyInstanceUid === undefined ? {} : { studyInstanceUid }),
  ...(seriesInstanceUid === undefined ? {} : { seriesInstanceUid }),
  ...(sopInstanceUid === undefined ? {} : { sopInstanceUid }),
})
