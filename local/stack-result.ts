import { TableClient } from '@azure/data-tables'
import { request } from 'undici'

// What a run has left behind, read back from where it is kept: FHIR over plain HTTP, the tables from the storage account.

export const errorTables = [
  'InvalidDicomTagExceptionTable',
  'DicomFailToStoreExceptionTable',
  'FhirFailToStoreExceptionTable',
  'TransientRetryExceptionTable',
  'TransientFailureExceptionTable',
] as const

export interface StudyLine {
  readonly studyInstanceUid: string
  readonly patient: string
  readonly modality: string
  readonly series: number
  readonly instances: number
  readonly id: string
}

export interface ErrorLine {
  readonly sequence: string
  readonly code: string
  readonly count: string
  readonly study: string
  readonly reason: string
}

export interface StackResult {
  readonly studies: ReadonlyArray<StudyLine>
  readonly totals: { readonly studies: number; readonly patients: number; readonly observations: number }
  readonly errors: ReadonlyArray<{ readonly table: string; readonly rows: ReadonlyArray<ErrorLine> }>
  readonly syncedSequence: number | undefined
}

/** A person reads a screen, not a server: of studies and rows we show no more than this. */
const shown = 40

export const readResult = async (fhirUrl: string, connectionString: string): Promise<StackResult> => {
  const [studies, patients, observations, checkpoint, ...errors] = await Promise.all([
    search(fhirUrl, `ImagingStudy?_count=${shown}&_total=accurate`),
    search(fhirUrl, 'Patient?_summary=count'),
    search(fhirUrl, 'Observation?_summary=count'),
    rowsOf(connectionString, 'SyncStateTable'),
    ...errorTables.map((table) => rowsOf(connectionString, table)),
  ])
  const synced = checkpoint.find((row) => row.rowKey === 'SyncStateRowKey')?.SyncedSequence
  return {
    studies: (studies.entry ?? []).map(({ resource }) => studyLine(resource)),
    totals: {
      studies: studies.total ?? studies.entry?.length ?? 0,
      patients: patients.total ?? 0,
      observations: observations.total ?? 0,
    },
    errors: errorTables.map((table, index) => ({ table, rows: (errors[index] ?? []).map(errorLine) })),
    syncedSequence: synced === undefined ? undefined : Number(synced),
  }
}

interface ImagingStudy {
  readonly id: string
  readonly identifier?: ReadonlyArray<{ readonly system?: string; readonly value?: string }>
  readonly subject?: { readonly reference?: string }
  readonly modality?: ReadonlyArray<{ readonly code?: string }>
  readonly series?: ReadonlyArray<{ readonly instance?: ReadonlyArray<unknown> }>
}
interface SearchSet {
  readonly total?: number
  readonly entry?: ReadonlyArray<{ readonly resource: ImagingStudy }>
}

const search = async (fhirUrl: string, query: string): Promise<SearchSet> => {
  const { statusCode, body } = await request(`${fhirUrl.replace(/\/$/, '')}/${query}`, {
    headers: { accept: 'application/fhir+json' },
  })
  if (statusCode === 200) return (await body.json()) as SearchSet
  await body.dump()
  throw new Error(`${fhirUrl} does not show what it holds: GET ${query} answers ${statusCode}.`)
}

const studyLine = (study: ImagingStudy): StudyLine => ({
  studyInstanceUid:
    study.identifier?.find(({ system }) => system === 'urn:dicom:uid')?.value?.replace('urn:oid:', '') ?? '',
  patient: study.subject?.reference ?? '',
  modality: (study.modality ?? []).map(({ code }) => code).join(','),
  series: study.series?.length ?? 0,
  instances: (study.series ?? []).reduce((sum, { instance = [] }) => sum + instance.length, 0),
  id: study.id,
})

type Row = Readonly<Record<string, unknown>>

const rowsOf = async (connectionString: string, table: string): Promise<ReadonlyArray<Row>> => {
  const client = TableClient.fromConnectionString(connectionString, table, { allowInsecureConnection: true })
  const rows: Row[] = []
  try {
    for await (const row of client.listEntities()) rows.push(row)
  } catch (error) {
    // A table is made when its first row is written.
    if ((error as { statusCode?: number }).statusCode !== 404) throw error
  }
  return rows
}

const errorLine = (row: Row): ErrorLine => {
  const text = (column: string): string => (row[column] === undefined ? '' : String(row[column]))
  return {
    sequence: text('ChangeFeedSequence'),
    code: text('Code'),
    count: text('Count'),
    study: text('StudyUid'),
    reason: text('Exception'),
  }
}
