import type { CastSettings } from '../../lib/app/context'
import { type Running, type Services, startRun } from './runs'
import type { World } from './world'

/**
 * The DICOM service is restored from a backup, and grows past the checkpoint again with other images under the same
 * numbers. Both times a run must stop with an alarm and touch nothing.
 */
export const checkRestoredFeed = async (
  world: World,
  { feed, fhir, storage, ...services }: Services,
  settings: CastSettings,
  runs: Array<Running>,
): Promise<void> => {
  const { scheduler, violate } = world
  const synced = storage.checkpoint?.checkpoint.syncedSequence ?? 0
  const middle = feed.rows[Math.floor(feed.rows.length / 2) - 1]?.sequence ?? 0
  if (middle === 0 || middle >= synced) return
  const meets = async (what: string): Promise<void> => {
    const [etag, writes] = [storage.checkpoint?.etag, fhir.store.writes()]
    const running = startRun(world, { feed, fhir, storage, ...services }, settings, what, 240_000)
    runs.push(running)
    await scheduler.run(() => !running.process.alive, scheduler.now() + 3_600_000)
    if (running.summary?.ended !== 'FeedReset') violate(`${what}: ended ${running.summary?.ended}`)
    if (storage.checkpoint?.etag !== etag) violate(`${what}: the checkpoint was written`)
    if (fhir.store.writes() !== writes) violate(`${what}: FHIR was written`)
  }
  const there = feed.rows.find(({ sequence }) => sequence === synced)?.image
  feed.restore(middle)
  await meets('a feed below the checkpoint')
  feed.skip(synced - middle - 1)
  for (const number of [1, 2, 3]) {
    const other = {
      partition: 'Microsoft.Default',
      study: '1.2.77',
      series: '1.2.77.1',
      instance: `1.2.77.1.${number}`,
    }
    // The very instance that was there may have got the very number again: then only its time is another.
    const isAgain = number === 1 && there !== undefined && !there.oversized && world.seed % 2 === 0
    const key = isAgain ? there.key : other
    const tags = {
      patientId: 'P9',
      family: 'Family P9',
      given: 'Zoe',
      description: undefined,
      accession: undefined,
      seriesDescription: undefined,
      modality: 'CT',
      number,
      sopClass: '1.2.840.10008.5.1.4.1.1.2',
    }
    feed.begin([{ image: feed.image(key, false), action: 'Create', tags, poison: false }], 0, 0, false)
  }
  await scheduler.run(() => feed.open() === 0)
  await meets('a feed that has grown past the checkpoint')
}
