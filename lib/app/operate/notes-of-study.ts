import type { DeleteRow, LiveRow } from '../../domain/batch/judge'
import { heedRejection, rejectionBy, withNotes } from '../../domain/batch/rejected'
import { type InstanceKey, instanceKeyText } from '../../domain/dicom/change-feed-entry'
import type { ListingNote } from '../../domain/dicom/rejection-codes'
import type { Run } from '../context'

/**
 * What rejection notes make of the instances of a study: of its own those that it has now, of other studies those that
 * the fail rows name. `told`: what is only recorded, because it stays, or is not there; `withdrawn`: how many leave.
 */
export const heedNotesOf = (
  { rejected: known = new Map(), settings }: Run,
  { partition, studyInstanceUid }: Pick<InstanceKey, 'partition' | 'studyInstanceUid'>,
  rows: ReadonlyArray<LiveRow>,
) => {
  const notes = rows.filter((row): row is DeleteRow => row._tag === 'Delete' && row.note !== undefined)
  const isOwn = ({ name }: ListingNote): boolean => name.startsWith(`${studyInstanceUid} `)
  const elsewhere = new Map(
    [...known].map(([text, { key, error }]) => {
      const others = error.notes.filter((note) => key.partition !== partition || !isOwn(note))
      return [text, { key, error: rejectionBy(others, error.code) }] as const
    }),
  )
  const noted = notes.map(({ key, note }) => ({ key, note }))
  const rejected = new Map(
    [...withNotes(elsewhere, noted, settings.hidesRejectedForQuality)].filter(
      ([, { error }]) => error.notes.length > 0,
    ),
  )
  const upserts = rows.flatMap((row) =>
    row._tag === 'Delete' && row.note !== undefined ? [] : [heedRejection(rejected, row)],
  )
  const isOut = (row: LiveRow): boolean => row._tag === 'Delete' && row.unowned?.error._tag === 'Rejected'
  const out = new Set(upserts.flatMap((row) => (isOut(row) ? [instanceKeyText(row.key)] : [])))
  const told = [...rejected].flatMap(([text, { key, error }]) => {
    const isOfStudy = key.studyInstanceUid === studyInstanceUid || error.notes.some(isOwn)
    return key.partition === partition && isOfStudy && !out.has(text) ? [{ key, error, issues: [] }] : []
  })
  return { rejected, upserts, told, withdrawn: out.size }
}
