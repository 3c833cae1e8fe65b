import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { HeldLease, Lease } from '../../lib/app/ports'
import type { ServiceError } from '../../lib/domain/cast-error'
import { type Process, request } from './process'
import type { World } from './world'

const ttlMs = 60_000
const renewEveryMs = 15_000
/** As the adapter: whoever works on until here has stopped before somebody else can hold it. */
const trustedForMs = 45_000

/** The blob as the service sees it. */
export interface LeaseBlob {
  holder: Process | undefined
  expiresAt: number
  /** Runs that hold it or believe so. */
  readonly believers: Set<Process>
}

export const newLeaseBlob = (): LeaseBlob => ({ holder: undefined, expiresAt: 0, believers: new Set() })

/** An operator breaks it, at once. */
export const breakLease = (world: World, blob: LeaseBlob): void => {
  if (blob.holder === undefined || world.faults.isQuiet()) return
  world.faults.hit('lease: broken')
  world.say(() => `operator breaks the lease of ${blob.holder?.name}`)
  blob.holder = undefined
}

export const leaseFor = (world: World, blob: LeaseBlob, process: Process): Lease => {
  const { scheduler, faults, say } = world

  const hold = (sentAt: number): HeldLease => {
    let [renewed, lost] = [sentAt, false]
    const isOverdue = (): boolean => scheduler.now() - renewed > trustedForMs
    const renew = (): void => {
      if (!process.alive || lost) return
      // A process that stands still renews nothing; its timer fires when it goes on.
      if (process.pausedUntil > scheduler.now()) return scheduler.after(process.pausedUntil - scheduler.now(), renew)
      if (isOverdue()) {
        lost = true
        return
      }
      const sent = scheduler.now()
      if (!faults.strikes('lease: renewal fails')) {
        if (blob.holder !== process) {
          lost = true
          say(() => `${process.name} lost its lease`)
          return
        }
        blob.expiresAt = sent + ttlMs
        renewed = sent
      }
      scheduler.after(renewEveryMs, renew)
    }
    scheduler.after(renewEveryMs, renew)
    return {
      check: () => {
        if (isOverdue()) lost = true
        return lost ? E.left({ _tag: 'LeaseLost' }) : E.right(undefined)
      },
      confirm: () => () => {
        const sent = scheduler.now()
        return request(world, process, 'lease.confirm', (): E.Either<ServiceError, void> => {
          if (isOverdue() || blob.holder !== process) lost = true
          if (lost) return E.left({ _tag: 'LeaseLost' })
          blob.expiresAt = scheduler.now() + ttlMs
          renewed = sent
          return E.right(undefined)
        })
      },
      release: async () => {
        lost = true
        await request(world, process, 'lease.release', () => {
          blob.believers.delete(process)
          if (blob.holder === process) blob.holder = undefined
        })
      },
    }
  }

  return {
    acquire: () => () => {
      const sentAt = scheduler.now()
      return request(
        world,
        process,
        'lease.acquire',
        (): E.Either<ServiceError, O.Option<HeldLease>> => {
          if (blob.holder !== undefined && blob.expiresAt > scheduler.now()) return E.right(O.none)
          blob.holder = process
          blob.expiresAt = scheduler.now() + ttlMs
          if ([...blob.believers].some(({ alive }) => alive)) faults.hit('run: overlap')
          blob.believers.add(process)
          return E.right(O.some(hold(sentAt)))
        },
        (answer) => (E.isRight(answer) && O.isSome(answer.right) ? 'taken' : 'held by another'),
      )
    },
  }
}
