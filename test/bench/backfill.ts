import { loadavg } from 'node:os'
import { type Size, fillPlain } from './backfill-archive'
import { type Say, tryChaos } from './backfill-chaos'
import { tryHapi } from './backfill-hapi'
import { begin, castFeed, progressOf, seconds, timeOfWorkers } from './backfill-processes'
import { type BackfillWorld, type Environment, calm, openBackfillWorld } from './backfill-world'

// What a backfill takes: many workers to one, and one to the feed's reader.

export interface Options {
  readonly only?: 'scaling' | 'reader'
  readonly chaos: boolean
  readonly hapi: boolean
  readonly full: boolean
  readonly studies?: number
  readonly images?: number
  readonly workers?: number
  readonly lanes?: number
  readonly seed?: number
}

export interface Row {
  readonly measure: string
  readonly goal: string
  readonly measured: string
  readonly isMet: boolean
}

const load = (): string => `load ${loadavg()[0]?.toFixed(1)}`

const limitMs = 3 * 60 * 60_000

/** One backfill into a FHIR server of its own: what begins it, and what the workers take. */
const backfill = async (
  world: BackfillWorld,
  { studies, images }: Size,
  { workers, lanes, atOnce = 1, reads }: { workers: number; lanes: number; atOnce?: number; reads?: number },
): Promise<{ readonly beginMs: number; readonly ms: number }> => {
  const installation = await world.install()
  const more: Environment = reads === undefined ? {} : { DicomCast__BackfillReads: String(reads) }
  const begun = performance.now()
  await begin(installation.environment, lanes)
  const beginMs = performance.now() - begun
  const environment = { ...installation.environment, ...more }
  const ms = await timeOfWorkers(world, { environment }, { workers, limitMs, atOnce })
  Object.assign(world.traffic, { ...calm(), latencyMs: 0 })
  const { state, ended, done } = await progressOf(installation.environment)
  await installation.close()
  const isWhole = state === 'over' && ended === 'Done' && done.studies === studies && done.images === studies * images
  if (!isWhole) throw new Error(`the backfill has not done all: ${JSON.stringify({ state, ended, done })}`)
  return { beginMs, ms }
}

const measureScaling = async ({ studies = 600, images = 4, workers = 8, lanes = 16 }: Options): Promise<Row> => {
  const world = await openBackfillWorld(0)
  try {
    fillPlain(world.dicom, { studies, images })
    const times: Array<number> = []
    for (const each of [workers, 1]) {
      world.traffic.latencyMs = 1_000
      console.log(
        `${studies} studies of ${images} images, 1 s a request, 4 reads at once, ${lanes} lanes, ${each} workers`,
      )
      const { beginMs, ms } = await backfill(world, { studies, images }, { workers: each, lanes })
      console.log(`  begun in ${seconds(beginMs)}; ${load()}`)
      times.push(ms)
    }
    const [many = NaN, one = NaN] = times
    return {
      measure: `${workers} workers to one; ${studies} studies of ${images} images, 1 s a request, 4 reads at once`,
      goal: '≥ 6 ×',
      measured: `${(one / many).toFixed(2)} × (${seconds(one)} to ${seconds(many)}; ${load()})`,
      isMet: one / many >= 6,
    }
  } finally {
    await world.close()
  }
}

const measureReader = async ({ studies = 2_000, images = 20, lanes = 16 }: Options): Promise<Row> => {
  const world = await openBackfillWorld(0)
  try {
    fillPlain(world.dicom, { studies, images })
    const latencyMs = 150
    world.traffic.latencyMs = latencyMs
    console.log(
      `${studies} studies of ${images} images, ${latencyMs} ms a request, 32 reads at once (16 parts of 2): one worker`,
    )
    const { beginMs, ms } = await backfill(world, { studies, images }, { workers: 1, lanes, atOnce: 16, reads: 2 })
    console.log(`  begun in ${seconds(beginMs)}; ${load()}\nthe feed's reader`)
    const reader = await world.install()
    world.traffic.latencyMs = latencyMs
    const begun = performance.now()
    await castFeed(reader)
    const feedMs = performance.now() - begun
    await reader.close()
    const ratio = (beginMs + ms) / feedMs
    return {
      measure: `one worker to the feed's reader; ${studies} studies of ${images} images, ${latencyMs} ms a request, 32 reads at once`,
      goal: '≤ 1.2 ×',
      measured: `${ratio.toFixed(2)} × (${seconds(beginMs)} to begin and ${seconds(ms)} to ${seconds(feedMs)}; ${load()})`,
      isMet: ratio <= 1.2,
    }
  } finally {
    await world.close()
  }
}

const measure = async (options: Options): Promise<boolean> => {
  const rows: Array<Row> = []
  if (options.only !== 'reader') rows.push(await measureScaling(options))
  if (options.only !== 'scaling') rows.push(await measureReader(options))
  console.log()
  for (const { measure: what, goal, measured, isMet } of rows) {
    console.log(`${isMet ? 'met' : 'NOT'} ${what}: ${measured} (goal ${goal})`)
  }
  return rows.every(({ isMet }) => isMet)
}

export const runBench = async (options: Options): Promise<boolean> => {
  // What is ended early takes its processes with it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const { chaos, hapi, full } = options
  const sized = full ? { ...options, studies: 5_000, images: 20 } : options
  if (!chaos && !hapi) return measure(sized)
  const claims: Array<{ readonly claim: string; readonly isSo: boolean }> = []
  const say: Say = (claim, isSo) => void claims.push({ claim, isSo })
  if (chaos) {
    const { studies = 1_000, images = 6, workers = 8, lanes = 8, seed = 1 } = sized
    await tryChaos({ studies, images }, { workers, lanes, seed }, say)
  }
  if (hapi) {
    const { studies = 1_000, images = 10, workers = 4, lanes = 8 } = sized
    await tryHapi({ studies, images }, { workers, lanes }, say)
  }
  console.log()
  for (const { claim, isSo } of claims) console.log(`${isSo ? 'so ' : 'NOT'} ${claim}`)
  return claims.every(({ isSo }) => isSo)
}
