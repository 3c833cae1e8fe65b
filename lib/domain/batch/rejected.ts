import type { EntryError } from '../cast-error'
import { type InstanceKey, instanceKeyText } from '../dicom/change-feed-entry'
import type { ListingNote, RejectionCode } from '../dicom/rejection-codes'
import { type RejectionNote, takesOut } from '../dicom/rejection-note'
import type { DeleteRow, LiveRow, UpsertRow } from './judge'

// Which instances the archive has withdrawn by a rejection note, and what becomes of their rows.

type Rejected = Extract<EntryError, { _tag: 'Rejected' }>

export interface RejectedInstance {
  readonly key: InstanceKey
  readonly error: Rejected
}

/** By instance (instanceKeyText). */
export type RejectedInstances = ReadonlyMap<string, RejectedInstance>

/** What a note is known by, in its partition. */
export const noteName = ({
  studyInstanceUid,
  sopInstanceUid,
}: Pick<InstanceKey, 'studyInstanceUid' | 'sopInstanceUid'>) => `${studyInstanceUid} ${sopInstanceUid}`

/** The other way round. */
export const placeOf = (name: string): Pick<InstanceKey, 'studyInstanceUid' | 'sopInstanceUid'> => {
  const [studyInstanceUid = '', sopInstanceUid = ''] = name.split(' ')
  return { studyInstanceUid, sopInstanceUid }
}

export interface NoteRow {
  readonly key: InstanceKey
  /** None: it is gone. */
  readonly note: RejectionNote | undefined
}

/** Of several notes the last one that hides has the word. `gone`: the code of the last one, when there is none any more. */
export const rejectionBy = (notes: ReadonlyArray<ListingNote>, gone: RejectionCode): Rejected => {
  const hiding = notes.filter(({ isHiding }) => isHiding)
  const { code } = hiding.at(-1) ?? notes.at(-1) ?? { code: gone }
  return { _tag: 'Rejected', code, notes, isHidden: hiding.length > 0 }
}

/** What is withdrawn when these notes came, were corrected, or went. One of which no note is left has none in `notes`. */
export const withNotes = (
  before: RejectedInstances,
  rows: ReadonlyArray<NoteRow>,
  hidesForQuality: boolean,
): RejectedInstances => {
  if (rows.length === 0) return before
  const after = new Map(before)
  for (const { key, note } of rows) {
    const name = noteName(key)
    for (const [text, { key: of, error }] of after) {
      const notes = error.notes.filter((each) => each.name !== name)
      if (of.partition !== key.partition || notes.length === error.notes.length) continue
      after.set(text, { key: of, error: rejectionBy(notes, error.code) })
    }
    if (note === undefined) continue
    const { code, instances } = note
    for (const { isReport, ...uids } of instances) {
      const listed = { partition: key.partition, ...uids }
      const { notes = [] } = after.get(instanceKeyText(listed))?.error ?? {}
      const isHiding =
        takesOut(code, isReport, hidesForQuality) || notes.some((each) => each.name === name && each.isHiding)
      const all = [...notes.filter((each) => each.name !== name), { name, code, isHiding }].slice(-mostNotes)
      after.set(instanceKeyText(listed), { key: listed, error: rejectionBy(all, code) })
    }
  }
  return after
}

/** Of which nothing told before that they are withdrawn (instanceKeyText). What has a row in hand goes with that. */
export const newlyHidden = (
  before: RejectedInstances,
  after: RejectedInstances,
  inHand: ReadonlyArray<LiveRow>,
): ReadonlySet<string> => {
  const isNew = ([text, { error }]: readonly [string, RejectedInstance]): boolean =>
    error.isHidden && before.get(text)?.error.isHidden !== true
  const hidden = new Set(after === before ? [] : [...after].filter(isNew).map(([text]) => text))
  if (hidden.size === 0) return hidden
  for (const row of inHand) if (row._tag === 'Upsert' || row.probe !== true) hidden.delete(instanceKeyText(row.key))
  return hidden
}

/** Nobody lists an instance in more; a row has room for so many. */
const mostNotes = 20

/** Notes among these rows, and those of the notes known so far that are gone: also where something else has their place. */
export const noteRowsIn = (
  rows: ReadonlyArray<LiveRow>,
  known: RejectedInstances,
): ReadonlyArray<NoteRow & { readonly sequence: number }> => {
  const names = new Set(
    [...known.values()].flatMap(({ key, error }) => error.notes.map(({ name }) => `${key.partition} ${name}`)),
  )
  return rows.flatMap((row) => {
    if (row._tag === 'Delete' && row.probe === true) return []
    const { sequence, key } = row
    const note = row._tag === 'Delete' ? row.note : undefined
    return note !== undefined || names.has(`${key.partition} ${noteName(key)}`) ? [{ sequence, key, note }] : []
  })
}

export const saysTheSame = (left: RejectedInstance, right: RejectedInstance): boolean =>
  JSON.stringify(left.error.notes) === JSON.stringify(right.error.notes)

/** An instance that is withdrawn is taken out of FHIR like one that is gone, and recorded. */
export const heedRejection = <A extends LiveRow>(rejected: RejectedInstances, row: A): A | DeleteRow => {
  if (row._tag !== 'Upsert') return row
  const known = rejected.get(instanceKeyText(row.key))
  return known?.error.isHidden === true ? takenOut(row, known.error) : row
}

const takenOut = ({ sequence, key, late, update, isWhole }: UpsertRow, error: Rejected): DeleteRow => ({
  ...{ _tag: 'Delete', sequence, key, late, unowned: { error, issues: [] } },
  ...(update ? { update } : {}),
  ...(isWhole === undefined ? {} : { isWhole }),
})

/** What has to be taken out of FHIR, under this number. */
export const takeOutRow = ({ key, error }: RejectedInstance, sequence: number): DeleteRow => ({
  ...{ _tag: 'Delete', sequence, key, late: true, unowned: { error, issues: [] } },
})
