import { afterEach, jest } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import { startDicomService, type DicomService, type DicomServiceOptions } from '../../../local/dicom/service'
import { startFhirService, type FhirService, type FhirServiceOptions } from '../../../local/fhir/service'
import { jsonLog } from '../../../lib/adapters/log'
import { cast, type CastOptions, type CastReport } from '../../../lib/composition/cast'
import { useAzurite } from './azurite'

export type Row = Readonly<Record<string, unknown>>
export type Overrides = Readonly<Record<string, string>>

export const failTables = [
  'DicomFailToStoreExceptionTable',
  'FhirFailToStoreExceptionTable',
  'TransientFailureExceptionTable',
] as const
export const allTables = [
  ...failTables,
  'InvalidDicomTagExceptionTable',
  'TransientRetryExceptionTable',
  'SyncStateTable',
] as const
type Table = (typeof allTables)[number] | 'RunHistoryTable' | 'StudiesTable'

export interface CastWorld {
  readonly dicom: DicomService
  readonly fhir: FhirService
  /** The settings of this world, as the environment would name them. */
  readonly environment: (overrides?: Overrides) => Record<string, string>
  readonly cast: (overrides?: Overrides, options?: Partial<CastOptions>) => Promise<CastReport>
  /** Every line that the runs have logged. */
  readonly logged: ReadonlyArray<string>
  /** Rows by their keys, without what storage itself adds. */
  readonly rows: (table: Table) => Promise<ReadonlyArray<Row>>
  /** `sequence Code` of each row of the fail tables, and `table keyword…` of none: the shortest whole answer. */
  readonly failed: () => Promise<Readonly<Partial<Record<Table, ReadonlyArray<string>>>>>
  readonly syncedSequence: () => Promise<number | undefined>
  /** What an operator, or the original, writes: the row holds these columns and no others. */
  readonly writeSyncState: (columns: Row) => Promise<void>
}

export interface WorldOptions {
  readonly dicom?: DicomServiceOptions
  readonly fhir?: FhirServiceOptions
  readonly settings?: Overrides
}

const syncStateKey = { partitionKey: 'SyncStatePartitionKey', rowKey: 'SyncStateRowKey' }

const byKey = (left: Row, right: Row): number => (String(left['rowKey']) < String(right['rowKey']) ? -1 : 1)

const ownColumns = ({ etag: _etag, timestamp: _timestamp, ...columns }: Row): Row => columns

let worlds = 0

/** One Azurite a file; each world has its own tables, lease, DICOM service and FHIR service, and ends with its test. */
export const useCastWorld = (): ((options?: WorldOptions) => Promise<CastWorld>) => {
  // Whole runs, some in processes of their own, beside other test files on two cores.
  jest.setTimeout(60_000)
  const azurite = useAzurite()
  const closers: Array<() => Promise<void>> = []
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()))
  })
  return async (options = {}) => {
    const dicom = await startDicomService(options.dicom)
    const fhir = await startFhirService(options.fhir)
    closers.push(dicom.close, fhir.close)
    const prefix = `W${process.pid}x${++worlds}`
    const { connectionString } = azurite()
    const environment = (overrides: Overrides = {}): Record<string, string> => ({
      AzureWebJobsStorage: connectionString,
      TableStore__TableNamePrefix: prefix,
      DicomWeb__Endpoint: dicom.url,
      DicomWeb__Authentication__Enabled: 'false',
      Fhir__Endpoint: fhir.url,
      Fhir__Authentication__Enabled: 'false',
      ...options.settings,
      ...overrides,
    })
    const client = (table: Table): TableClient =>
      TableClient.fromConnectionString(connectionString, `${prefix}${table}`, { allowInsecureConnection: true })
    const logged: string[] = []
    const rows: CastWorld['rows'] = async (table) => {
      const found: Row[] = []
      try {
        for await (const row of client(table).listEntities()) found.push(ownColumns(row))
      } catch (error) {
        // A table is made when its first row is written.
        if ((error as { statusCode?: number }).statusCode !== 404) throw error
      }
      return found.sort(byKey)
    }
    return {
      dicom,
      fhir,
      environment,
      logged,
      rows,
      cast: async (overrides, more) => {
        const log = jsonLog((line) => logged.push(line))
        const report = await cast({ environment: environment(overrides), log, ...more })
        if (report.reason.startsWith('the configuration')) throw new Error(report.reason)
        return report
      },
      failed: async () => {
        const entries = await Promise.all(
          failTables.map(async (table) => {
            const found = await rows(table)
            return [table, found.map((row) => `${String(row['ChangeFeedSequence'])} ${String(row['Code'])}`)] as const
          }),
        )
        return Object.fromEntries(entries.filter(([, found]) => found.length > 0))
      },
      syncedSequence: async () => {
        const row = (await rows('SyncStateTable')).find(({ rowKey }) => rowKey === syncStateKey.rowKey)
        return row === undefined ? undefined : Number(row['SyncedSequence'])
      },
      writeSyncState: async (columns) => {
        const table = client('SyncStateTable')
        await table.createTable()
        await table.upsertEntity({ ...syncStateKey, ...columns }, 'Replace')
      },
    }
  }
}
