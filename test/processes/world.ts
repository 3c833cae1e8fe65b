import { TableClient } from '@azure/data-tables'
import { BlobServiceClient } from '@azure/storage-blob'
import type { Azurite } from '../../local/azurite'
import { type DicomService, startDicomService } from '../../local/dicom/service'
import { type FhirService, startFhirService } from '../../local/fhir/service'
import { jsonLog } from '../../lib/adapters/log'
import { cast } from '../../lib/composition/cast'
import { type CastProcess, startCast } from './cast-process'
import { type Gates, openGates } from './gate'

export type Row = Readonly<Record<string, unknown>>

export const tables = [
  'DicomFailToStoreExceptionTable',
  'FhirFailToStoreExceptionTable',
  'TransientFailureExceptionTable',
  'InvalidDicomTagExceptionTable',
  'TransientRetryExceptionTable',
  'SyncStateTable',
] as const
export type Table = (typeof tables)[number]

export interface ProcessWorld {
  readonly dicom: DicomService
  readonly fhir: FhirService
  readonly gates: Gates
  readonly settings: Readonly<Record<string, string>>
  /** The compiled app in a process of its own. */
  readonly start: (...options: ReadonlyArray<string>) => CastProcess
  /** The same app in this process, for what only prepares a test; until it has caught up. */
  readonly castHere: () => Promise<void>
  /** What an operator does with the lease of a process that died. */
  readonly breakLease: () => Promise<void>
  readonly rows: (table: Table) => Promise<ReadonlyArray<Row>>
  readonly leaseMetadata: () => Promise<Readonly<Record<string, string>>>
  readonly close: () => Promise<void>
}

const isNotThere = (error: unknown): boolean => (error as { statusCode?: number }).statusCode === 404

// The feed's clock stands still, so that the timestamps of two worlds are the same, unless one waits for it.
const noon = new Date('2026-11-23T12:00:00Z')

let worlds = 0

/** A DICOM and a FHIR service of its own behind gates, and its own tables and lease in a shared Azurite. */
export const openWorld = async (
  azurite: Azurite,
  settings: Readonly<Record<string, string>> = {},
  now: () => Date = () => noon,
): Promise<ProcessWorld> => {
  const prefix = `P${process.pid}x${++worlds}`
  const dicom = await startDicomService({ now })
  const fhir = await startFhirService()
  const gates = await openGates({ dicom: dicom.url, fhir: fhir.url, table: azurite.tableUrl, blob: azurite.blobUrl })
  const connectionString = azurite.connectionString
    .replace(azurite.tableUrl, gates.urls.table)
    .replace(azurite.blobUrl, gates.urls.blob)
  const environment = {
    AzureWebJobsStorage: connectionString,
    TableStore__TableNamePrefix: prefix,
    DicomWeb__Endpoint: gates.urls.dicom,
    DicomWeb__Authentication__Enabled: 'false',
    Fhir__Endpoint: gates.urls.fhir,
    Fhir__Authentication__Enabled: 'false',
    ...settings,
  }
  const leaseBlob = BlobServiceClient.fromConnectionString(azurite.connectionString)
    .getContainerClient('dicomcast')
    .getBlobClient(`${prefix.toLowerCase()}cast-lease`)
  return {
    dicom,
    fhir,
    gates,
    settings: environment,
    start: (...options) => startCast(environment, ...options),
    castHere: async () => {
      const report = await cast({ environment, log: jsonLog(() => undefined), maxBatches: 0 })
      if (report.ended !== 'CaughtUp')
        throw new Error(`A run that only prepares ended ${report.ended}: ${report.reason}`)
    },
    breakLease: async () => {
      try {
        await leaseBlob.getBlobLeaseClient().breakLease(0)
      } catch (error) {
        // 409: nobody holds it.
        if (!isNotThere(error) && (error as { statusCode?: number }).statusCode !== 409) throw error
      }
    },
    rows: async (table) => {
      const client = TableClient.fromConnectionString(azurite.connectionString, `${prefix}${table}`, {
        allowInsecureConnection: true,
      })
      const found: Row[] = []
      try {
        for await (const { etag: _etag, timestamp: _timestamp, ...row } of client.listEntities()) found.push(row)
      } catch (error) {
        if (!isNotThere(error)) throw error
      }
      return found.sort((left, right) => (String(left['rowKey']) < String(right['rowKey']) ? -1 : 1))
    },
    leaseMetadata: async () => (await leaseBlob.getProperties()).metadata ?? {},
    close: async () => {
      await gates.close()
      await Promise.all([dicom.close(), fhir.close()])
    },
  }
}
