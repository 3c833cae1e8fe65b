import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as E from 'fp-ts/Either'
import { type Authorization, authorizationOf } from '../adapters/http/authorization'
import { type Call, authorized, prefixOf } from '../adapters/http/authorized'
import { type Connector, connectorOf } from '../adapters/http/dispatchers'
import type { Service } from '../adapters/http/exchange'
import { archiveIndex, dicomArchive } from '../adapters/http/dicom-archive'
import { dicomChangeFeed, dicomStudyIndex } from '../adapters/http/dicom-change-feed'
import { dicomwebSource } from '../adapters/http/dicomweb'
import { orthancSource } from '../adapters/http/orthanc'
import { fhirServer } from '../adapters/http/fhir-server'
import { fhirHeldStudies } from '../adapters/http/fhir-studies'
import { type Meter, type Send, httpSender, newMeter } from '../adapters/http/http'
import { reachOf, tokenOf } from '../adapters/http/reach'
import { openBackfillQueue } from '../adapters/storage/backfill-queue'
import { makeBackfillTable } from '../adapters/storage/backfill-table'
import { makeBlobLease, makeLeaseInspection } from '../adapters/storage/blob-lease'
import { makeCheckpointTable } from '../adapters/storage/checkpoint-table'
import { makeErrorTables } from '../adapters/storage/error-tables'
import { makeQueueTrial } from '../adapters/storage/queue-trial'
import { makeLeaseTrial } from '../adapters/storage/lease-trial'
import { makeFailureTables } from '../adapters/storage/failure-tables'
import { makeAcceptedTable } from '../adapters/storage/accepted-table'
import { makeWakeTable } from '../adapters/storage/wake-table'
import { makeNameTable } from '../adapters/storage/name-table'
import { makeGateTable } from '../adapters/storage/gate-table'
import { makeHintedGoneTable, makeReconciliationTable, makeSeenTable } from '../adapters/storage/seen-table'
import { makeRunHistoryTable } from '../adapters/storage/run-history-table'
import { makeTotalsTable } from '../adapters/storage/totals-table'
import { makeStorageAccount } from '../adapters/storage/storage-client'
import { believeGone } from '../app/feed/believe-gone'
import type { Clock, FhirServer, Log, Progress } from '../app/ports'
import type { BackfillPorts } from '../app/ports-backfill-store'
import type { CheckPorts } from '../app/ports-check'
import type { HintedGoneStore, Reconciliations, SeenStudies } from '../app/ports-source'
import type { TotalsStore } from '../app/ports-totals'
import type { SourcePorts } from '../app/source/source-ports'
import type { Settings } from '../config/read-settings'
import type { Access, ServicePrefix, Tls } from '../domain/access'
import { dicomRoot } from '../domain/fhir/provenance'
import { withoutTrailing } from '../domain/text'
import { remembered } from './lifetime'

export const clock: Clock = { now: Date.now, sleep: async (ms) => void (await sleep(ms)) }

const storageOf = (settings: Settings, requestTimeoutMs: number | undefined) => {
  const { storage, tableNamePrefix } = settings
  const account = makeStorageAccount(
    storage._tag === 'ConnectionString'
      ? { connectionString: storage.connectionString }
      : {
          blobServiceUri: storage.blobServiceUri,
          tableServiceUri: storage.tableServiceUri,
          ...(storage.queueServiceUri === undefined ? {} : { queueServiceUri: storage.queueServiceUri }),
          ...(storage.clientId === undefined ? {} : { clientId: storage.clientId }),
        },
    requestTimeoutMs,
  )
  const blobPrefix = tableNamePrefix.toLowerCase()
  return {
    checkpoints: makeCheckpointTable(account, tableNamePrefix),
    errors: makeErrorTables(account, Date.now, tableNamePrefix),
    lease: makeBlobLease(account, { now: Date.now, monotonic: () => performance.now() }, blobPrefix),
    leaseInspection: makeLeaseInspection(account, blobPrefix),
    tryLease: makeLeaseTrial(account, blobPrefix),
    tryQueue: makeQueueTrial(account, tableNamePrefix),
    history: makeRunHistoryTable(account, tableNamePrefix),
    totals: makeTotalsTable(account, tableNamePrefix),
    failures: makeFailureTables(account, tableNamePrefix),
    gate: makeGateTable(account, tableNamePrefix),
    names: makeNameTable(account, tableNamePrefix),
    accepted: makeAcceptedTable(account, tableNamePrefix),
    wake: makeWakeTable(account, tableNamePrefix),
    seen: makeSeenTable(account, tableNamePrefix),
    reconciliations: makeReconciliationTable(account, tableNamePrefix),
    hintedGone: makeHintedGoneTable(account, tableNamePrefix),
    backfillQueue: openBackfillQueue(account, tableNamePrefix),
    backfills: makeBackfillTable(account, tableNamePrefix),
  }
}

// Clients and their connections live as long as the process; a checkpoint's lost answer is known by the same store.
const storages = new Map<string, ReturnType<typeof storageOf>>()

const sharedStorage = (settings: Settings, requestTimeoutMs?: number): ReturnType<typeof storageOf> => {
  const key = JSON.stringify([settings.storage, settings.tableNamePrefix, requestTimeoutMs])
  const known = storages.get(key) ?? storageOf(settings, requestTimeoutMs)
  storages.set(key, known)
  return known
}

/** What each FHIR server offers, asked before a process's first write and after failures. */
const capabilities = new Map<string, { readonly offersBasic: boolean }>()

