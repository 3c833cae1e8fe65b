import type { EndedProcess } from './cast-process'
import { type Passing, passAll } from './gate'
import type { Kind } from './request-kinds'
import type { ProcessWorld } from './world'

/** The n-th request of a kind, before the service knows of it, or after it has done it and nobody heard. */
export interface KillPoint {
  readonly kind: Kind
  readonly nth: number
  readonly when: 'before' | 'after'
}

export const textOf = ({ kind, nth, when }: KillPoint): string => `${when} ${kind} ${nth}`

/** Kills the app with SIGKILL at this point, and tells how it ended. Nothing that it had under way passes any more. */
export const killAt = async (world: ProcessWorld, point: KillPoint): Promise<EndedProcess> => {
  let [seen, killed] = [0, false]
  // Some are under way at once: each keeps its number.
  const numbers = new Map<Passing, number>()
  const kill = async (): Promise<boolean> => {
    killed = true
    process.child.kill('SIGKILL')
    await process.ended
    return false
  }
  const isIt = (when: KillPoint['when'], request: Passing): boolean =>
    !killed && when === point.when && numbers.get(request) === point.nth
  world.gates.watch({
    before: async (request) => {
      if (request.kind === point.kind) numbers.set(request, ++seen)
      return isIt('before', request) ? kill() : !killed
    },
    after: async (request) => (isIt('after', request) ? kill() : !killed),
  })
  const process = world.start('--until-caught-up')
  const ended = await process.ended
  world.gates.watch(passAll)
  return ended
}

/** The requests that an undisturbed run makes, in order. */
export const requestsOf = async (world: ProcessWorld, run: () => Promise<unknown>): Promise<ReadonlyArray<Kind>> => {
  const requests: Kind[] = []
  world.gates.watch({
    before: ({ kind }) => {
      requests.push(kind)
      return Promise.resolve(true)
    },
    after: () => Promise.resolve(true),
  })
  await run()
  world.gates.watch(passAll)
  return requests
}
