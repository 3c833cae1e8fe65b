import { randomUUID } from 'node:crypto'
import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob'
import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import type { Reached } from '../../app/ports-check'
import type { ServiceError } from '../../domain/cast-error'
import { type StorageAccount, type StorageCall, serviceError } from './storage-client'

const shortestLeaseS = 15

/** On a blob of its own, `{prefix}check-lease`: a run at work holds the other. */
export const makeLeaseTrial = (account: StorageAccount, prefix = ''): (() => TE.TaskEither<ServiceError, Reached>) => {
  const container = account.container('dicomcast')
  const blobOf = (client: ContainerClient): BlockBlobClient => client.getBlockBlobClient(`${prefix}check-lease`)

  const create: StorageCall<unknown> = container.callCreating((client, abortSignal) =>
    blobOf(client).upload('', 0, { conditions: { ifNoneMatch: '*' }, abortSignal }),
  )
  const lease: StorageCall<Reached> = container.call(async (client, abortSignal) => {
    const lease = blobOf(client).getBlobLeaseClient(randomUUID())
    const { date } = await lease.acquireLease(shortestLeaseS, { abortSignal })
    await lease.releaseLease({ abortSignal })
    return date === undefined ? {} : { servedAt: date.getTime() }
  })
  return () =>
    pipe(
      create,
      // It is there already, and somebody else's check may hold it.
      TE.map(() => undefined),
      TE.orElse(({ status, ...failure }) =>
        status === 409 || status === 412 ? TE.right(undefined) : TE.left({ status, ...failure }),
      ),
      TE.flatMap(() => lease),
      TE.orElse((failure) =>
        failure.code === 'LeaseAlreadyPresent' ? TE.right<typeof failure, Reached>({}) : TE.left(failure),
      ),
      TE.mapLeft(serviceError),
    )
}
