import { randomUUID } from 'node:crypto'
import type { BlobLeaseClient, BlockBlobClient, ContainerClient } from '@azure/storage-blob'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { HeldLease, Lease } from '../../app/ports'
import type { LeaseHolder, LeaseInspection } from '../../app/ports-operator'
import type { ServiceError } from '../../domain/cast-error'
import type { Access, StorageAccount, StorageCall, StorageFailure } from './storage-client'

export interface LeaseClocks {
  /** Wall clock, ms: goes on while the machine is suspended. */
  readonly now: () => number
  /** Monotonic clock, ms: is not set back. */
  readonly monotonic: () => number
  /** Calls back every `ms` until it is stopped; must not keep the process alive. */
  readonly every?: (ms: number, callback: () => Promise<void>) => () => void
}

const leaseTtlS = 60
const renewEveryMs = 15_000
/** Shorter than the lease: whoever works on until here has stopped before somebody else can hold it. */
const trustedForMs = 45_000
const renewTimeoutMs = 10_000
const metadataTimeoutMs = 5_000
/** The host gives five seconds when it ends the worker. */
const releaseTimeoutMs = 4_000

/** One writer at a time: a lease on the blob `{prefix}cast-lease` in the container `dicomcast`. It saves work; ETags keep the data right. */
export const makeBlobLease = (account: StorageAccount, clocks: LeaseClocks, prefix = ''): Lease => {
  const container = account.container('dicomcast')
  const blobOf = (client: ContainerClient): BlockBlobClient => client.getBlockBlobClient(`${prefix}cast-lease`)

  const createBlob: StorageCall<unknown> = pipe(
    container.callCreating((client, abortSignal) =>
      blobOf(client).upload('', 0, { conditions: { ifNoneMatch: '*' }, abortSignal }),
    ),
    TE.map(() => undefined),
    // Somebody else created it, and may hold it already (412).
    TE.orElse((failure) =>
      failure.code === 'BlobAlreadyExists' || failure.status === 412 ? TE.right(undefined) : TE.left(failure),
    ),
  )

  return {
    acquire: (runId) => async () => {
      const leaseId = randomUUID()
      const lease = leaseRequests(container, (client) => blobOf(client).getBlobLeaseClient(leaseId))
      const take = takeLease(lease, clocks)
      const taken = await pipe(
        take,
        TE.orElse((failure) =>
          failure.code === 'BlobNotFound' || failure.code === 'ContainerNotFound'
            ? pipe(
                createBlob,
                TE.flatMap(() => take),
              )
            : TE.left(failure),
        ),
      )()
      if (E.isLeft(taken)) return isBusy(taken.left) ? E.right(O.none) : E.left(taken.left.error)
      const held = holdLease(lease, clocks, taken.right)
      // A lease does not tell its holder: this does, to an operator. Losing it is not worth losing the run.
      const metadata = { runid: runId, startedat: new Date(clocks.now()).toISOString() }
      await container.call(
        (client, abortSignal) => blobOf(client).setMetadata(metadata, { conditions: { leaseId }, abortSignal }),
        metadataTimeoutMs,
      )()
      return E.right(O.some(held))
    },
  }
}

/** Who holds it, for an operator: the metadata is written right after acquiring, so for a moment it is the last holder's. */
export const makeLeaseInspection = (account: StorageAccount, prefix = ''): LeaseInspection => {
  const container = account.container('dicomcast')
  return {
    holder: () =>
      pipe(
        container.call((client, abortSignal) =>
          client.getBlockBlobClient(`${prefix}cast-lease`).getProperties({ abortSignal }),
        ),
        TE.map(({ leaseState, metadata }) =>
          leaseState === 'leased' || leaseState === 'breaking' ? O.some(holderOf(metadata)) : O.none,
        ),
        // Nobody ever held it.
        TE.orElse((failure) => (failure.status === 404 ? TE.right(O.none) : TE.left(failure.error))),
      ),
  }
}

