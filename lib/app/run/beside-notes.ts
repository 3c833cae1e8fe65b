import type { EntryError } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText } from '../../domain/dicom/change-feed-entry'
import type { Run } from '../context'
import type { Annotation, FailRow, FailRowKey } from '../ports'
import { type FailIndex, type SettledRow, failingRows, wholeKey } from './fail-index'

// What rejection notes say of an instance stands in its row, beside what became of it.

type Rejected = Extract<EntryError, { _tag: 'Rejected' }>

const rejectionOf = ({ rejected }: Run, key: Partial<InstanceKey>): Rejected | undefined => {
  const { error } = rejected?.get(wholeKey(key) ?? '') ?? {}
  return error === undefined || error.notes.length === 0 ? undefined : error
}

/** A row of another failure keeps it: as soon as that is over, the note has the word again. */
export const rejectedBeside = (
  run: Run,
  key: Partial<InstanceKey>,
  { _tag }: EntryError,
): Pick<FailRow, 'rejected'> => {
  const rejected = _tag === 'Rejected' ? undefined : rejectionOf(run, key)
  return rejected === undefined ? {} : { rejected }
}

const isOfNow = ({ settlement }: SettledRow): boolean => settlement !== 'Superseded' && settlement !== 'Skipped'

/** Told of an instance that stands recorded for another failure, they are written beside it: else its end would be theirs. */
export const wordsBeside = (
  run: Run,
  index: FailIndex,
  given: ReadonlyArray<SettledRow>,
): { readonly settled: ReadonlyArray<SettledRow>; readonly annotations: ReadonlyArray<Annotation> } => {
  const isWord = ({ error }: SettledRow): boolean => error?._tag === 'Rejected' && !error.isHidden
  if (!given.some(isWord)) return { settled: given, annotations: [] }
  const isOurs = ({ original }: FailRowKey): boolean => original === undefined
  const failing = failingRows({ rows: new Map([...index.rows].filter(([, row]) => isOurs(row))) })
  const words = new Set(given.filter((row) => isWord(row) && failing.has(wholeKey(row.key) ?? '')))
  const settled = given.filter((row) => !words.has(row))
  const judged = new Set(settled.filter(isOfNow).map(({ key }) => wholeKey(key)))
  const texts = new Set([...words].flatMap(({ key }) => wholeKey(key) ?? []).filter((text) => !judged.has(text)))
  const annotations = [...texts].flatMap((text) =>
    (failing.get(text) ?? [])
      .map((row): Annotation => ({ row, rejected: rejectionOf(run, row) }))
      .filter(({ row, rejected }) => row.rejected !== undefined || rejected !== undefined),
  )
  return { settled, annotations }
}

/** FHIR may hold it still. */
const isOfFhir = ({ _tag }: EntryError): boolean => _tag === 'FhirRejected' || _tag === 'OutlastedRetries'

/**
 * What a rejection note lists has a row that tells it, whatever else is settled of it: unless that is a failure which keeps
 * an image out, or in, against its word.
 */
export const besideNotes = (
  run: Run,
  { rows }: FailIndex,
  given: ReadonlyArray<SettledRow>,
  syncedInstances: ReadonlyArray<InstanceKey>,
) => {
  if (run.rejected === undefined || run.rejected.size === 0) return { settled: given, syncedInstances }
  const last = new Map(given.filter(isOfNow).map((row) => [wholeKey(row.key), row]))
  const settled = given.map((row): SettledRow => {
    const error = last.get(wholeKey(row.key)) === row ? rejectionOf(run, row.key) : undefined
    const isFailure = row.error !== undefined && (error?.isHidden !== true || isOfFhir(row.error))
    return error === undefined || isFailure ? row : { ...row, error, settlement: 'Recorded' }
  })
  const told = new Set([...rows.values()].flatMap((row) => (row.code === 'Rejected' ? (wholeKey(row) ?? []) : [])))
  const inHand = new Set(given.map(({ key }) => wholeKey(key)))
  const synced = syncedInstances.filter((key) => rejectionOf(run, key) === undefined || !told.has(instanceKeyText(key)))
  const untold = synced.flatMap((key): ReadonlyArray<SettledRow> => {
    const error = inHand.has(instanceKeyText(key)) ? undefined : rejectionOf(run, key)
    return error === undefined ? [] : [{ sequence: 0, key, error, issues: [], settlement: 'Recorded' }]
  })
  return { settled: [...settled, ...untold], syncedInstances: synced }
}
