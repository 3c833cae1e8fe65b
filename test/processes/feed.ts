import { bulkUpdate, created, deleted, images, updated } from '../support/world/cast-images'
import type { ProcessWorld } from './world'

// A feed that asks for everything the app can do: many studies and patients, dirty and missing values, a page that one
// bad blob keeps failing, an element that is none, an instance that FHIR refuses, a stranger under a known PatientID,
// a row that is not to be seen yet; then deletes, a move to another patient, corrections, and the row that was late.

/** Small, so that a run takes several batches, and a batch several transactions. */
export const feedSettings = { DicomCast__BatchSize: '8', DicomCast__MaxBundleEntries: '4' }

const element = (vr: string, value: unknown) => ({ vr, Value: [value] })
const refused = '1.2.30.1.2'

export interface ToldFeed {
  /** The second part: what happens to what the first one has stored. */
  readonly goOn: () => Promise<void>
}

/** Appends the first part. The same in every world. */
export const tellFeed = ({ dicom, fhir }: ProcessWorld): ToldFeed => {
  const { append, appendLate, showLate } = dicom.control
  append(...images(3, { study: '1.2.10' }))
  append(created({ study: '1.2.10', series: 2, birthDate: '19700102', elements: { '00200011': element('IS', '1.5') } }))
  append(...images(3, { study: '1.2.20', patientId: 'P2', name: 'Berg^Ole', birthDate: '20201332', sex: 'M' }))
  const [poison] = append(created({ study: '1.2.20', series: 2, patientId: 'P2', name: 'Berg^Ole', sex: 'M' }))
  const [broken] = append(created({ study: '1.2.25', patientId: 'P2', name: 'Berg^Ole', sex: 'M' }))
  append(...images(4, { study: '1.2.30', patientId: 'P3', name: 'Chen^Li' }))
  append(created({ study: '1.2.35', name: 'Moreau^Luc', birthDate: '19550505', sex: 'M' }))
  append(created({ study: '1.2.36', patientId: null }))
  const late = appendLate(created({ study: '1.2.40', series: 2, patientId: 'P4', name: 'Diaz^Eva' }))
  append(created({ study: '1.2.40', patientId: 'P4', name: 'Diaz^Eva' }))
  append(created({ study: '1.2.50', patientId: 'P5', name: 'Evans^Kim', partition: 'research' }))
  append(created({ study: '1.2.71', patientId: 'P7', name: 'Gomez^Rui', birthDate: '19700102' }))
  dicom.faults.set([
    { fault: 'poisonBlob', match: { sequence: poison?.sequence ?? 0 }, retryAfterS: 0 },
    { fault: 'malformedEntry', variant: 'missingUid', match: { sequence: broken?.sequence ?? 0 } },
  ])
  fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: `"${refused}"` } }])

  return {
    goOn: async () => {
      showLate(late.id)
      append(deleted({ study: '1.2.10', instance: 2 }))
      append(deleted({ study: '1.2.20', instance: 1 }), deleted({ study: '1.2.20', instance: 2 }))
      append(deleted({ study: '1.2.20', instance: 3 }))
      // The whole study belongs to somebody else now.
      await bulkUpdate({ dicom }, ['1.2.40'], { '00100020': element('LO', 'P1'), '00100010': undefined })
      // What was refused is corrected: its row goes.
      append(updated({ study: '1.2.36', patientId: 'P6', name: 'Fox^Ann' }))
      append(updated({ study: '1.2.10', instance: 3, sex: 'O' }))
      append(created({ study: '1.2.60', patientId: 'P2', name: 'Berg^Ole', sex: 'M' }))
      // Cast with the person's old name and birth date, and corrected by a later row about another study.
      append(created({ study: '1.2.70', patientId: 'P7', name: 'Gomez^Rui', birthDate: '19700102' }))
      append(updated({ study: '1.2.71', patientId: 'P7', name: 'Hill^Rui', birthDate: '19710203' }))
    },
  }
}
