import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { advance } from '../../../lib/app/backfill/advance'
import { cancelBackfill, startBackfill } from '../../../lib/app/backfill/start'
import { workPart } from '../../../lib/app/backfill/work'
import type { CastSettings } from '../../../lib/app/context'
import type { HeldLease, Lease } from '../../../lib/app/ports'
import type { BackfillMessage, BackfillQueue } from '../../../lib/app/ports-backfill'
import type { BackfillPorts } from '../../../lib/app/ports-backfill-store'
import type { ServiceError } from '../../../lib/domain/cast-error'

// Processes of a backfill that die, or sleep, at any of their requests; the rest is real.

export class Killed extends Error {}

/** What befalls a process at its n-th request, or the first of that name: it is not sent, or its answer is not heard, or it is sent much later. */
export interface Fate {
  readonly at: number | string
  readonly kind: 'diesBefore' | 'diesAfter' | 'sleeps'
  /** Of a sleep: so many messages or ticks of others. */
  readonly steps?: number
  /** Of a sleep: nobody else takes what it has in hand, since somebody cancels the backfill. */
  readonly isCancelled?: boolean
}

export interface Fateful {
  readonly ports: BackfillPorts
  readonly requests: () => number
  /** Whoever sleeps goes on. */
  readonly wake: () => void
  readonly isAsleep: () => boolean
}

const asked = ['dicom', 'fhir', 'checkpoints', 'errors', 'gate', 'names', 'accepted', 'backfills'] as const
const alsoAsked = ['studyList', 'studyIndex', 'heldStudies', 'backfillQueue'] as const

type Request = (...given: ReadonlyArray<unknown>) => TE.TaskEither<unknown, unknown>

/** The ports of one process, whose requests are counted. */
export const withFate = (real: BackfillPorts, fate: Fate | undefined, onSleep: () => void): Fateful => {
  let [requests, isDead, isAsleep, isOver] = [0, false, false, false]
  let wake: () => void = () => undefined
  const awake = new Promise<void>((resolve) => {
    wake = resolve
  })
  const befall =
    (name: string, request: Request): Request =>
    (...given) =>
    async () => {
      if (isDead) throw new Killed()
      requests += 1
      const isNow = !isOver && (requests === fate?.at || name === fate?.at)
      isOver ||= isNow
      if (isNow && fate.kind === 'diesBefore') {
        isDead = true
        throw new Killed()
      }
      if (isNow && fate.kind === 'sleeps') {
        isAsleep = true
        onSleep()
        await awake
        isAsleep = false
      }
      const answer = await request(...given)()
      if (isNow && fate.kind === 'diesAfter') {
        isDead = true
        throw new Killed()
      }
      return answer as never
    }
  const wrapped = Object.fromEntries(
    [...asked, ...alsoAsked].map((name) => [
      name,
      Object.fromEntries(
        Object.entries(real[name]).map(([method, request]) => [method, befall(method, request as Request)]),
      ),
    ]),
  )
  return {
    ports: { ...real, ...(wrapped as unknown as Pick<BackfillPorts, (typeof asked)[number]>) },
    requests: () => requests,
    wake: () => wake(),
    isAsleep: () => isAsleep,
  }
}

/** One lease for all processes. Somebody who sleeps loses it. */
export const newLease = (): { readonly lease: Lease; readonly break: () => void } => {
  let holder: object | undefined
  const lost: ServiceError = { _tag: 'LeaseLost' }
  return {
    break: () => {
      holder = undefined
    },
    lease: {
      acquire: () => () => {
        if (holder !== undefined) return Promise.resolve(E.right(O.none))
        const own = {}
        holder = own
        const check = () => (holder === own ? E.right(undefined) : E.left(lost))
        const held: HeldLease = {
          check,
          confirm: () => () => Promise.resolve(check()),
          release: () => {
            if (holder === own) holder = undefined
            return Promise.resolve()
          },
        }
        return Promise.resolve(E.right(O.some(held)))
      },
    },
  }
}

/** Behaves as badly as the facts allow: what is taken and not completed comes again. */
export const newQueue = (): { readonly queue: BackfillQueue; readonly take: () => BackfillMessage | undefined } => {
  const messages: Array<BackfillMessage> = []
  return {
    take: () => messages.shift(),
    queue: {
      open: () => TE.right(undefined),
      send: (message) => () => {
        messages.push(message)
        return Promise.resolve(E.right(undefined))
      },
      receive: () => TE.right(O.none),
    },
  }
}

let runs = 0
const optionsOf = () => ({
  ...{ runId: `00000000-0000-4000-8000-${String(++runs).padStart(12, '0')}`, budgetMs: Infinity, by: 'anna' },
  stopping: () => false,
})

/** One process that does one thing. */
export const begin = (ports: BackfillPorts, settings: CastSettings, lanes: number) =>
  startBackfill(ports, settings, { ...optionsOf(), maxGone: 50 }, { lanes, scope: {} })

export const cancel = (ports: BackfillPorts, settings: CastSettings) => cancelBackfill(ports, settings, optionsOf())

export const tick = (ports: BackfillPorts, settings: CastSettings) => advance(ports, settings, optionsOf())

export const handle = async (ports: BackfillPorts, settings: CastSettings, message: BackfillMessage) => {
  const { backfillId, lane, part } = message
  return lane === undefined || part === undefined
    ? tick(ports, settings)
    : workPart(ports, settings, optionsOf(), { backfillId, lane, part })
}
