import { byStudy, bySequence, halves, isDeletion, rowsOf } from '../../domain/batch/parts'
import type { LiveRow } from '../../domain/batch/judge'
import type { Unit } from '../../domain/batch/units'
import type { EntryError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type Deliver, type Delivered, done } from './delivered'
import type { Settlements } from './settlements'

/** Takes apart what a FHIR server refuses for good, until what is wrong with it stands alone and is recorded. */
export interface TakeApart {
  /** `rowsAlone`: nothing but the rows of these units was in what was refused. */
  readonly split: (units: ReadonlyArray<Unit>, error: EntryError, rowsAlone: boolean) => Promise<Delivered>
  readonly inTurn: (parts: ReadonlyArray<ReadonlyArray<LiveRow>>) => Promise<Delivered>
  readonly began: () => boolean
}

export const takingApart = ({ settled, record }: Settlements, deliver: Deliver): TakeApart => {
  let splitting = false
  /** Studies of which something was stored while they were taken apart: they are not to blame as a whole. */
  const takenStudies = new Set<string>()

  const recorded = (rows: ReadonlyArray<LiveRow>, error: EntryError): Delivered => {
    const stop = record(rows, error)
    return stop === undefined ? done : { _tag: 'Stop', stop }
  }

  const inTurn: TakeApart['inTurn'] = async (parts) => {
    for (const part of parts) {
      const delivered = await deliver(part, 'split')
      if (delivered._tag === 'Stop') return delivered
    }
    return done
  }

  /** By group, then by study, until the culprits stand alone. */
  const split: TakeApart['split'] = async (units, error, rowsAlone) => {
    splitting = true
    if (units.length > 1) return inTurn(halves(units).map(rowsOf))
    const rows = bySequence(rowsOf(units))
    const studies = byStudy(rows)
    if (studies.length > 1) {
      // Patients that went alone and were refused: nothing that needs them can be stored.
      return units.every((unit) => unit.rows.length === 0) ? recordAll(rows, error) : inTurn(studies)
    }
    if (rows.length === 1 && rowsAlone) return recorded(rows, error)
    const [study = ''] = rows.map(({ key }) => studyKeyText(key))
    return takenStudies.has(study) ? inTurn(halves(rows)) : splitStudy(rows, study)
  }

  /** First its Patient alone, then one entry, then one other: only then is the whole study to blame. */
  const splitStudy = async (rows: ReadonlyArray<LiveRow>, study: string): Promise<Delivered> => {
    const patient = await deliver(rows, 'report', true)
    if (patient._tag === 'Stop') return patient
    if (patient._tag === 'Rejected') return recordAll(rows, patient.error)
    const probes = rows.filter((row) => !isDeletion(row)).slice(0, 2)
    const refused: Array<readonly [LiveRow, EntryError]> = []
    for (const row of probes) {
      const one = await deliver([row], 'report')
      if (one._tag === 'Stop') return one
      if (one._tag === 'Done') break
      refused.push([row, one.error])
    }
    const [last] = refused.slice(-1)
    const isOneReason = new Set(refused.map(([, { _tag }]) => _tag)).size === 1
    if (last !== undefined && refused.length === probes.length && isOneReason) return recordAll(rows, last[1])
    // Some of it can be stored, each for its own reason not, or there are only deletions: from here on by halves, until the
    // culprits stand alone.
    takenStudies.add(study)
    for (const [row, error] of refused) {
      const one = recorded([row], error)
      if (one._tag === 'Stop') return one
    }
    const rest = rows.filter(({ sequence }) => !settled.has(sequence))
    return inTurn(rest.length === rows.length && rest.length > 1 ? halves(rest) : [rest])
  }

  /** A deletion needs neither the Patient nor the images that were refused. */
  const recordAll = async (rows: ReadonlyArray<LiveRow>, error: EntryError): Promise<Delivered> => {
    const [deletions, upserts] = [rows.filter(isDeletion), rows.filter((row) => !isDeletion(row))]
    const all = recorded(upserts.length === 0 ? deletions : upserts, error)
    const isOver = all._tag === 'Stop' || upserts.length === 0 || deletions.length === 0
    return isOver ? all : deliver(deletions, 'split')
  }

  return { split, inTurn, began: () => splitting }
}
