import * as E from 'fp-ts/Either'
import { makeNameTable } from '../../lib/adapters/storage/name-table'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { positionId } from '../../lib/domain/fhir/position'
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

/** The services of one run: a feed that is at rest, a FHIR server that is empty, and an account that knows the two. */
export interface World {
  readonly urls: Readonly<Record<Service, string>>
  readonly environment: Readonly<Record<string, string>>
}

export interface WorldOptions {
  readonly workload: Workload
  /** Added to each request. */
  readonly latencyMs: number
  /** Added to each request of FHIR in its place. */
  readonly fhirLatencyMs?: number
  /** A server that is there, in place of one of our own. */
  readonly fhirUrl?: string
}

export type Command =
  | ({ readonly _tag: 'Open' } & WorldOptions)
  /** What was asked of the services since the world was opened. */
  | { readonly _tag: 'Requests' }

/**
 * As the first run of an installation leaves it: what the feed is called, and that the FHIR server refuses an old If-Match.
 * To try that takes four requests once an installation, which would be counted as those of a study.
 */
const knowServer = async (connectionString: string, prefix: string, root: string, fhirBase: string): Promise<void> => {
  const names = makeNameTable(makeStorageAccount({ connectionString }), prefix)
  const conditions = { fhirBase, refusesOld: true, triedAt: Date.now() }
  const written = await names.write({ feedId: positionId(root), root, formerRoots: [], conditions }, undefined)()
  if (E.isLeft(written)) throw new Error(JSON.stringify(written.left))
}

const serve = async (): Promise<void> => {
  const azurite = await startAzurite()
  const closers: Array<() => unknown> = []
  let requests: Array<Request> = []
  let worlds = 0

  const open = async ({ workload, latencyMs, fhirLatencyMs = latencyMs, fhirUrl }: WorldOptions): Promise<World> => {
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
    const own = fhirUrl === undefined ? await startFhirService({ validate: false }) : undefined
    closers.push(feed.close, () => own?.close())
    const before = async (service: Service, url: string, waitMs = latencyMs): Promise<string> => {
      const proxy = await startProxy(url, waitMs, note(service))
      closers.push(proxy.close)
      return proxy.url
    }
    const blob = await before('storage', azurite.blobUrl)
    const table = await before('storage', azurite.tableUrl)
    const urls = {
      dicom: feed.url,
      fhir: fhirUrl ?? (await before('fhir', own?.url ?? '', fhirLatencyMs)),
      storage: table,
    }
    worlds += 1
    const prefix = `Bench${process.pid}x${worlds}`
    await knowServer(azurite.connectionString, prefix, urls.dicom, urls.fhir)
    return {
      urls,
      environment: {
        AzureWebJobsStorage: azurite.connectionString
          .replace(new URL(azurite.blobUrl).origin, new URL(blob).origin)
          .replace(new URL(azurite.tableUrl).origin, new URL(table).origin),
        TableStore__TableNamePrefix: prefix,
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
