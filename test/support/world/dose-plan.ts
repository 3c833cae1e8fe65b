import { expect } from '@jest/globals'
import type { Observation } from 'fhir/r4'
import { type MemoryFhir, memoryFhir } from '../fhir/domain-fhir'
import { type CastOptions, castBatch } from './domain-cast'
import { settingsOf } from './domain-settings'
import { type ReportInFeed, reportDataset, reportUid } from './dose-feed'
import { element } from './dose-sr'

/** Dose reports cast into the FHIR in memory, batch by batch. */
export interface Report extends ReportInFeed {
  /** Instead of that of its place. */
  readonly sop?: string
  readonly series?: string
}

export const settings = settingsOf()

let sequence = 0
/** An element of a change feed page. */
export const entry = (action: 'create' | 'update' | 'delete', report: Report = {}) => {
  const study = report.study ?? '1.2.3'
  const [series, sop] = [report.series ?? `${study}.9`, report.sop ?? reportUid(report)]
  return {
    sequence: ++sequence,
    partitionName: report.partition ?? 'Microsoft.Default',
    studyInstanceUid: study,
    seriesInstanceUid: series,
    sopInstanceUid: sop,
    action,
    timestamp: '2026-11-23T20:01:39.5941234+00:00',
    state: action === 'delete' ? 'deleted' : 'current',
    metadata: action === 'delete' ? undefined : datasetOf(report),
  }
}
export const reported = (report: Report) => entry('create', report)
export const gone = (report: Report) => entry('delete', report)

/** As the DICOM service has it. */
export const datasetOf = (report: Report) => {
  const uids = {
    '00080018': element('UI', report.sop ?? reportUid(report)),
    '0020000E': element('UI', report.series ?? `${report.study ?? '1.2.3'}.9`),
  }
  return reportDataset({ ...report, elements: { ...report.elements, ...uids } })
}

/** The content time of a report. */
export const at = (time: string) => ({ '00080023': element('DA', '20260302'), '00080033': element('TM', time) })
export const flags = (complete: 'COMPLETE' | 'PARTIAL') => ({ '0040A491': element('CS', complete) })

export const uidOf = ({ identifier: [first] = [] }: Observation): string => (first?.value ?? '').replace('urn:oid:', '')
export const uids = (fhir: MemoryFhir): ReadonlyArray<string> => fhir.all('Observation').map(uidOf).sort()
export const studyIn = (fhir: MemoryFhir, uid: string): string =>
  `ImagingStudy/${fhir.all('ImagingStudy').find(({ identifier }) => identifier?.[0]?.value === `urn:oid:${uid}`)?.id}`
/** The only one of this UID, in this study where one is named by its reference. */
export const named = (fhir: MemoryFhir, uid: string, study?: string): Observation => {
  const [first, ...others] = fhir
    .all('Observation')
    .filter((each) => uidOf(each) === uid && (study === undefined || each.partOf?.[0]?.reference === study))
  if (first === undefined || others.length > 0) throw new Error(`${others.length + 1} or no ${uid}`)
  return first
}
export const subjectOf = (fhir: MemoryFhir, { subject }: Pick<Observation, 'subject'>): string | undefined =>
  fhir.all('Patient').find(({ id }) => subject?.reference === `Patient/${id}`)?.identifier?.[0]?.value
export const statuses = (fhir: MemoryFhir): Readonly<Record<string, string>> =>
  Object.fromEntries(fhir.all('Observation').map((each) => [uidOf(each), each.status]))

type Entry = ReturnType<typeof entry>

/** What the DICOM service has, beside the FHIR into which its entries were cast. */
const archives = new WeakMap<MemoryFhir, Map<string, Entry>>()

export const castInto = (fhir: MemoryFhir, batch: ReadonlyArray<Entry>, options?: CastOptions): MemoryFhir => {
  const archive = archives.get(fhir) ?? new Map<string, Entry>()
  archives.set(fhir, archive)
  for (const each of batch) {
    archive.set(`${each.partitionName} ${each.studyInstanceUid} ${each.seriesInstanceUid} ${each.sopInstanceUid}`, each)
  }
  const readStudy = (partition: string, study: string): ReadonlyArray<unknown> =>
    [...archive.values()].flatMap(({ partitionName, studyInstanceUid, metadata }) =>
      partitionName === partition && studyInstanceUid === study && metadata !== undefined ? [metadata] : [],
    )
  expect(castBatch(fhir, settings, batch, { readStudy, ...options })).toMatchObject({ recorded: [], rejected: [] })
  return fhir
}

/** FHIR after these batches, one after the other. */
export const after = (...batches: ReadonlyArray<ReadonlyArray<Entry>>): MemoryFhir =>
  batches.reduce<MemoryFhir>((fhir, batch) => castInto(fhir, batch), memoryFhir())

/** Every reference between Observations stays within one study, and subjects are those of the studies. */
export const expectOwned = (fhir: MemoryFhir): void => {
  const studies = new Map(fhir.all('ImagingStudy').map((each) => [`ImagingStudy/${each.id}`, each.subject.reference]))
  const byReference = new Map(fhir.all('Observation').map((each) => [`Observation/${each.id}`, each]))
  for (const each of byReference.values()) {
    expect(each.partOf).toHaveLength(1)
    expect(each.subject?.reference).toBe(studies.get(each.partOf?.[0]?.reference ?? ''))
    for (const { reference = '' } of each.hasMember ?? []) {
      expect(byReference.get(reference)?.partOf).toEqual(each.partOf)
    }
  }
}
