import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect } from '@jest/globals'
import type { FhirResource } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { openBackfillQueue } from '../../../lib/adapters/storage/backfill-queue'
import { makeBackfillTable } from '../../../lib/adapters/storage/backfill-table'
import { makeStorageAccount } from '../../../lib/adapters/storage/storage-client'
import type { BackfillMessage } from '../../../lib/app/ports-backfill'
import {
  type BackfillProgress,
  type BackfillRequest,
  type Handled,
  backfillStatus,
  cancel,
  startBackfill,
  takeMessage,
  tickBackfill,
} from '../../../lib/composition/backfill'
import type { Operator } from '../../../lib/composition/operator'
import { type FhirService, startFhirService } from '../../../local/fhir/service'
import { endState, namesOf } from '../fhir/end-state'
import { created } from './cast-images'
import type { CastWorld, Overrides } from './cast-world'

/** A backfill in a world: its queue, its messages, and what it comes to. */
export interface BackfillWorld {
  readonly operator: (more?: Partial<Operator>) => Operator
  readonly start: (request?: Partial<BackfillRequest>) => Promise<BackfillProgress>
  readonly status: () => Promise<BackfillProgress>
  /** One message, if there is one that can be seen, as a worker takes it. */
  readonly step: (more?: Partial<Operator>) => Promise<{ message: BackfillMessage; handled: Handled } | undefined>
  readonly take: (message: BackfillMessage, more?: Partial<Operator>) => Promise<Handled>
  readonly tick: () => Promise<unknown>
  readonly cancel: () => Promise<BackfillProgress>
  /** Until it is over. */
  readonly run: (each?: (handled: Handled) => Promise<void> | void) => Promise<BackfillProgress>
  readonly messages: () => Promise<ReadonlyArray<BackfillMessage>>
  readonly queue: ReturnType<typeof openBackfillQueue>
  readonly store: ReturnType<typeof makeBackfillTable>
}

const right = <A>(result: E.Either<unknown, A>): A => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

/** The shortest wait: what the feed has can be seen. */
const soon = { DicomCast__HoleAge: '00:00:01' }

export const backfillIn = (world: CastWorld, overrides: Overrides = {}): BackfillWorld => {
  const environment = world.environment({ ...soon, ...overrides })
  const operator = (more: Partial<Operator> = {}): Operator => ({
    ...{ environment, log: () => undefined, by: 'anna' },
    ...more,
  })
  const account = makeStorageAccount({ connectionString: environment['AzureWebJobsStorage'] ?? '' })
  const prefix = environment['TableStore__TableNamePrefix']
  const [queue, store] = [openBackfillQueue(account, prefix), makeBackfillTable(account, prefix)]
  const status = async () => right(await backfillStatus(operator()))
  const take: BackfillWorld['take'] = async (message, more) => right(await takeMessage(operator(more), message))
  const step: BackfillWorld['step'] = async (more) => {
    const received = O.toUndefined(right(await queue.receive(30)()))
    if (received?.message === undefined) return undefined
    const handled = await take(received.message, more)
    right(await received.complete()())
    return { message: received.message, handled }
  }
  const tick = async () => right((await tickBackfill(operator())) ?? E.right(undefined))
  return {
    ...{ operator, status, take, step, tick, queue, store },
    cancel: async () => right(await cancel(operator())),
    start: async (request = {}) => right(await startBackfill(operator(), { lanes: 1, scope: {}, ...request })),
    run: async (each) => {
      for (let steps = 0; steps < 500; steps++) {
        const taken = await step()
        if (taken === undefined) await sleep(20).then(tick)
        else await each?.(taken.handled)
        const now = await status()
        if (now.state === 'over') return now
      }
      throw new Error(`the backfill does not end: ${JSON.stringify(await status())}`)
    },
    messages: async () => {
      const all: Array<BackfillMessage> = []
      for (;;) {
        const received = O.toUndefined(right(await queue.receive(1)()))
        if (received?.message === undefined) return all
        all.push(received.message)
        right(await received.complete()())
      }
    },
  }
}

/** Until its parts are on the queue. */
export const listed = async (backfill: Pick<BackfillWorld, 'tick' | 'status'>): Promise<BackfillProgress> => {
  for (let tries = 0; tries < 400; tries++) {
    await backfill.tick()
    const now = await backfill.status()
    if (now.listed.whole) return now
    await sleep(20)
  }
  throw new Error('nothing is listed')
}

/** All that FHIR holds, up to ids, versions and the order inside lists; without what only fences writers. */
export const endStateOf = ({ store }: Pick<FhirService, 'store'>): ReadonlyArray<unknown> =>
  endState(store.all() as ReadonlyArray<FhirResource>)

/** Nobody and nothing stands twice. */
export const expectNoneTwice = (fhir: Pick<FhirService, 'store'>): void => {
  const names = namesOf(fhir.store.all() as ReadonlyArray<FhirResource>)
  expect([...new Set(names)].sort()).toEqual([...names].sort())
}

/** The same archive, cast from the beginning of its feed into a FHIR server of its own. */
export const useCastElsewhere = (): ((world: CastWorld) => Promise<FhirService>) => {
  const others: Array<FhirService> = []
  afterEach(async () => {
    await Promise.all(others.splice(0).map((each) => each.close()))
  })
  return async (world) => {
    const fhir = await startFhirService()
    others.push(fhir)
    const prefix = `${world.environment()['TableStore__TableNamePrefix']}E${others.length}`
    const overrides = { Fhir__Endpoint: fhir.url, TableStore__TableNamePrefix: prefix }
    expect(await world.cast(overrides, { maxBatches: 0 })).toMatchObject({ ended: 'CaughtUp' })
    return fhir
  }
}

/** Studies of seven patients. */
export const fill = (world: CastWorld, studies: number, images = 3): void => {
  for (let study = 1; study <= studies; study++) {
    for (let instance = 1; instance <= images; instance++) {
      const patient = { patientId: `P${study % 7}`, name: `Doe^N${study % 7}` }
      world.dicom.control.append(created({ study: `1.2.${study}`, instance, ...patient }))
    }
  }
}
