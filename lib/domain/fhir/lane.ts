import type { Basic, FhirResource } from 'fhir/r4'
import { codeSystems } from './code-systems'
import { feedIdOf, note, notesOf } from './position'
import type { DicomRoot } from './provenance'

/** What a lane of a backfill says: whether its transactions may be written, and those of which backfill. */
export interface Lane {
  readonly lane: number
  readonly backfillId: string
  readonly isOpen: boolean
  /** Who wrote it last. */
  readonly run?: string
}

/** One `Basic` a lane: reused by the next backfill, and never deleted. */
export const laneId = (dicom: DicomRoot, lane: number): string => `${feedIdOf(dicom)}-lane-${lane}`

/** `transaction`: new for every planned transaction, as that of a position. Neither: as it is born, closed. */
export const laneResource = (
  dicom: DicomRoot,
  { lane, backfillId, isOpen, run }: Lane,
  transaction?: string,
): Basic => ({
  resourceType: 'Basic',
  id: laneId(dicom, lane),
  code: { text: 'DICOMcast lane' },
  identifier: [
    note('feed id', feedIdOf(dicom)),
    note('lane', String(lane)),
    note('backfill', backfillId),
    note('state', isOpen ? 'open' : 'closed'),
    ...(run === undefined ? [] : [note('run', `urn:uuid:${run}`, codeSystems.uri)]),
    ...(transaction === undefined ? [] : [note('transaction', `urn:uuid:${transaction}`, codeSystems.uri)]),
  ],
})

/** Whatever cannot be read is closed. */
export const laneIn = (resource: FhirResource): Omit<Lane, 'lane'> => {
  const [[backfillId = ''], [state], [run]] = [
    notesOf(resource, 'backfill'),
    notesOf(resource, 'state'),
    notesOf(resource, 'run'),
  ]
  const runId = run?.replace(/^urn:uuid:/, '')
  return { backfillId, isOpen: state === 'open', ...(runId === undefined ? {} : { run: runId }) }
}