const holderOf = (metadata: Readonly<Record<string, string>> = {}): LeaseHolder => {
  const since = Date.parse(metadata['startedat'] ?? '')
  return {
    ...(metadata['runid'] === undefined ? {} : { runId: metadata['runid'] }),
    ...(Number.isNaN(since) ? {} : { since }),
  }
}

type LeaseRequests = <A>(
  use: (lease: BlobLeaseClient, abortSignal: AbortSignal) => Promise<A>,
  timeoutMs?: number,
) => StorageCall<A>

const leaseRequests =
  (container: Access<ContainerClient>, leaseOf: (client: ContainerClient) => BlobLeaseClient): LeaseRequests =>
  (use, timeoutMs) =>
    container.call((client, abortSignal) => use(leaseOf(client), abortSignal), timeoutMs)

/** When a request was sent, by both clocks. The service counts from when it came, which is not earlier. */
interface Sent {
  readonly wall: number
  readonly monotonic: number
}

const sentNow = (clocks: LeaseClocks): Sent => ({ wall: clocks.now(), monotonic: clocks.monotonic() })

const takeLease =
  (lease: LeaseRequests, clocks: LeaseClocks): StorageCall<Sent> =>
  () => {
    const sent = sentNow(clocks)
    return pipe(
      lease((client, abortSignal) => client.acquireLease(leaseTtlS, { abortSignal })),
      TE.map(() => sent),
    )()
  }

const isBusy = ({ code }: StorageFailure): boolean =>
  code === 'LeaseAlreadyPresent' || code === 'LeaseIsBreakingAndCannotBeAcquired'

// The service knows for sure that it is not ours. Anything else may pass: the next renewal, or the 45 s, decide.
const isRefusal = ({ status }: StorageFailure): boolean => status === 404 || status === 409 || status === 412

const holdLease = (lease: LeaseRequests, clocks: LeaseClocks, taken: Sent): HeldLease => {
  let renewed = taken
  let ticked = taken
  let lost: ServiceError | undefined

  // Either clock: a suspended machine stops the monotonic one, a correction sets the wall clock back.
  const since = ({ wall, monotonic }: Sent): number => Math.max(clocks.now() - wall, clocks.monotonic() - monotonic)

  const lose = (error: ServiceError = { _tag: 'LeaseLost' }): void => {
    lost = error
    stop()
  }

  /** Timers come late in a process that is blocked, and not at all in one that sleeps. */
  const stoodStill = (): { readonly stoodStillS?: number } =>
    since(ticked) > 2 * renewEveryMs ? { stoodStillS: Math.round(since(ticked) / 1_000) } : {}

  const check = (): E.Either<ServiceError, void> => {
    // Not renewed even if the service would: while we slept somebody else may have held it and let it go.
    if (lost === undefined && since(renewed) > trustedForMs) lose({ _tag: 'LeaseLost', ...stoodStill() })
    return lost === undefined ? E.right(undefined) : E.left(lost)
  }

  const renew = async (): Promise<E.Either<ServiceError, void>> => {
    const held = check()
    if (E.isLeft(held)) return held
    const sent = sentNow(clocks)
    const answer = await lease((client, abortSignal) => client.renewLease({ abortSignal }), renewTimeoutMs)()
    if (E.isRight(answer)) renewed = sent
    else if (isRefusal(answer.left)) lose()
    else return E.left(answer.left.error)
    return check()
  }

  const stop = (clocks.every ?? everyUnref)(renewEveryMs, async () => {
    check()
    ticked = sentNow(clocks)
    await renew()
  })

  return {
    check,
    confirm: () => renew,
    release: async () => {
      lose()
      // Best effort: it runs out by itself, and it may be somebody else's by now, which the service then says.
      await lease((client, abortSignal) => client.releaseLease({ abortSignal }), releaseTimeoutMs)()
    },
  }
}

const everyUnref = (ms: number, callback: () => Promise<void>): (() => void) => {
  const timer = setInterval(() => void callback(), ms)
  timer.unref()
  return () => clearInterval(timer)
}
