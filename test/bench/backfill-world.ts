import type { FhirResource } from 'fhir/r4'
import { startAzurite } from '../../local/azurite'
import { type DicomService, startDicomService } from '../../local/dicom/service'
import { startFhirService } from '../../local/fhir/service'
import { type Exchange, type Proxy, startProxy } from './proxy'

// One archive, and any number of installations that bring it to FHIR. Each process of one may have doors of its own to DICOM
// and to storage, so that it is known who asks; to FHIR there is one.

export type Service = 'dicom' | 'fhir' | 'storage'

export interface Passing extends Exchange {
  readonly service: Service
  /** Which process; none: through the doors of all. */
  readonly slot: number | undefined
}

/** What befalls requests from now on. */
export interface Traffic {
  latencyMs: number
  /** What it throws keeps the request from the service. */
  seen: (request: Passing) => void
  /** What it throws keeps the answer from whoever asked. */
  answered: (request: Passing, status: number) => void
}

export type Environment = Readonly<Record<string, string>>

export interface Installation {
  readonly environment: Environment
  /** The same, through the doors of one process. */
  readonly through: (slot: number) => Environment
  readonly resources: () => Promise<ReadonlyArray<FhirResource>>
  readonly close: () => Promise<void>
}

export interface BackfillWorld {
  readonly dicom: DicomService
  readonly traffic: Traffic
  /** With an empty FHIR server of its own, or with one that is there and empty. */
  readonly install: (foreign?: ForeignFhir) => Promise<Installation>
  readonly close: () => Promise<void>
}

export interface ForeignFhir {
  readonly url: string
  readonly resources: () => Promise<ReadonlyArray<FhirResource>>
}

interface Doors {
  readonly dicom: string
  readonly connectionString: string
}

export const calm = (): Omit<Traffic, 'latencyMs'> => ({ seen: () => undefined, answered: () => undefined })

export const isStudyRead = ({ service, path }: Passing): boolean =>
  service === 'dicom' && /\/studies\/[^/]+\/metadata$/.test(path)

export const openBackfillWorld = async (slots: number): Promise<BackfillWorld> => {
  const azurite = await startAzurite()
  const dicom = await startDicomService()
  const traffic: Traffic = { latencyMs: 0, ...calm() }
  const proxies: Array<Proxy> = []
  const door = async (service: Service, target: string, slot?: number): Promise<string> => {
    const proxy = await startProxy(
      target,
      () => traffic.latencyMs,
      (exchange) => traffic.seen({ service, slot, ...exchange }),
      service === 'fhir',
      (exchange, status) => traffic.answered({ service, slot, ...exchange }, status),
    )
    proxies.push(proxy)
    return proxy.url
  }
  const doors = async (slot?: number): Promise<Doors> => {
    let { connectionString } = azurite
    for (const url of [azurite.blobUrl, azurite.tableUrl, azurite.queueUrl]) {
      const { origin } = new URL(url)
      connectionString = connectionString.replace(origin, await door('storage', url, slot))
    }
    return { dicom: await door('dicom', dicom.url, slot), connectionString }
  }
  const ofAll = await doors()
  const ofSlots = await Promise.all(Array.from({ length: slots }, (_, slot) => doors(slot)))
  let installations = 0

  const install: BackfillWorld['install'] = async (foreign) => {
    // Its validation is what would be measured.
    const own = foreign === undefined ? await startFhirService({ validate: false }) : undefined
    const { pathname, origin } = new URL(foreign?.url ?? own?.url ?? '')
    const fhir = `${await door('fhir', origin)}${pathname.replace(/\/$/, '')}`
    const prefix = `Backfill${process.pid}x${++installations}`
    const through = ({ dicom: url, connectionString }: Doors): Environment => ({
      PATH: process.env['PATH'] ?? '',
      AzureWebJobsStorage: connectionString,
      TableStore__TableNamePrefix: prefix,
      DicomWeb__Endpoint: ofAll.dicom,
      DicomWeb__PrivateEndpoint: url,
      Fhir__Endpoint: fhir,
      // The local service lists no partitions.
      DicomCast__Partitions: 'Microsoft.Default,research',
      DicomCast__HoleAge: '00:00:01',
    })
    return {
      environment: through(ofAll),
      through: (slot) => through(ofSlots[slot] ?? ofAll),
      resources: foreign?.resources ?? (() => Promise.resolve((own?.store.all() ?? []) as ReadonlyArray<FhirResource>)),
      close: async () => own?.close(),
    }
  }
  return {
    ...{ dicom, traffic, install },
    close: async () => {
      for (const proxy of proxies) proxy.close()
      await Promise.all([dicom.close(), azurite.close()])
    },
  }
}
