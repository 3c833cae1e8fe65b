import { TableClient } from '@azure/data-tables'
import type { TokenCredential } from '@azure/identity'
import { BlobServiceClient, type ContainerClient, type StoragePipelineOptions } from '@azure/storage-blob'
// As `import()` loads it.
import type { QueueClient } from '@azure/storage-queue' with { 'resolution-mode': 'import' }
import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../domain/cast-error'

export type StorageSettings =
  | { readonly connectionString: string }
  | {
      readonly accountName?: string
      readonly blobServiceUri?: string
      readonly tableServiceUri?: string
      readonly queueServiceUri?: string
      /** Of the user-assigned identity. */
      readonly clientId?: string
    }

/** `status` and `code` are for the caller to decide on; `error` is what the failure becomes when nobody does. */
export interface StorageFailure {
  readonly status: number | undefined
  readonly code: string | undefined
  /** It is about what was asked for: the SDK did not send it, or the service answered 400. */
  readonly isArgument?: boolean
  readonly error: ServiceError
}

export type { QueueClient }

export type StorageCall<A> = TE.TaskEither<StorageFailure, A>

type Use<Client, A> = (client: Client, abortSignal: AbortSignal) => Promise<A>

export interface Access<Client> {
  /** One call of the SDK, its retries included: foreign exceptions end here. */
  readonly call: <A>(use: Use<Client, A>, timeoutMs?: number) => StorageCall<A>
  /** The same; the table, container or queue is created when the service says that it is missing, so an idle tick pays nothing. */
  readonly callCreating: <A>(use: Use<Client, A>) => StorageCall<A>
}

export interface StorageAccount {
  readonly table: (name: string) => Access<TableClient>
  readonly container: (name: string) => Access<ContainerClient>
  readonly queue: (name: string) => Access<QueueClient>
}

// Few and short: they bridge a dropped connection. What lasts longer is for the run, which knows its time budget.
const tableRetries = { maxRetries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 }
const blobRetries = { maxTries: 4, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 }

/** Nothing is opened or checked before the first call. */
export const makeStorageAccount = (settings: StorageSettings, requestTimeoutMs = 30_000): StorageAccount => {
  const openTable = tableOpener(settings)
  const openContainer = containerOpener(settings)
  const openQueue = queueOpener(settings)
  return {
    table: (name) =>
      access(
        () => openTable(name),
        (client, abortSignal) => client.createTable({ abortSignal }),
        requestTimeoutMs,
      ),
    container: (name) =>
      access(
        () => openContainer(name),
        (client, abortSignal) => client.createIfNotExists({ abortSignal }),
        requestTimeoutMs,
      ),
    queue: (name) =>
      access(
        () => openQueue(name),
        (client, abortSignal) => client.createIfNotExists({ abortSignal }),
        requestTimeoutMs,
      ),
  }
}

export const serviceError = (failure: StorageFailure): ServiceError => failure.error

/** The same, of a call with something in it that a person has named. */
export const serviceErrorOfAsked = (failure: StorageFailure): ServiceError =>
  failure.isArgument === true ? { _tag: 'ArgumentRefused' } : failure.error

/** For what storage answers although the call went well: a row that cannot be read, an answer without a version. */
export const unusable = (reason: string): StorageFailure => ({
  status: undefined,
  code: undefined,
  error: { _tag: 'ServiceUnavailable', hop: 'storage', reason },
})

/** The row or its table is not there. Any other 404, of a proxy or a wrong address, is an outage. */
export const isAbsent = ({ code }: StorageFailure): boolean => code === 'ResourceNotFound' || code === 'TableNotFound'

const access = <Client>(
  open: () => Client | Promise<Client>,
  create: Use<Client, unknown>,
  requestTimeoutMs: number,
): Access<Client> => {
  const opened = once(open)
  const call = <A>(use: Use<Client, A>, timeoutMs = requestTimeoutMs): StorageCall<A> =>
    pipe(
      // The SDK's message repeats the connection string that it cannot read.
      TE.tryCatch(
        async () => opened(),
        () => unusable('the storage settings cannot be used'),
      ),
      TE.flatMap((client) => TE.tryCatch(() => use(client, AbortSignal.timeout(timeoutMs)), toFailure)),
    )
  return {
    call,
    callCreating: (use) =>
      pipe(
        call(use),
        TE.orElse((failure) =>
          isMissing(failure)
            ? pipe(
                call(create),
                TE.flatMap(() => call(use)),
              )
            : TE.left(failure),
        ),
      ),
  }
}

const isMissing = ({ code }: StorageFailure): boolean =>
  code === 'TableNotFound' || code === 'ContainerNotFound' || code === 'QueueNotFound'

const tableOpener = (settings: StorageSettings): ((name: string) => TableClient) => {
  if ('connectionString' in settings) {
    // The connection string says whether to use http (Azurite); the SDK wants to be told a second time.
    const options = { retryOptions: tableRetries, allowInsecureConnection: true }
    return (name) => TableClient.fromConnectionString(settings.connectionString, name, options)
  }
  const credential = lazyCredential(settings.clientId)
  const url = settings.tableServiceUri ?? serviceUrl(settings.accountName, 'table')
  return (name) => new TableClient(url, name, credential, { retryOptions: tableRetries })
}

