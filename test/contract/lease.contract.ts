import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { HeldLease, Lease } from '../../lib/app/ports'
import { succeed } from './storage-results'

export interface LeasePlace {
  /** Each is a process of its own. */
  readonly open: () => Lease
  /** Moves the clocks of all processes, without a renewal. */
  readonly pass: (ms: { readonly wall: number; readonly monotonic: number }) => void
  /** The renewals that are due. */
  readonly renew: () => Promise<void>
  readonly breakLease: () => Promise<void>
  readonly destroyLease: () => Promise<void>
}

export const held = (lease: O.Option<HeldLease>): HeldLease => {
  if (O.isNone(lease)) throw new Error('expected to get the lease')
  return lease.value
}

export const lost = E.left({ _tag: 'LeaseLost' })
/** The reason says for how long the process itself did nothing. */
export const lostAsleep = E.left({ _tag: 'LeaseLost', stoodStillS: 46 })
export const kept = E.right(undefined)

export const leaseContract = (name: string, arrange: () => Promise<LeasePlace>): void => {
  describe(`${name}: lease`, () => {
    it('is held by the first, and busy for the second: no error', async () => {
      const { open } = await arrange()
      const first = held(await succeed(open().acquire('run-1')))
      expect(await succeed(open().acquire('run-2'))).toEqual(O.none)
      expect(first.check()).toEqual(kept)
      await first.release()
    })

    it('can be had again after release', async () => {
      const { open } = await arrange()
      await held(await succeed(open().acquire('run-1'))).release()
      const second = held(await succeed(open().acquire('run-2')))
      expect(second.check()).toEqual(kept)
      await second.release()
    })

    it('is had by one of many that ask at once, also when nobody ever held it', async () => {
      const { open } = await arrange()
      const asked = await Promise.all(Array.from({ length: 8 }, (_, run) => succeed(open().acquire(`run-${run}`))))
      const holders = asked.filter(O.isSome)
      expect(holders).toHaveLength(1)
      await Promise.all(holders.map((holder) => holder.value.release()))
    })

    it('is lost once it is released', async () => {
      const { open } = await arrange()
      const lease = held(await succeed(open().acquire('run-1')))
      await lease.release()
      expect(lease.check()).toEqual(lost)
    })

    it('takes nothing from the next holder when it is released twice', async () => {
      const { open, renew } = await arrange()
      const first = held(await succeed(open().acquire('run-1')))
      await first.release()
      const second = held(await succeed(open().acquire('run-2')))
      await first.release()
      await renew()
      expect(second.check()).toEqual(kept)
      await second.release()
    })

    it('is kept as long as it is renewed', async () => {
      const { open, pass, renew } = await arrange()
      const lease = held(await succeed(open().acquire('run-1')))
      for (let tick = 0; tick < 20; tick++) {
        pass({ wall: 15_000, monotonic: 15_000 })
        await renew()
      }
      expect(lease.check()).toEqual(kept)
      await lease.release()
    })

    it('is lost with the next renewal when an operator breaks it', async () => {
      const { open, breakLease, pass, renew } = await arrange()
      const lease = held(await succeed(open().acquire('run-1')))
      await breakLease()
      pass({ wall: 15_000, monotonic: 15_000 })
      await renew()
      expect(lease.check()).toEqual(lost)
    })

    it('is asked for, and is lost at once when an operator broke it, or when the clocks have gone too far', async () => {
      const { open, breakLease, pass } = await arrange()
      const first = held(await succeed(open().acquire('run-1')))
      pass({ wall: 30_000, monotonic: 30_000 })
      expect(await first.confirm()()).toEqual(kept)
      pass({ wall: 30_000, monotonic: 30_000 })
      expect([first.check(), await first.confirm()()]).toEqual([kept, kept])
      await breakLease()
      expect([first.check(), await first.confirm()(), first.check()]).toEqual([kept, lost, lost])
      const second = held(await succeed(open().acquire('run-2')))
      pass({ wall: 46_000, monotonic: 46_000 })
      expect(await second.confirm()()).toEqual(lostAsleep)
      await second.release()
    })

    it('is lost with the next renewal when an operator deletes it', async () => {
      const { open, destroyLease, pass, renew } = await arrange()
      const lease = held(await succeed(open().acquire('run-1')))
      await destroyLease()
      pass({ wall: 15_000, monotonic: 15_000 })
      await renew()
      expect(lease.check()).toEqual(lost)
    })

    it('can be had again after an operator broke it, and stays lost for the first', async () => {
      const { open, breakLease, renew } = await arrange()
      const first = held(await succeed(open().acquire('run-1')))
      await breakLease()
      const second = held(await succeed(open().acquire('run-2')))
      await renew()
      expect([first.check(), second.check()]).toEqual([lost, kept])
      await first.release()
      await renew()
      expect(second.check()).toEqual(kept)
      await second.release()
    })

    it.each([
      ['a suspended machine, whose monotonic clock stood', { wall: 46_000, monotonic: 0 }],
      ['a wall clock that was set back', { wall: -3_600_000, monotonic: 46_000 }],
      ['a timer that was starved', { wall: 46_000, monotonic: 46_000 }],
    ])('is lost after %s', async (_, ms) => {
      const { open, pass } = await arrange()
      const lease = held(await succeed(open().acquire('run-1')))
      pass(ms)
      expect(lease.check()).toEqual(lostAsleep)
      await lease.release()
    })

    it('stays lost for a run that slept, even if the service would renew it', async () => {
      const { open, pass, renew } = await arrange()
      const lease = held(await succeed(open().acquire('run-1')))
      pass({ wall: 46_000, monotonic: 0 })
      await renew()
      expect(lease.check()).toEqual(lostAsleep)
      await lease.release()
    })

    it('is kept up to the limit', async () => {
      const { open, pass } = await arrange()
      const lease = held(await succeed(open().acquire('run-1')))
      pass({ wall: 45_000, monotonic: 45_000 })
      expect(lease.check()).toEqual(kept)
      await lease.release()
    })
  })
}
