import { type EntryError, type RefusedStudy, isOfPatient } from '../cast-error'
import { type InstanceKey, instanceKeyText, studyKeyText } from '../dicom/change-feed-entry'
import type { Stray } from './fold'
import type { LiveRow } from './judge'
import { type SaidOfPatients, withSaid } from './newest-study'
import { byStudy } from './parts'
import { type Rejections, noRejections, rejectionsSince, withRejected } from './rejections'

export type Settlement =
  | { readonly _tag: 'Stored' }
  | { readonly _tag: 'Unchanged' }
  | { readonly _tag: 'Superseded' }
  | { readonly _tag: 'Recorded'; readonly error: EntryError }

/** What became of the rows of one batch, so far. */
export interface Ledger {
  /** By sequence; a row that is not in it is not settled. */
  readonly settled: ReadonlyMap<number, Settlement>
  /** What is stored of Patients: older rows of the batch must not overwrite it. */
  readonly said: SaidOfPatients
  /** Our position was moved since the batch began, and since the last lost answer. */
  readonly moved: boolean
  /** Settled while our position had not moved: an older transaction may still be committed over them. */
  readonly unproven: ReadonlySet<number>
  /** None when they are not counted. */
  readonly rejections: Rejections | undefined
  /** Instances that came with a study that was read whole. */
  readonly synced: ReadonlyArray<InstanceKey>
}

/** `rejectedStudies`: refused in a row until now; not counted when there is none. */
export const openLedger = (
  superseded: ReadonlyArray<LiveRow>,
  rejectedStudies: ReadonlyArray<string> | undefined,
  moved: boolean,
): Ledger => ({
  settled: new Map(superseded.map(({ sequence }) => [sequence, { _tag: 'Superseded' }])),
  said: new Map(),
  moved,
  unproven: new Set(),
  rejections: rejectedStudies === undefined ? undefined : rejectionsSince(rejectedStudies),
  synced: [],
})

/** A transaction was committed: what was settled before it stands. */
export const positionMoved = (ledger: Ledger): Ledger => ({ ...ledger, moved: true, unproven: new Set() })

/** An answer was lost: what is settled from here on is unproven until our position moves again. */
export const positionLost = (ledger: Ledger): Ledger => ({ ...ledger, moved: false })

export const settle = (ledger: Ledger, rows: ReadonlyArray<LiveRow>, settlement: Settlement): Ledger => {
  if (rows.length === 0) return ledger
  const settled = new Map(ledger.settled)
  for (const { sequence } of rows) settled.set(sequence, settlement)
  const unproven = ledger.moved
    ? ledger.unproven
    : new Set([...ledger.unproven, ...rows.map(({ sequence }) => sequence)])
  const { synced } = ledger
  if (settlement._tag !== 'Recorded' || synced.length === 0) return { ...ledger, settled, unproven }
  const texts = new Set(rows.map(({ key }) => instanceKeyText(key)))
  return { ...ledger, settled, unproven, synced: synced.filter((key) => !texts.has(instanceKeyText(key))) }
}

/** Stored, or as it should be already. */
export const settleDelivered = (
  ledger: Ledger,
  rows: ReadonlyArray<LiveRow>,
  settlement: Extract<Settlement, { _tag: 'Stored' | 'Unchanged' }>,
): Ledger => {
  if (rows.length === 0) return ledger
  const said = withSaid(
    ledger.said,
    rows.flatMap((row) => (row._tag === 'Upsert' ? [row] : [])),
  )
  const rejections = settlement._tag === 'Stored' && ledger.rejections !== undefined ? noRejections : ledger.rejections
  return settle({ ...ledger, said, rejections }, rows, settlement)
}

export const recordRows = (ledger: Ledger, rows: ReadonlyArray<LiveRow>, error: EntryError): Ledger => {
  const { rejections } = ledger
  const studies = rows.map(({ sequence, key }) => ({ sequence, study: studyKeyText(key) }))
  const counted = error._tag === 'FhirRejected' && rejections !== undefined
  return settle({ ...ledger, rejections: counted ? withRejected(rejections, studies) : rejections }, rows, {
    _tag: 'Recorded',
    error,
  })
}

export const isDelivered = ({ settled }: Pick<Ledger, 'settled'>, { sequence }: Pick<LiveRow, 'sequence'>): boolean => {
  const settlement = settled.get(sequence)
  return settlement?._tag === 'Stored' || settlement?._tag === 'Unchanged'
}

export const isRecordedAs = (
  { settled }: Pick<Ledger, 'settled'>,
  { sequence }: Pick<LiveRow, 'sequence'>,
  code: EntryError['_tag'],
): boolean => {
  const settlement = settled.get(sequence)
  return settlement?._tag === 'Recorded' && settlement.error._tag === code
}

/** One that names somebody else than its study is a witness; one whose own Patient is the trouble is none. */
export const strayOf = ({ settled }: Pick<Ledger, 'settled'>, row: LiveRow): ReadonlyArray<Stray> => {
  const settlement = settled.get(row.sequence)
  if (settlement?._tag !== 'Recorded') return []
  const { _tag: code } = settlement.error
  return code === 'PatientMismatch' ? [{ row }] : isOfPatient(code) ? [{ row, hasNoVote: true }] : []
}

/** What FHIR refused, and what is held back because of it, by study: nothing else records it. */
export const refusedStudies = (
  { settled, rejections }: Pick<Ledger, 'settled' | 'rejections'>,
  live: ReadonlyArray<LiveRow>,
): ReadonlyArray<RefusedStudy> => {
  const held = new Set(rejections?.held)
  return byStudy(live.filter(({ sequence }) => held.has(sequence))).flatMap((rows) =>
    rows.slice(-1).flatMap(({ sequence, key }): ReadonlyArray<RefusedStudy> => {
      const settlement = settled.get(sequence)
      if (settlement?._tag !== 'Recorded' || settlement.error._tag !== 'FhirRejected') return []
      const { status, issues } = settlement.error
      const { studyInstanceUid } = key
      return [{ studyInstanceUid, sequences: rows.map((row) => row.sequence), status, issues }]
    }),
  )
}

/** What can be stood by when the batch is over: not what our position never proved, nor what `rejectsAll` holds back. */
export const closedLedger = (
  { settled, moved, unproven, rejections }: Ledger,
  rejectsAll: boolean,
): ReadonlyMap<number, Settlement> => {
  const doubtful = new Set([...(moved ? [] : unproven), ...(rejectsAll ? (rejections?.held ?? []) : [])])
  return new Map([...settled].filter(([sequence]) => !doubtful.has(sequence)))
}
