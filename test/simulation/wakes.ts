import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { CastSettings } from '../../lib/app/context'
import type { WakeRow, WakeStore } from '../../lib/app/ports-wake'
import { runCast } from '../../lib/app/run/run-cast'
import { runTold, tell } from '../../lib/app/wake'
import type { Tags } from './feed-model'
import { issued } from './original'
import { type Process, newProcess, request } from './process'
import { type Services, portsOf, settingsToday } from './runs'
import type { World } from './world'

/** The row as storage keeps it. */
interface Row {
  current: (WakeRow & { readonly etag: string }) | undefined
}

const wakeStoreFor = (world: World, row: Row, process: Process): WakeStore => ({
  read: () => () => request(world, process, 'wake.read', () => E.right(O.fromNullable(row.current))),
  write: (next, etag) => () =>
    request(world, process, `wake.write ${next.sequence}`, () => {
      if (row.current?.etag !== etag) return E.left({ _tag: 'CheckpointMoved' as const })
      row.current = { ...next, etag: `w${Number(row.current?.etag.slice(1) ?? 0) + 1}` }
      return E.right(undefined)
    }),
})

const healthy = (number: number): Tags => ({
  ...{ patientId: 'P9', family: 'Family P9', birthDate: '19700101', given: 'Zoe', description: 'healthy' },
  ...{ accession: undefined, seriesDescription: undefined, modality: 'CT', number },
  sopClass: '1.2.840.10008.5.1.4.1.1.2',
})

const images = 12
const forged = [1, 1_000_000, Number.MAX_SAFE_INTEGER]

/**
 * Images come, in holes and late, and nobody but their events starts a run: at any time, before a run, during and between
 * runs, late, twice and forged. When all is still, each number that was told is settled.
 */
export const playWakes = async (world: World, services: Services, settings: CastSettings): Promise<void> => {
  const { scheduler } = world
  const { storage, lease } = services
  const feed = issued(world, services.feed)
  const random = world.random.fork('wakes')
  const row: Row = { current: undefined }
  const told = new Set<number>()
  let [coming, awake, count] = [0, 0, 0]

  const wake = async (sequence: number): Promise<void> => {
    const process = newProcess(`wake${++count}`)
    process.safe = true
    const ports = { ...portsOf(world, services, process), wake: wakeStoreFor(world, row, process) }
    // One that could not be written down is lost, as one that never came.
    if (await tell(ports.wake, ports.clock, sequence)) told.add(sequence)
    const once = () =>
      runCast(
        ports,
        { ...settingsToday(settings, services), maxBatches: 0 },
        {
          ...{ runId: world.random.uuid(), budgetMs: 240_000, stopping: () => false },
        },
      )
    const first = await once()
    await runTold(ports.wake, first, once)
    lease.believers.delete(process)
    process.alive = false
  }
  const later = (ms: number, what: () => void | Promise<void>): void => {
    coming += 1
    scheduler.after(ms, () => {
      coming -= 1
      awake += 1
      void Promise.resolve(what()).finally(() => (awake -= 1))
    })
  }

  for (let number = 1; number <= images; number++) {
    const uid = `1.2.99.3.${number}`
    const image = feed.image(
      { partition: 'Microsoft.Default', study: '1.2.99', series: '1.2.99.3', instance: uid },
      false,
    )
    const commitMs = random.chance(0.5) ? 0 : random.between(20, 1_500)
    later(random.between(0, 3_000), () => {
      if (random.chance(0.2)) feed.skip(random.between(1, 2))
      feed.begin([{ image, action: 'Create', tags: healthy(number), poison: false }], 0, commitMs, false)
      for (let times = random.pick([1, 1, 2]); times > 0; times--) {
        later(commitMs + random.between(1, 800), () => wake(image.rows[0]?.sequence ?? 0))
      }
    })
  }
  for (const number of forged) if (random.chance(0.3)) later(random.between(0, 4_000), () => wake(number))

  await scheduler.run(() => (coming === 0 && awake === 0) || world.violations.length > 0, scheduler.now() + 3_600_000)
  if (coming + awake > 0) return world.violate('wakes have no end')
  const { syncedSequence = 0, holes = [] } = storage.checkpoint?.checkpoint ?? {}
  for (const sequence of told) {
    const isRow = feed.rows.some((each) => each.sequence === sequence)
    const isOpen = sequence > syncedSequence || holes.some(({ from, to }) => from <= sequence && sequence <= to)
    if (isRow && isOpen) world.violate(`${sequence} was told, and no run has looked for it since`)
  }
}
