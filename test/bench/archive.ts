import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlobServiceClient } from '@azure/storage-blob'
import type { Endpoint, FhirResource, ImagingStudy } from 'fhir/r4'
import { startAzurite } from '../../local/azurite'
import { startDicomService, type DicomService } from '../../local/dicom/service'
import { startFhirService, type FhirService } from '../../local/fhir/service'
import { created } from '../support/world/cast-images'
import { type Exchange, startProxy } from './proxy'

// An archive of many studies, half of them at an administrator's Endpoint, and the compiled command on it.

const command = join(__dirname, '..', '..', 'dist', 'cli', 'dicomcast.js')

/** Where a process ends: before its write of this number is carried out, or after. */
export interface Death {
  readonly at: number
  readonly when: 'before' | 'after'
}

export interface Ended {
  readonly code: number | 'killed'
  readonly stdout: string
  /** In FHIR and in the rows of name and gate. */
  readonly writes: number
}

export interface Archive {
  readonly dicom: DicomService
  readonly fhir: FhirService
  /** Runs the command under these settings, besides those of the archive. */
  readonly run: (
    settings: Readonly<Record<string, string>>,
    args: ReadonlyArray<string>,
    death?: Death,
  ) => Promise<Ended>
  /** What was killed has let nothing go. */
  readonly breakLease: () => Promise<void>
  readonly studies: () => ReadonlyArray<ImagingStudy>
  readonly close: () => Promise<void>
}

export const clinic = 'clinic'
export const uidOf = (index: number): string => `1.2.40.${index + 1}`
export const partitionOf = (index: number): string | undefined => (index % 2 === 0 ? clinic : undefined)

export const image = (index: number, instance: number) => {
  const partition = partitionOf(index)
  return created({
    ...{ study: uidOf(index), instance, patientId: `P${index % 50}`, name: `Person${index % 50}` },
    ...(partition === undefined ? {} : { partition }),
  })
}

const administrators = (dicomUrl: string): Endpoint => ({
  ...{ resourceType: 'Endpoint', id: 'main-pacs', status: 'active', name: 'Main PACS' },
  connectionType: {
    system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
    code: 'dicom-wado-rs',
  },
  ...{ payloadType: [{ text: 'DICOM' }], address: `${dicomUrl}/v1/partitions/${clinic}/` },
})

const isWrite = ({ method, path, headers }: Exchange): boolean =>
  /^(?:PUT|POST|MERGE|PATCH)$/.test(method) &&
  (method === 'PUT' || headers['x-bundle-processing-logic'] === 'sequential' || /SyncState|GateTable/.test(path))

export const openArchive = async (studies: number): Promise<Archive> => {
  const azurite = await startAzurite()
  const dicom = await startDicomService()
  const fhir = await startFhirService({ validate: false })
  fhir.seed(administrators(dicom.url) as unknown as Parameters<FhirService['seed']>[0])
  for (let index = 0; index < studies; index++) dicom.control.append(image(index, 1))

  let watched: ((exchange: Exchange) => void) | undefined
  const tables = await startProxy(azurite.tableUrl, 0, (exchange) => watched?.(exchange))
  const server = await startProxy(fhir.url, 0, (exchange) => watched?.(exchange), true)
  const through = azurite.connectionString.replace(new URL(azurite.tableUrl).origin, new URL(tables.url).origin)
  const environment = {
    ...{ AzureWebJobsStorage: through, DicomWeb__Endpoint: dicom.url, Fhir__Endpoint: server.url },
    PATH: process.env['PATH'] ?? '',
  }

  const run: Archive['run'] = async (settings, args, death) => {
    let writes = 0
    const child = spawn(process.execPath, [command, ...args], {
      ...{ env: { ...environment, ...settings }, cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] },
    })
    watched = (exchange) => {
      if (!isWrite(exchange)) return
      if (child.killed) throw new Error('it has ended')
      if (++writes !== death?.at) return
      child.kill('SIGKILL')
      if (death.when === 'before') throw new Error('killed before it')
    }
    let stdout = ''
    child.stdout?.on('data', (chunk) => (stdout += String(chunk)))
    child.stderr?.on('data', (chunk) => (stdout += String(chunk)))
    const [code] = (await once(child, 'close')) as [number | null]
    return { code: code ?? 'killed', stdout, writes }
  }

  return {
    ...{ dicom, fhir, run },
    breakLease: async () => {
      const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('dicomcast')
      await container
        .getBlobClient('cast-lease')
        .getBlobLeaseClient()
        .breakLease(0)
        .catch(() => undefined)
    },
    studies: () => fhir.store.ofType('ImagingStudy') as unknown as ReadonlyArray<ImagingStudy>,
    close: async () => {
      tables.close()
      server.close()
      await Promise.all([dicom.close(), fhir.close(), azurite.close()])
    },
  }
}

export const edit = async ({ fhir }: Archive, resource: FhirResource): Promise<void> => {
  const { status } = await fetch(`${fhir.url}/${resource.resourceType}/${resource.id}`, {
    ...{ method: 'PUT', headers: { 'content-type': 'application/fhir+json' }, body: JSON.stringify(resource) },
  })
  if (status !== 200) throw new Error(`FHIR answered ${status}`)
}

export const remove = async ({ fhir }: Archive, { id }: ImagingStudy): Promise<void> =>
  void (await fetch(`${fhir.url}/ImagingStudy/${id}`, { method: 'DELETE' }))