const containerOpener = (settings: StorageSettings): ((name: string) => ContainerClient) => {
  const options: StoragePipelineOptions = { retryOptions: blobRetries }
  if ('connectionString' in settings) {
    return (name) => BlobServiceClient.fromConnectionString(settings.connectionString, options).getContainerClient(name)
  }
  const credential = lazyCredential(settings.clientId)
  const url = settings.blobServiceUri ?? serviceUrl(settings.accountName, 'blob')
  return (name) => new BlobServiceClient(url, credential, options).getContainerClient(name)
}

// Only a backfill needs the queue: no run of the timer loads its SDK.
const queueOpener = (settings: StorageSettings): ((name: string) => Promise<QueueClient>) => {
  const options = { retryOptions: blobRetries }
  const load = async () => (await import('@azure/storage-queue')).QueueServiceClient
  if ('connectionString' in settings) {
    return async (name) => (await load()).fromConnectionString(settings.connectionString, options).getQueueClient(name)
  }
  const credential = lazyCredential(settings.clientId)
  const url = settings.queueServiceUri ?? serviceUrl(settings.accountName, 'queue')
  return async (name) => new (await load())(url, credential, options).getQueueClient(name)
}

// Without a name it is no URL: then the client cannot be opened, and the call says so.
const serviceUrl = (accountName: string | undefined, service: 'blob' | 'table' | 'queue'): string =>
  accountName === undefined ? '' : `https://${accountName}.${service}.core.windows.net`

// `@azure/identity` is slow to load: it comes with the first token, and never for a connection string.
const lazyCredential = (clientId: string | undefined): TokenCredential => {
  const load = once(async (): Promise<TokenCredential> => {
    const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity')
    // Without a client id it may be a developer's machine: the default chain tries the managed identity, then their login.
    return clientId === undefined ? new DefaultAzureCredential() : new ManagedIdentityCredential({ clientId })
  })
  return { getToken: async (scopes, options) => (await load()).getToken(scopes, options) }
}

const once = <A>(make: () => A): (() => A) => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

// RestError.code is often undefined for tables; the code then stands in the parsed answer (header or OData body).
const toFailure = (thrown: unknown): StorageFailure => {
  const status = member(thrown, 'statusCode')
  const details = member(thrown, 'details')
  const code = [
    member(details, 'errorCode'),
    member(member(details, 'odataError'), 'code'),
    member(thrown, 'code'),
  ].find(isCode)
  return typeof status === 'number' && !isCredentialError(thrown)
    ? { status, code, isArgument: status === 400, error: answered(status, code) }
    : { status: undefined, code, isArgument: !isOfTheWay(thrown), error: unanswered(thrown, code) }
}

/** Thrown because of the service, or on the way to it; what else is thrown is about the arguments. */
const isOfTheWay = (thrown: unknown): boolean =>
  isCredentialError(thrown) || ['AbortError', 'RestError'].includes(String(member(thrown, 'name')))

const answered = (status: number, code: string | undefined): ServiceError => {
  const answer = code === undefined ? `${status}` : `${status} ${code}`
  return status === 401 || status === 403
    ? { _tag: 'AccessDenied', hop: 'storage', status, reason: `the storage account refuses access (${answer})` }
    : {
        _tag: 'ServiceUnavailable',
        hop: 'storage',
        reason: `the storage account answered ${answer}`,
        status,
      }
}

// Never the SDK's message: it may hold the URL with its SAS, or the connection string.
const unanswered = (thrown: unknown, code: string | undefined): ServiceError => {
  const failed = { _tag: 'ServiceUnavailable', hop: 'storage' } as const
  if (isCredentialError(thrown)) {
    return { ...failed, reason: 'there is no token for the storage account: is the managed identity assigned?' }
  }
  if (member(thrown, 'name') === 'AbortError') {
    return { ...failed, reason: 'the storage account did not answer in time', answerLost: true }
  }
  if (member(thrown, 'name') === 'RestError') {
    const reason = `no connection to the storage account${code === undefined ? '' : ` (${code})`}`
    return { ...failed, reason, ...(neverSent.has(code ?? '') ? {} : { answerLost: true }) }
  }
  return { ...failed, reason: 'the storage call failed for an unknown reason', answerLost: true }
}

const neverSent: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])

const isCredentialError = (thrown: unknown): boolean =>
  ['CredentialUnavailableError', 'AuthenticationError', 'AggregateAuthenticationError'].includes(
    String(member(thrown, 'name')),
  )

// Machine codes such as LeaseAlreadyPresent or ECONNRESET; anything else could be text of the server.
const isCode = (value: unknown): value is string => typeof value === 'string' && /^[A-Z][A-Za-z0-9_]{2,63}$/.test(value)

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
