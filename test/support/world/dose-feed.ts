import type { ChangeRequest } from '../../../local/dicom/control'
import { accumulated, administration, ctAcquisition, ctContent, plane, procedure, xRayEvent } from './dose-samples'
import { type Json, type SampleReport, dcm, element, num, reportJson, sopClasses, ucum } from './dose-sr'

/** A dose report in the feed; its study, series 9, instance and patient are named, the rest is as it should be. */
export interface ReportInFeed extends Omit<SampleReport, 'sop'> {
  readonly study?: string
  readonly instance?: number
  readonly patientId?: string
  readonly partition?: string
}

export const reportUid = ({ study = '1.2.3', instance = 1 }: ReportInFeed = {}): string => `${study}.9.${instance}`

const uids = (report: ReportInFeed) => ({
  studyInstanceUid: report.study ?? '1.2.3',
  seriesInstanceUid: `${report.study ?? '1.2.3'}.9`,
  sopInstanceUid: reportUid(report),
})

export const reportDataset = (report: ReportInFeed): Json => {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = uids(report)
  return reportJson({
    ...report,
    sop: sopInstanceUid,
    elements: {
      '00100020': element('LO', report.patientId ?? 'P1'),
      '00100030': element('DA', '19700102'),
      '00100040': element('CS', 'F'),
      '0020000D': element('UI', studyInstanceUid),
      '0020000E': element('UI', seriesInstanceUid),
      ...report.elements,
    },
  })
}

const inPartition = ({ partition }: ReportInFeed) => (partition === undefined ? {} : { partitionName: partition })

export const reported = (report: ReportInFeed, action: 'create' | 'update' = 'create'): ChangeRequest => ({
  action,
  ...uids(report),
  ...inPartition(report),
  dataset: reportDataset(report),
})

export const reportDeleted = (report: ReportInFeed): ChangeRequest => ({
  action: 'delete',
  ...uids(report),
  ...inPartition(report),
})

/** A CT report of these events. */
export const ctReport = (...events: ReadonlyArray<string>): ReadonlyArray<Json> =>
  ctContent(...events.map((event) => ctAcquisition(event, 4.2, 101.56)))

/** A projection report of one plane. */
export const projectionReport = (...events: ReadonlyArray<string>): ReadonlyArray<Json> => [
  procedure(['113704', 'DCM', 'Projection X-Ray']),
  accumulated(
    plane('113622'),
    num(dcm('113722'), 0.0000258, ucum('Gym2')),
    num(dcm('113725'), 0.0042, ucum('Gy')),
    num(dcm('113730'), 12.5, ucum('s')),
  ),
  ...events.map((event) =>
    xRayEvent(
      event,
      '20260302080500+0100',
      num(dcm('122130'), 0.0000129, ucum('Gym2')),
      num(dcm('113738'), 0.0021, ucum('Gy')),
    ),
  ),
]

/** A radiopharmaceutical report. */
export const administered = (event: string): ReportInFeed => ({
  sopClass: sopClasses.radiopharmaceutical,
  root: dcm('113500'),
  content: [procedure(['44139004', 'SCT', 'PET']), administration(event)],
})
