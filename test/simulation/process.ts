import type { World } from './world'

/** One run of the app, in a process that can be stopped or killed wherever it waits. */
export interface Process {
  readonly name: string
  alive: boolean
  /** It ended in the middle of something. */
  killed: boolean
  pausedUntil: number
  /** A transaction of this run was rejected, so it is being taken apart. */
  splitting: boolean
  /** A checkpoint of this run is on its way, and it does not know yet what became of it. */
  checkpointing: boolean
  /** A person's, who may move the checkpoint. */
  operates: boolean
  /** It may write nothing. */
  looks: boolean
  /** Nothing happens to it. */
  safe: boolean
  /** It works on a backfill. */
  backfills: boolean
  /** Where it is stopped, for so long at the most. */
  sleepsUpToMs: number
  /** How far the clock of its host is off, ms. */
  skewMs: number
  /** Sent to FHIR; and how many of them are on their way. */
  transactions: number
  writing: number
  /** Of a story: whether it stands still here, and until when. */
  standsAt?: (where: string) => Promise<void> | undefined
  /** It stands still until then. */
  standing?: Promise<void> | undefined
  /** What it waits for, for the history. */
  readonly onPause: Array<(where: string) => void>
  readonly onKill: Array<() => void>
}

export const newProcess = (name: string): Process => ({
  name,
  alive: true,
  killed: false,
  pausedUntil: 0,
  splitting: false,
  checkpointing: false,
  operates: false,
  looks: false,
  safe: false,
  backfills: false,
  sleepsUpToMs: 400_000,
  skewMs: 0,
  transactions: 0,
  writing: 0,
  onPause: [],
  onKill: [],
})

/** Where a stop or an end hurts most. */
const dangerous = /transact|record|remove|checkpoint\.write/
const dangerousToBackfills = /dicom\.stud|backfill\.write|queue|gate\.write/

const kill = ({ say }: World, process: Process, where: string): void => {
  process.alive = false
  process.killed = true
  say(() => `${process.name} ✗ killed at ${where}`)
  for (const listener of process.onKill) listener()
}

const stop = ({ scheduler, say }: World, process: Process, where: string, ms: number): void => {
  process.pausedUntil = scheduler.now() + ms
  say(() => `${process.name} ⏸ stopped for ${Math.round(ms / 1000)} s at ${where}`)
  for (const listener of process.onPause) listener(where)
}

const troubled = (world: World, process: Process, where: string): void => {
  const { faults, random, scheduler, at } = world
  world.steps += 1
  if (at?.step === world.steps && at.what === 'kill' && !process.safe) return kill(world, process, where)
  if (at?.step === world.steps) return stop(world, process, where, 100_000)
  if (process.safe) return
  const isDangerous = dangerous.test(where) || (process.backfills && dangerousToBackfills.test(where))
  const times = isDangerous ? 8 : 1
  if (faults.strikes('run: crash', process.splitting ? 3 * times : times)) {
    if (process.splitting) faults.meet('split × crash')
    return kill(world, process, where)
  }
  if (process.pausedUntil <= scheduler.now() && faults.strikes('run: pause', times)) {
    stop(world, process, where, random.between(20_000, process.sleepsUpToMs))
  }
}

/** Waits. A process that was killed waits for ever; one that was stopped goes on when it is woken. */
export const pass = (world: World, process: Process, ms: number, where: string): Promise<void> =>
  new Promise((resolve) => {
    if (!process.alive) return
    troubled(world, process, where)
    const { scheduler } = world
    process.standing ??= process.standsAt?.(where)
    const wake = (): void => {
      if (!process.alive) return
      if (process.standing !== undefined) void process.standing.then(wake)
      else if (process.pausedUntil > scheduler.now()) scheduler.after(process.pausedUntil - scheduler.now(), wake)
      else resolve()
    }
    scheduler.after(ms, wake)
  })

/** A request: on its way, at the server, on its way back. */
export const request = async <A>(
  world: World,
  process: Process,
  label: string,
  serve: () => A | Promise<A>,
  describe?: (answer: A) => string,
): Promise<A> => {
  const { random, say } = world
  await pass(world, process, random.between(1, 30), `→ ${label}`)
  const answer = await serve()
  say(() => `${process.name} ${label}${describe === undefined ? '' : ` = ${describe(answer)}`}`)
  await pass(world, process, random.between(1, 30), `← ${label}`)
  return answer
}