const checkedOnce = (fhir: FhirServer, endpoint: string, log: Log): FhirServer => ({
  ...fhir,
  check: () => async () => {
    const known = capabilities.get(endpoint)
    if (known !== undefined) return E.right(known)
    const checked = await fhir.check()()
    if (E.isRight(checked)) {
      capabilities.set(endpoint, checked.right)
      if (!checked.right.offersBasic) {
        log('warn', 'The FHIR server offers no Basic: a run that sleeps past its lease is not fenced off')
      }
    }
    return checked
  },
})

/** Tokens are kept as long as the process lives, whatever run asks for them. */
const authorizations = new Map<string, Authorization>()

const authorizationFor = (hop: Service, { authentication, tls: { caFile } }: Access): Authorization => {
  const prefix = prefixOf[hop]
  const key = JSON.stringify([prefix, authentication, caFile])
  // Our certificate is for the service; who gives tokens asks for a secret.
  const known =
    authorizations.get(key) ??
    authorizationOf(prefix, authentication, { connector: () => connectorOf(prefix, { caFile }) })
  authorizations.set(key, known)
  return known
}

const once = (prefix: ServicePrefix, tls: Tls): (() => Connector) => {
  let known: Connector | undefined
  return () => (known ??= connectorOf(prefix, tls))
}

const lookingAt = ({ dicomWeb, fhir }: Settings, send: Send): Pick<CheckPorts, 'reach' | 'token'> => {
  const { root } = dicomRoot(dicomWeb.privateEndpoint ?? dicomWeb.endpoint, dicomWeb.version)
  return {
    reach: {
      dicom: () => reachOf(send, 'dicom', `${root}/v1/changefeed/latest?includeMetadata=false`),
      fhir: () => reachOf(send, 'fhir', `${withoutTrailing(fhir.endpoint, '/')}/metadata`),
    },
    token: {
      dicom: () => tokenOf(authorizationFor('dicom', dicomWeb)),
      fhir: () => tokenOf(authorizationFor('fhir', fhir)),
    },
  }
}

const archiveOf = (
  { dicomWeb }: Settings,
  call: Call,
): Pick<BackfillPorts, 'dicom' | 'studyIndex' | 'studyList'> & Partial<Pick<CheckPorts, 'source'>> => {
  const { version } = dicomRoot(dicomWeb.endpoint, dicomWeb.version)
  const studyList = dicomStudyIndex(dicomWeb, call)
  if (dicomWeb.source === 'changefeed') {
    return { dicom: believeGone(dicomChangeFeed(dicomWeb, call), version), studyIndex: studyList, studyList }
  }
  const source = dicomWeb.source === 'orthanc' ? orthancSource(dicomWeb, call) : dicomwebSource(dicomWeb, call)
  return { dicom: dicomArchive(dicomWeb, call, source), studyIndex: archiveIndex(source, studyList), studyList, source }
}

export interface Connecting {
  readonly log: Log
  readonly runId: string
  /** One that nobody reads, when it is left out. */
  readonly meter?: Meter
  /** Of all that is asked; a request gets no more, and none is begun after it. By the wall clock, ms. */
  readonly until: number
  /** Of one request; the setting's when it is left out. */
  readonly requestTimeoutMs?: number
  readonly progress?: (progress: Progress) => void
}

/** Everything that anybody here asks of the outside. */
export interface Connection extends CheckPorts, BackfillPorts {
  readonly totals: TotalsStore
  readonly seen: SeenStudies
  readonly reconciliations: Reconciliations
  readonly hintedGone: HintedGoneStore
}

/** None: the archive has a change feed. */
export const sourcePorts = (ports: Connection): SourcePorts | undefined =>
  ports.source === undefined ? undefined : { ...ports, source: ports.source }

/** Every port, wired to the services that the settings name. Nothing is asked yet. */
export const connect = (settings: Settings, connecting: Connecting): Connection => {
  const { log, runId, meter = newMeter(), until, requestTimeoutMs, progress = () => undefined } = connecting
  const { dicomWeb, fhir: fhirSettings } = settings
  const connectors = { dicom: once('DicomWeb', dicomWeb.tls), fhir: once('Fhir', fhirSettings.tls) }
  const send = httpSender({
    connectors,
    meter,
    requestTimeoutMs: requestTimeoutMs ?? settings.requestTimeoutMs,
    remainingMs: () => until - clock.now(),
  })
  const callOf = (hop: Service, access: Access): Call =>
    authorized(send, hop, access.authentication, authorizationFor(hop, access))
  const callDicom = callOf('dicom', dicomWeb)
  const callFhir = callOf('fhir', fhirSettings)
  const { wake, ...storage } = sharedStorage(settings, requestTimeoutMs)
  const fhir = fhirServer(settings.fhir, callFhir, runId)
  return {
    ...storage,
    // An event of the feed tells a number of it: where there is none, nothing is kept of what was told.
    ...(settings.events && dicomWeb.source === 'changefeed' ? { wake } : {}),
    lease: remembered(storage.lease),
    ...archiveOf(settings, callDicom),
    heldStudies: fhirHeldStudies(settings.fhir, callFhir),
    fhir: { ...checkedOnce(fhir, settings.fhir.endpoint, log), probe: fhir.check },
    ...lookingAt(settings, send),
    clock,
    random: { fraction: Math.random, uuid: randomUUID },
    log,
    progress,
  }
}

/** After a failure the server is asked again what it offers. */
export const forgetCapabilities = (settings: Settings): void => void capabilities.delete(settings.fhir.endpoint)
