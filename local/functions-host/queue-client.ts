import type { TokenCredential } from '@azure/identity'
// As `import()` loads it: an app without queue functions does without.
import type { QueueClient, QueueServiceClient } from '@azure/storage-queue' with { 'resolution-mode': 'import' }

export type { QueueClient }

const retryOptions = { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 }

/** The account that a binding's `connection` names: a connection string, or a section about an identity. */
export const openQueues = async (connection: string, env: NodeJS.ProcessEnv): Promise<QueueServiceClient> => {
  const { QueueServiceClient: Client } = await import('@azure/storage-queue')
  const given = (suffix: string): string | undefined =>
    env[`AzureWebJobs${connection}${suffix}`] || env[`${connection}${suffix}`] || undefined
  const text = given('')
  if (text !== undefined) return clientOf(() => Client.fromConnectionString(text, { retryOptions }), connection)
  const account = given('__accountName')
  const url =
    given('__queueServiceUri') ??
    given('__serviceUri') ??
    (account === undefined ? undefined : `https://${account}.queue.core.windows.net`)
  if (url === undefined) throw new Error(`The setting "${connection}" names no storage account with queues.`)
  const identity = await credential(given('__clientId'))
  return clientOf(() => new Client(url, identity, { retryOptions }), connection)
}

// The SDK's message repeats the connection string that it cannot read.
const clientOf = (open: () => QueueServiceClient, connection: string): QueueServiceClient => {
  try {
    return open()
  } catch {
    throw new Error(`The setting "${connection}" cannot be used to reach queues.`)
  }
}

const credential = async (clientId: string | undefined): Promise<TokenCredential> => {
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity')
  return clientId === undefined ? new DefaultAzureCredential() : new ManagedIdentityCredential({ clientId })
}

/** The service's own word for what was wrong with a request. */
export const codeOf = (error: unknown): string => {
  const { code, details } = error as { code?: unknown; details?: { errorCode?: unknown } }
  return String(details?.errorCode ?? code ?? '')
}
