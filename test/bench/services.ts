import { startAzurite } from '../../local/azurite'
import { startFhirService } from '../../local/fhir/service'
import { startFeedServer } from './feed-server'
import { type Exchange, startProxy } from './proxy'
import type { Workload } from './workload'

export type Service = 'dicom' | 'fhir' | 'storage'

export interface Request extends Omit<Exchange, 'body'> {
  readonly service: Service
  readonly body: string
}

/** The services of one run: a feed that is at rest, a FHIR server and tables that are empty. */
export interface World {
  readonly urls: Readonly<Record<Service, string>>
  readonly environment: Readonly<Record<string, string>>
}

export interface WorldOptions {
  readonly workload: Workload
  /** Added to each request. */
  readonly latencyMs: number
}

export type Command =
  | ({ readonly _tag: 'Open' } & WorldOptions)
  /** What was asked of the services since the world was opened. */
  | { readonly _tag: 'Requests' }

const serve = async (): Promise<void> => {
  const azurite = await startAzurite()
  const closers: Array<() => unknown> = []
  let requests: Array<Request> = []
  let worlds = 0

  const open = async ({ workload, latencyMs }: WorldOptions): Promise<World> => {
    for (const close of closers.splice(0)) await close()
    requests = []
    const note =
      (service: Service) =>
      ({ body, ...rest }: Exchange): void =>
        void requests.push({ service, ...rest, body: body.toString() })
    const ofFeed = note('dicom')
    const feed = await startFeedServer(workload, {
      latencyMs,
      seen: (path) => ofFeed({ method: 'GET', path, headers: { accept: 'application/json' }, body: Buffer.alloc(0) }),
    })
    // Its validation is what would be measured.
    const fhir = await startFhirService({ validate: false })
    closers.push(feed.close, fhir.close)
    const before = async (service: Service, url: string): Promise<string> => {
      const proxy = await startProxy(url, latencyMs, note(service))
      closers.push(proxy.close)
      return proxy.url
    }
    const blob = await before('storage', azurite.blobUrl)
    const table = await before('storage', azurite.tableUrl)
    const urls = { dicom: feed.url, fhir: await before('fhir', fhir.url), storage: table }
    worlds += 1
    return {
      urls,
      environment: {
        AzureWebJobsStorage: azurite.connectionString
          .replace(new URL(azurite.blobUrl).origin, new URL(blob).origin)
          .replace(new URL(azurite.tableUrl).origin, new URL(table).origin),
        TableStore__TableNamePrefix: `Bench${process.pid}x${worlds}`,
        DicomWeb__Endpoint: urls.dicom,
        Fhir__Endpoint: urls.fhir,
      },
    }
  }

  process.on('message', (command: Command) => {
    const answer = command._tag === 'Open' ? open(command) : Promise.resolve(requests)
    void answer.then((value) => process.send?.(value))
  })
  process.once('disconnect', () => process.exit(0))
  process.send?.('ready')
}

void serve()
