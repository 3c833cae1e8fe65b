import type { ChildProcess } from 'node:child_process'
import { randomFrom } from '../simulation/random'
import { type Passing, type Service, type Traffic, isStudyRead } from './backfill-world'

// What befalls the processes of a backfill: each blow at its moment, told by how far the backfill is and not by a clock.

type Strike =
  /** Before a request of its own is carried out, or when it is and nobody heard. */
  | { readonly _tag: 'Kill'; readonly when: 'before' | 'after' }
  /** For longer than what it has in hand is its own. */
  | { readonly _tag: 'Sleep' }

export type Blow =
  /** So many requests after whoever makes that read of a study. */
  | { readonly _tag: 'OfReader'; readonly atRead: number; readonly further: number; readonly strike: Strike }
  /** Whoever writes that the backfill has come so far. */
  | { readonly _tag: 'OfWriter'; readonly state: string; readonly strike: Strike }
  | { readonly _tag: 'Outage'; readonly atRead: number; readonly service: Service }

const [kills, sleeps] = [16, 5]

/** Twenty are killed: some of them while it is listed, closed and opened. The same seed, the same moments. */
export const planBlows = (seed: number, studies: number): ReadonlyArray<Blow> => {
  const random = randomFrom(`backfill ${seed}`)
  const when = () => random.pick(['before', 'after'] as const)
  const strikes: ReadonlyArray<Strike | Service> = [
    ...Array.from({ length: kills }, (): Strike => ({ _tag: 'Kill', when: when() })),
    ...Array.from({ length: sleeps }, (): Strike => ({ _tag: 'Sleep' })),
    ...(['fhir', 'storage'] as const),
  ]
  const shuffled = strikes
    .map((strike) => ({ strike, place: random.fraction() }))
    .toSorted((left, right) => left.place - right.place)
  const step = (studies * 0.8) / strikes.length
  const ofReads = shuffled.map(({ strike }, index): Blow => {
    const atRead = Math.ceil(step * (index + random.fraction()))
    return typeof strike === 'string'
      ? { _tag: 'Outage', atRead, service: strike }
      : { _tag: 'OfReader', atRead, further: random.between(0, 30), strike }
  })
  const ofWriters = ['listing', 'working', 'closing', 'opening'].map((state): Blow => ({
    ...{ _tag: 'OfWriter', state, strike: { _tag: 'Kill', when: when() } },
  }))
  return [...ofWriters, ...ofReads]
}

export interface Victim {
  readonly child: ChildProcess
  readonly isAsleep: () => boolean
  readonly sleep: () => void
}

export interface Struck {
  kills: number
  sleeps: number
  outages: number
  dropped: number
}

/** An outage ends when so many requests were in vain. */
const outageRequests = 40
/** Or when all that would ask wait for longer than this, ms. */
const outageMs = 20_000

class Dropped extends Error {}

/** Lets the blows fall while requests pass. */
export const strikeWith = (
  traffic: Traffic,
  blows: ReadonlyArray<Blow>,
  victimIn: (slot: number) => Victim | undefined,
  say: (line: string) => void,
): { readonly struck: Struck; readonly left: () => ReadonlyArray<Blow>; readonly reads: () => number } => {
  const struck: Struck = { kills: 0, sleeps: 0, outages: 0, dropped: 0 }
  const left = new Set(blows)
  const armed = new Map<number, { readonly blow: Blow; readonly strike: Strike; further: number }>()
  const doomed = new Map<Passing['headers'], Blow>()
  const down = new Map<Service, { requests: number; readonly until: number }>()
  let reads = 0

  const strike = (request: Passing, blow: Blow, how: Strike): void => {
    const victim = victimIn(request.slot ?? -1)
    // What its predecessor has asked may still be on its way; and one blow at a time.
    if (victim === undefined || victim.isAsleep() || victim.child.killed || doomed.has(request.headers)) return
    left.delete(blow)
    if (how._tag === 'Sleep') {
      struck.sleeps += 1
      say(`worker ${request.slot} sleeps`)
      return victim.sleep()
    }
    if (how.when === 'after') return void doomed.set(request.headers, blow)
    kill(request, victim)
    throw new Dropped()
  }
  const kill = ({ slot, method, path }: Passing, { child }: Victim): void => {
    struck.kills += 1
    child.kill('SIGKILL')
    say(`worker ${slot} is killed at ${method} ${path.replace(/\?.*/, '').slice(0, 100)}`)
  }
  const arm = (request: Passing): void => {
    reads += 1
    for (const blow of left) {
      if (blow._tag === 'OfWriter' || blow.atRead > reads) continue
      if (blow._tag === 'Outage') {
        left.delete(blow)
        struck.outages += 1
        say(`${blow.service} is down`)
        down.set(blow.service, { requests: outageRequests, until: Date.now() + outageMs })
      } else if (request.slot !== undefined && !armed.has(request.slot) && !isArmed(blow)) {
        armed.set(request.slot, { blow, strike: blow.strike, further: blow.further })
      }
    }
  }
  const isArmed = (blow: Blow): boolean => [...armed.values()].some((each) => each.blow === blow)
  const drop = ({ service }: Passing): void => {
    const outage = down.get(service)
    if (outage === undefined) return
    outage.requests -= 1
    if (outage.requests < 0 || Date.now() > outage.until) {
      down.delete(service)
      return say(`${service} is there again`)
    }
    struck.dropped += 1
    throw new Dropped()
  }
  traffic.seen = (request) => {
    drop(request)
    if (isStudyRead(request)) arm(request)
    if (request.slot === undefined) return
    const next = armed.get(request.slot)
    if (next !== undefined && next.further-- <= 0) {
      armed.delete(request.slot)
      strike(request, next.blow, next.strike)
    }
    if (!request.path.includes('BackfillTable')) return
    const text = request.body.toString()
    for (const blow of left) {
      if (blow._tag === 'OfWriter' && text.includes(`\\"state\\":\\"${blow.state}\\"`))
        strike(request, blow, blow.strike)
    }
  }
  traffic.answered = (request) => {
    const blow = doomed.get(request.headers)
    const victim = victimIn(request.slot ?? -1)
    if (blow === undefined || victim === undefined) return
    doomed.delete(request.headers)
    // Another blow was faster.
    if (victim.child.killed) left.add(blow)
    else kill(request, victim)
    throw new Dropped()
  }
  return { struck, left: () => [...left], reads: () => reads }
}
