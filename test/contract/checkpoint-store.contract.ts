import { describe, expect, it } from '@jest/globals'
import * as O from 'fp-ts/Option'
import type { CheckpointStore, StoredCheckpoint } from '../../lib/app/ports'
import { maxHoles, newCheckpoint, type Checkpoint } from '../../lib/domain/checkpoint'
import { fail, succeed } from './storage-results'

/** What was written, and when: only the storage account knows that. */
export const readBack = (written: StoredCheckpoint): unknown => O.some({ ...written, writtenAt: expect.any(Number) })

/** `arrange` makes an empty place; each `open` is a writer of its own there, as of another process. */
export const checkpointStoreContract = (
  name: string,
  arrange: () => Promise<{ readonly open: () => CheckpointStore }>,
): void => {
  const nothing: StoredCheckpoint = { checkpoint: newCheckpoint(0), etag: undefined }

  const full: Checkpoint = {
    syncedSequence: Number.MAX_SAFE_INTEGER,
    timestamp: '2024-02-29T23:59:59.1234567Z',
    sopInstanceUid: '1.2.840.113619.2.1',
    holes: [{ from: 3, to: 5, seenAt: 1_700_000_000_123 }],
    before: { sequence: 41, timestamp: '2024-02-29T23:59:58.1234567Z', sopInstanceUid: '1.2.840.113619.2.0' },
    heads: [{ sequence: 4_711, seenAt: 1_700_000_000_321 }],
    hangs: [{ from: 150, to: 150, tries: 2 }],
    logRows: [{ sequence: 41, id: '03bc169b-68861769', date: '20261128T141011' }],
    walked: { to: 5_000_000, seenAt: 1_700_000_000_789 },
    stuckSince: 1_700_000_000_456,
    batchLimit: 125,
    rejectedStudies: ['ab12', 'cd34'],
  }

  describe(`${name}: checkpoint store`, () => {
    it('has none at first', async () => {
      const { open } = await arrange()
      expect(await succeed(open().read())).toEqual(O.none)
    })

    it('gives back every part of what was written', async () => {
      const { open } = await arrange()
      const written = await succeed(open().write(nothing, full))
      expect(written.checkpoint).toEqual(full)
      expect(await succeed(open().read())).toEqual(readBack(written))
    })

    it('gives back as unknown what was not known: when a hole was seen, and what the row before says of itself', async () => {
      const { open } = await arrange()
      const unknown: Checkpoint = { ...newCheckpoint(9), holes: [{ from: 3, to: 5 }], before: { sequence: 8 } }
      await succeed(open().write(nothing, unknown))
      expect(O.toUndefined(await succeed(open().read()))?.checkpoint).toEqual(unknown)
    })

    it('forgets what the next checkpoint does not have', async () => {
      const { open } = await arrange()
      const store = open()
      const first = await succeed(store.write(nothing, full))
      const second = await succeed(store.write(first, newCheckpoint(9)))
      expect(await succeed(open().read())).toEqual(readBack({ checkpoint: newCheckpoint(9), etag: second.etag }))
    })

    it('holds as many holes as there may be', async () => {
      const { open } = await arrange()
      const holes = Array.from({ length: maxHoles }, (_, index) => ({
        from: Number.MAX_SAFE_INTEGER - 1_000 + index,
        to: Number.MAX_SAFE_INTEGER - 1_000 + index,
        seenAt: 9_999_999_999_999,
      }))
      const checkpoint = { ...newCheckpoint(Number.MAX_SAFE_INTEGER), holes }
      await succeed(open().write(nothing, checkpoint))
      expect(O.toUndefined(await succeed(open().read()))?.checkpoint).toEqual(checkpoint)
    })

    it('lets one of two writers begin', async () => {
      const { open } = await arrange()
      await succeed(open().write(nothing, newCheckpoint(1)))
      expect(await fail(open().write(nothing, newCheckpoint(1)))).toEqual({ _tag: 'CheckpointMoved' })
    })

    it('refuses the later of two writers that read the same, even when both write the same', async () => {
      const { open } = await arrange()
      const [one, other] = [open(), open()]
      const read = await succeed(one.write(nothing, newCheckpoint(1)))
      const moved = await succeed(one.write(read, newCheckpoint(2)))
      expect(await fail(other.write(read, newCheckpoint(2)))).toEqual({ _tag: 'CheckpointMoved' })
      expect(await succeed(open().read())).toEqual(readBack(moved))
    })

    it('refuses the later of two runs of one process that read the same and write the same', async () => {
      const { open } = await arrange()
      const store = open()
      await succeed(store.write(nothing, newCheckpoint(1)))
      const reads = [await succeed(store.read()), await succeed(store.read())].map((read) => O.toUndefined(read))
      const [one, other] = reads
      if (one === undefined || other === undefined) throw new Error('it was written')
      const moved = await succeed(store.write(one, newCheckpoint(1)))
      expect(await fail(store.write(other, newCheckpoint(1)))).toEqual({ _tag: 'CheckpointMoved' })
      expect(await succeed(open().read())).toEqual(readBack(moved))
    })

    it('refuses a writer that has itself moved on', async () => {
      const { open } = await arrange()
      const store = open()
      const read = await succeed(store.write(nothing, newCheckpoint(1)))
      const moved = await succeed(store.write(read, { ...newCheckpoint(2), batchLimit: 500 }))
      expect(await fail(store.write(read, newCheckpoint(2)))).toEqual({ _tag: 'CheckpointMoved' })
      expect(await succeed(open().read())).toEqual(readBack(moved))
    })

    it('never goes back for a writer that slept', async () => {
      const { open } = await arrange()
      const [sleeper, other] = [open(), open()]
      const read = await succeed(sleeper.write(nothing, newCheckpoint(1)))
      const moved = await succeed(other.write(read, newCheckpoint(50)))
      expect(await fail(sleeper.write(read, newCheckpoint(2)))).toEqual({ _tag: 'CheckpointMoved' })
      expect(await succeed(open().read())).toEqual(readBack(moved))
    })
  })
}
