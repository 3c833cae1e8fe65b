import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FhirResource } from 'fhir/r4'
import { differing } from '../support/fhir/end-state'
import { type Size, fillLively } from './backfill-archive'
import { type Victim, planBlows, strikeWith } from './backfill-blows'
import { type Started, begin, castFeed, progressOf, seconds, start, telling } from './backfill-processes'
import { type Installation, calm, openBackfillWorld } from './backfill-world'

// A backfill whose workers are killed and put to sleep, and whose services go away, beside a cast of the feed that nothing
// befalls.

export type Say = (claim: string, isSo: boolean) => void

/** Nobody else sees for so long what a worker has in hand; who sleeps does so for twice as long. */
const invisibleS = 6
const limitMs = 60 * 60_000

/** `child.kill` would have it down as killed. */
const signal = ({ pid, exitCode, signalCode }: ChildProcess, name: NodeJS.Signals): void => {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(pid, name)
}

/** A worker in each slot, another one whenever it ends, until one says that the backfill is over. */
const keepWorkers = (installation: Installation, slots: number) => {
  const more = {
    DICOMCAST_LOCAL_QUEUE_INVISIBLE_S: String(invisibleS),
    RetryConfiguration__TotalRetryDuration: '00:00:02',
  }
  const victims = new Map<number, Victim>()
  const [strange, dropped]: [Array<string>, { messages: number }] = [[], { messages: 0 }]
  let isOver = false
  const stand = ({ child }: Started): Victim => {
    let isAsleep = false
    return {
      child,
      isAsleep: () => isAsleep,
      sleep: () => {
        isAsleep = true
        signal(child, 'SIGSTOP')
        setTimeout(() => {
          isAsleep = false
          signal(child, 'SIGCONT')
        }, invisibleS * 2_000)
      },
    }
  }
  const keep = async (slot: number): Promise<void> => {
    while (!isOver) {
      const worker = start({ ...installation.through(slot), ...more }, 'work')
      victims.set(slot, stand(worker))
      const { code, stdout, stderr } = await worker.ended
      dropped.messages += stdout.split('\n').filter((line) => line === 'Dropped').length
      if (code === 0) isOver = true
      else if (!worker.child.killed) strange.push(`ended ${code}: ${stdout}${stderr}`)
      if (strange.length > 100) throw new Error(strange.at(-1))
    }
  }
  const all = Promise.all(Array.from({ length: slots }, (_, slot) => keep(slot)))
  const late = sleep(limitMs, undefined, { ref: false }).then(() => {
    isOver = true
    for (const { child } of victims.values()) child.kill('SIGKILL')
    throw new Error('the backfill does not end')
  })
  return { victims, strange, dropped, ended: Promise.race([all, late]) }
}

export const sayEqual = (
  say: Say,
  what: string,
  found: ReadonlyArray<FhirResource>,
  wanted: ReadonlyArray<FhirResource>,
): void => {
  const { lost, doubled, strange, different } = differing(found, wanted)
  for (const name of [...lost, ...doubled, ...strange, ...different].slice(0, 20)) console.log(`    ${name}`)
  say(
    `${what}: ${lost.length} lost, ${doubled.length} doubled, ${strange.length} not of the feed's cast, ${different.length} different`,
    lost.length + doubled.length + strange.length + different.length === 0,
  )
}

export const tryChaos = async (
  size: Size,
  { workers, lanes, seed }: { readonly workers: number; readonly lanes: number; readonly seed: number },
  say: Say,
): Promise<void> => {
  const world = await openBackfillWorld(workers)
  try {
    fillLively(world.dicom, size)
    const reference = await world.install()
    await castFeed(reference)
    const wanted = await reference.resources()
    console.log(`${size.studies} studies of ${size.images} images; ${wanted.length} resources by the feed's cast`)

    const installation = await world.install()
    await begin(installation.environment, lanes)
    const kept = keepWorkers(installation, workers)
    const begun = Date.now()
    const { struck, left, reads } = strikeWith(
      world.traffic,
      planBlows(seed, size.studies),
      (slot) => kept.victims.get(slot),
      (line) => console.log(`  ${seconds(Date.now() - begun)}, after ${reads()} reads of studies: ${line}`),
    )
    const silent = telling(() => `${reads()} reads of studies; ${JSON.stringify(struck)}`)
    await kept.ended
    silent()
    Object.assign(world.traffic, calm())
    const { kills, sleeps, outages, dropped } = struck
    console.log(
      `  over after ${seconds(Date.now() - begun)}; ${kept.dropped.messages} messages dropped by whoever came second`,
    )
    say(
      `killed ${kills}, slept past the invisibility ${sleeps}, ${outages} outages with ${dropped} requests in vain (seed ${seed})`,
      left().length === 0 && kills >= 20,
    )
    for (const blow of left()) console.log(`    did not fall: ${JSON.stringify(blow)}`)
    for (const text of kept.strange.slice(0, 5)) console.log(`    ${text}`)
    say(`${kept.strange.length} workers ended otherwise`, kept.strange.length === 0)
    const { state, ended, done, leftOver } = await progressOf(installation.environment)
    const failed = done.failed + leftOver.failed
    say(
      `the backfill is ${state}, ${ended}, ${failed} studies failed`,
      state === 'over' && ended === 'Done' && failed === 0,
    )
    sayEqual(say, 'FHIR', await installation.resources(), wanted)
    const { entries } = await castFeed(installation)
    say(`the feed goes on from its head: ${entries} entries to cast`, entries === 0)
    await Promise.all([installation.close(), reference.close()])
  } finally {
    await world.close()
  }
}
