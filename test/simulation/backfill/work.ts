import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { advance } from '../../../lib/app/backfill/advance'
import { workPart } from '../../../lib/app/backfill/work'
import type { CastSettings } from '../../../lib/app/context'
import type { BackfillMessage } from '../../../lib/app/ports-backfill'
import { isOver } from '../../../lib/domain/backfill/backfill'
import type { BackfillPorts } from '../../../lib/app/ports-backfill-store'
import type { RunOptions } from '../../../lib/app/run/run-cast'
import { operatorPortsOf } from '../operators'
import { type Process, newProcess } from '../process'
import { type Services, settingsToday } from '../runs'
import type { World } from '../world'
import { backfillQueueFor, isAnyVisible } from './queue'
import { backfillRowsFor } from './rows'
import type { BackfillSide } from './side'
import { partitionsOf, studyListFor } from './study-list'

/** A backfill among these services, and who works on it. */
export interface Stage {
  readonly world: World
  readonly services: Services
  readonly side: BackfillSide
  readonly settings: CastSettings
  /** Somebody else does something in the archive, to this study if it can be; a worker stands still meanwhile. */
  readonly meddle?: (study: string | undefined) => void
}

export const backfillPortsOf = ({ world, services, side }: Stage, process: Process): BackfillPorts => {
  const ports = operatorPortsOf(world, services, process)
  return {
    ...ports,
    studyIndex: { ...ports.studyIndex, partitions: () => async () => E.right(partitionsOf(services.feed)) },
    backfills: backfillRowsFor(world, side, process),
    studyList: studyListFor(world, side, services.feed, process),
    backfillQueue: backfillQueueFor(world, side, process),
  }
}

const optionsOf = ({ random }: World, budgetMs: number): RunOptions => ({
  ...{ runId: random.uuid(), budgetMs, stopping: () => false },
})

interface TakenMessage {
  readonly message: BackfillMessage
  readonly dequeueCount: number
}

/** As the composition's: true when the message is done with. */
const takeMessage = async (
  stage: Stage,
  process: Process,
  { message, dequeueCount }: TakenMessage,
): Promise<boolean> => {
  const { world, services, side } = stage
  const ports = backfillPortsOf(stage, process)
  const settings = settingsToday(stage.settings, services)
  const options = optionsOf(world, side.budgetMs)
  const { backfillId, lane, part } = message
  if (lane !== undefined && part !== undefined) {
    const worked = await workPart(ports, settings, options, { backfillId, lane, part })
    world.say(() => `${process.name} part ${lane}/${part}: ${JSON.stringify(worked).slice(0, 400)}`)
    return E.isRight(worked)
  }
  const row = await ports.backfills.read()()
  if (E.isLeft(row)) return false
  if (O.isNone(row.right) || row.right.value.id !== backfillId || isOver(row.right.value)) return true
  const deadline = ports.clock.now() + options.budgetMs
  const advanced = await advance(ports, settings, options)
  world.say(() => `${process.name} advanced: ${JSON.stringify(advanced).slice(0, 400)}`)
  const isBusy = E.isLeft(advanced) && advanced.left._tag === 'LeaseHeld'
  if (E.isLeft(advanced) && !isBusy) return false
  const isCut = E.isRight(advanced) && advanced.right.trouble === undefined && ports.clock.now() >= deadline
  if ((isBusy && dequeueCount > 1) || (!isBusy && !isCut)) return true
  return E.isRight(await ports.backfillQueue.send({ backfillId }, isBusy ? 10 : 0)())
}

/** What the timer does behind its cast. The gate alone does not tell it: whoever has opened it may have died behind that. */
export const tick = async (stage: Stage, process: Process, isClosed: boolean): Promise<void> => {
  const { world, services, settings, side } = stage
  const ports = backfillPortsOf(stage, process)
  if (!isClosed) {
    const row = await ports.backfills.read()()
    if (E.isLeft(row) || O.isNone(row.right) || isOver(row.right.value)) return
  }
  process.backfills = true
  const advanced = await advance(ports, settingsToday(settings, services), optionsOf(world, side.budgetMs))
  process.backfills = false
  world.say(() => `${process.name} ticks: ${JSON.stringify(advanced).slice(0, 400)}`)
}

const mostDequeues = 5
const afterFailureMs = 30_000

/** One message, as the queue trigger hands it over, if one can be seen. */
const takeOne = async (stage: Stage, process: Process): Promise<void> => {
  const { world, side } = stage
  const received = await backfillQueueFor(world, side, process).receive(0)()
  if (E.isLeft(received) || O.isNone(received.right)) return
  const { message, renew, complete, dequeueCount } = received.right.value
  if (message === undefined) return
  const renewing = (): void => {
    if (!process.alive) return
    // A process that stands still renews nothing.
    if (process.pausedUntil <= world.scheduler.now()) void renew()()
    world.scheduler.after(side.invisibleMs / 2, renewing)
  }
  world.scheduler.after(side.invisibleMs / 2, renewing)
  const isDone = await takeMessage(stage, process, { message, dequeueCount })
  const own = side.queue.find((each) => each.message === message)
  if (isDone || dequeueCount >= mostDequeues) await complete()()
  else if (own !== undefined) own.visibleAt = Math.min(own.visibleAt, world.scheduler.now() + afterFailureMs)
}

/** The process that has it until it ends. */
export const startWorker = (stage: Stage, name: string, isSafe = false, process = newProcess(name)): Process => {
  const { world, services, side } = stage
  Object.assign(process, { safe: isSafe, sleepsUpToMs: side.sleepsUpToMs, backfills: true })
  process.onPause.push((where) => {
    if (/dicom\.study |transact/.test(where)) stage.meddle?.(/1\.2\.\d+/.exec(where)?.[0])
  })
  takeOne(stage, process).then(
    () => {
      process.alive = false
      services.lease.believers.delete(process)
    },
    (error: unknown) => {
      process.alive = false
      world.violate(`${name} threw ${error instanceof Error ? error.stack : String(error)}`)
    },
  )
  return process
}

/** So many at a time take what can be seen, until `isOver`. */
export const startWorkers = (stage: Stage, count: number, isOver: () => boolean): { readonly busy: () => boolean } => {
  const { world, side } = stage
  const random = world.random.fork('workers')
  const working = new Set<Process>()
  for (let number = 1; number <= count; number++) {
    let [current, taken]: [Process | undefined, number] = [undefined, 0]
    const skewMs = world.faults.has('host: its clock is off') ? random.between(-300_000, 300_000) : 0
    const look = (): void => {
      if (isOver()) return
      if (current?.alive !== true && isAnyVisible(side, world.scheduler.now())) {
        current = startWorker(stage, `W${number}.${++taken}`)
        current.skewMs = skewMs
        working.add(current)
      }
      world.scheduler.after(random.between(100, 3_000), look)
    }
    look()
  }
  return { busy: () => [...working].some(({ alive }) => alive) }
}

/** Nothing disturbs them, one after the other, until nothing can be seen. */
export const workQuietly = async (stage: Stage, count: number): Promise<void> => {
  const { world, side } = stage
  const { scheduler, violations } = world
  for (let number = 1; isAnyVisible(side, scheduler.now()) && violations.length === 0; number++) {
    if (number > 200) return world.violate('the queue of the backfill does not become empty')
    const process = startWorker(stage, `quiet${count}.${number}`, true)
    await scheduler.run(() => !process.alive || violations.length > 0, scheduler.now() + 3_600_000)
    if (process.alive && violations.length === 0) return world.violate(`${process.name} does not end`)
  }
}
