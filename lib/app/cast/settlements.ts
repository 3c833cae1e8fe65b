import type { LiveRow } from '../../domain/batch/judge'
import { countRejections } from '../../domain/batch/rejections'
import type { EntryError, RefusedStudy, ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { patientKeyText } from '../../domain/mapping/patient-identity'
import type { FhirSession } from './fhir-session'

export type Settlement =
  | { readonly _tag: 'Stored' }
  | { readonly _tag: 'Unchanged' }
  | { readonly _tag: 'Superseded' }
  | { readonly _tag: 'Recorded'; readonly error: EntryError }

export type Stop = ServiceError | { readonly _tag: 'OutOfTime' }

/** What became of the rows of one batch, so far. */
export interface Settlements {
  /** By sequence; a row that is not in it is not settled. */
  readonly settled: ReadonlyMap<number, Settlement>
  /** By patient, what is stored already: rows of one batch that are older must not overwrite it. */
  readonly newest: ReadonlyMap<string, number>
  readonly settle: (rows: ReadonlyArray<LiveRow>, settlement: Settlement) => void
  readonly settleDelivered: (rows: ReadonlyArray<LiveRow>, settlement: Settlement) => void
  readonly settleStored: (rows: ReadonlyArray<LiveRow>) => void
  /** FhirRejectsAll when that is one study too many. */
  readonly record: (rows: ReadonlyArray<LiveRow>, error: EntryError) => Stop | undefined
  /** Stored, or as it should be already. */
  readonly isDelivered: (sequence: number) => boolean
  /** Takes back what cannot be stood by, now that the batch ends so. */
  readonly close: (stop: Stop | undefined) => void
  readonly rejectedStudies: () => ReadonlyArray<string>
}

/** `rejectedStudies`: refused in a row until now; not counted when there is none. */
export const openSettlements = (
  session: Pick<FhirSession, 'moved'>,
  superseded: ReadonlyArray<LiveRow>,
  rejectedStudies: ReadonlyArray<string> | undefined,
): Settlements => {
  const settled = new Map<number, Settlement>(superseded.map(({ sequence }) => [sequence, { _tag: 'Superseded' }]))
  const newest = new Map<string, number>()
  /** Settled, and our position not moved since: an older transaction may still be committed over them. */
  const unproven = new Set<number>()
  const rejections = countRejections(rejectedStudies ?? [])
  /** What is held back, so that an operator can be told when the server takes nothing. */
  const refused = new Map<string, RefusedStudy>()

  const settle: Settlements['settle'] = (rows, settlement) => {
    for (const { sequence } of rows) {
      settled.set(sequence, settlement)
      unproven.add(sequence)
    }
    if (session.moved()) unproven.clear()
  }
  const settleDelivered: Settlements['settleDelivered'] = (rows, settlement) => {
    settle(rows, settlement)
    for (const row of rows) {
      if (row._tag !== 'Upsert') continue
      const patient = patientKeyText(row.identity)
      newest.set(patient, Math.max(row.sequence, newest.get(patient) ?? 0))
    }
  }
  return {
    settled,
    newest,
    settle,
    settleDelivered,
    settleStored: (rows) => {
      settleDelivered(rows, { _tag: 'Stored' })
      if (rows.length === 0) return
      rejections.stored()
      refused.clear()
    },
    record: (rows, error) => {
      settle(rows, { _tag: 'Recorded', error })
      if (error._tag !== 'FhirRejected' || rejectedStudies === undefined) return undefined
      for (const { sequence, key } of rows) {
        const { studyInstanceUid } = key
        const sequences = [...(refused.get(studyKeyText(key))?.sequences ?? []), sequence]
        refused.set(studyKeyText(key), { studyInstanceUid, sequences, status: error.status, issues: error.issues })
      }
      const all = rejections.reject(rows.map(({ sequence, key }) => ({ sequence, study: studyKeyText(key) })))
      const { status, issues } = error
      return all ? { _tag: 'FhirRejectsAll', status, issues, studies: [...refused.values()] } : undefined
    },
    isDelivered: (sequence) => {
      const settlement = settled.get(sequence)
      return settlement?._tag === 'Stored' || settlement?._tag === 'Unchanged'
    },
    close: (stop) => {
      for (const sequence of stop?._tag === 'FhirRejectsAll' ? rejections.held() : []) settled.delete(sequence)
      for (const sequence of session.moved() ? [] : unproven) settled.delete(sequence)
    },
    rejectedStudies: rejections.studies,
  }
}
