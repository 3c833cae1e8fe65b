import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { FeedPage } from '../../lib/app/ports'
import type { BackfillPorts } from '../../lib/app/ports-backfill-store'
import { castSettings } from '../../lib/composition/cast-settings'
import { connect } from '../../lib/composition/connect'
import { readSettings } from '../../lib/config/read-settings'
import { type FhirService, startFhirService } from '../../local/fhir/service'
import {
  type Fate,
  Killed,
  begin,
  cancel,
  handle,
  newLease,
  newQueue,
  tick,
  withFate,
} from '../support/world/backfill-process'
import { endStateOf, expectNoneTwice, useCastElsewhere } from '../support/world/backfill-world'
import { created, deleted, updated } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

// A process dies, or sleeps while all others go on, at each of its requests in turn. `EVERY_CRASH=1` tries all of them;
// without it every seventh, another seventh each day.

const newWorld = useCastWorld()
const castElsewhere = useCastElsewhere()
const stride = process.env['EVERY_CRASH'] === '1' ? 1 : 7
const offset = stride === 1 ? 0 : new Date().getUTCDate() % stride

const ticksEvery = 6

let runs = 0

/** One whole backfill, in which that befalls a process; how many requests there were until then. */
const runWith = async (
  world: CastWorld,
  fhir: FhirService,
  fate: Fate | undefined,
  meanwhile: () => void = () => undefined,
  atEnd: (ports: BackfillPorts) => Promise<void> = () => Promise.resolve(),
  each: (ports: BackfillPorts, steps: number) => Promise<void> = () => Promise.resolve(),
): Promise<number> => {
  const prefix = `${world.environment()['TableStore__TableNamePrefix']}R${++runs}`
  const overrides = { Fhir__Endpoint: fhir.url, TableStore__TableNamePrefix: prefix, DicomCast__HoleAge: '00:00:01' }
  const read = readSettings(world.environment(overrides))
  if (E.isLeft(read)) throw new Error(read.left.join())
  const settings = castSettings(read.right, 0)
  const { lease, break: breakLease } = newLease()
  const { queue, take } = newQueue()
  let skew = 0
  const said: Array<unknown> = []
  const clock = { now: () => Date.now() + skew, sleep: () => Promise.resolve() }
  const connection = connect(read.right, { log: () => undefined, runId: 'run', until: Infinity })
  // The service's clock is as far ahead as ours.
  const range: typeof connection.dicom.range = (...asked) =>
    TE.map((page: FeedPage) => ({ ...page, servedAt: page.servedAt + skew }))(connection.dicom.range(...asked))
  const dicom = { ...connection.dicom, range }
  const real: BackfillPorts = { ...connection, dicom, lease, clock, backfillQueue: queue }
  // All processes share the count: the fate is that of whoever makes that request.
  let heard: () => void = () => undefined
  const fateful = withFate(real, fate, () => heard())
  const healthy = withFate(real, undefined, () => undefined)
  let [isDoomed, sleeping, left]: [boolean, Promise<unknown>, number] = [true, Promise.resolve(), Infinity]
  const wake = async (): Promise<void> => {
    fateful.wake()
    await sleeping
  }
  const process = async (does: (ports: BackfillPorts) => Promise<unknown>): Promise<void> => {
    const { ports } = isDoomed ? fateful : healthy
    const sleeps = new Promise<'Sleeps'>((resolve) => {
      heard = () => resolve('Sleeps')
    })
    const done = does(ports).then(
      () => 'Done' as const,
      (error: unknown) => {
        if (error instanceof Killed) return 'Killed' as const
        throw error
      },
    )
    const ended = await Promise.race([done, sleeps])
    if (ended === 'Done') return
    isDoomed = false
    breakLease()
    if (ended === 'Sleeps') {
      ;[sleeping, left] = [done, fate?.steps ?? Infinity]
      meanwhile()
      if (fate?.isCancelled === true && E.isRight(await cancel(healthy.ports, settings))) return
    }
    // What it had in hand comes again.
    await process(does)
  }
  await process((ports) => begin(ports, settings, 2))
  for (let steps = 0; ; steps++) {
    const row = await real.backfills.read()()
    if (E.isRight(row) && O.isSome(row.right) && row.right.value.state === 'over') break
    if (steps >= 60) throw new Error(JSON.stringify([fate, said.slice(-8), row]))
    await each(real, steps)
    // The timer ticks also while there are messages.
    const message = steps % ticksEvery === ticksEvery - 1 ? undefined : take()
    if (message === undefined) skew += 20 * 60_000
    await process(async (ports) => {
      const answer = await (message === undefined ? tick(ports, settings) : handle(ports, settings, message))
      said.push([message, answer])
    })
    left -= 1
    if (left === 0) await wake()
  }
  const requests = fateful.requests()
  expect(await world.cast(overrides)).toMatchObject({ ended: 'CaughtUp' })
  // Nobody comes after whoever wakes now, and a message comes late.
  await wake()
  for (let message = take(); message !== undefined; message = take()) await handle(real, settings, message)
  await atEnd(real)
  return requests
}

/** Closed also where the test fails: jest would wait for it without end. */
const inFhir = async <A>(does: (fhir: FhirService) => Promise<A>): Promise<A> => {
  const fhir = await startFhirService()
  try {
    return await does(fhir)
  } finally {
    await fhir.close()
  }
}

const patient = (number: number) => ({ patientId: `P${number}`, name: `Doe^N${number}` })

const fillSmall = (world: CastWorld): void => {
  const patients = [1, 2, 0, 1, 2]
  for (const [at, number] of patients.entries()) {
    world.dicom.control.append(created({ study: `1.2.${at + 1}`, ...patient(number) }))
  }
}

describe('a backfill in which a process', () => {
  it.each(['diesBefore', 'diesAfter'] as const)(
    '%s at any request leaves FHIR as if nothing had been',
    async (kind) => {
      const world = await newWorld()
      fillSmall(world)
      world.dicom.control.append(updated({ study: '1.2.1', ...patient(2) }))
      const [requests, wanted] = await inFhir(async (calm) => [await runWith(world, calm, undefined), endStateOf(calm)])
      expect(requests).toBeGreaterThan(100)
      for (let at = 1 + offset; at <= requests; at += stride) {
        await inFhir(async (fhir) => {
          await runWith(world, fhir, { at, kind })
          expect([at, endStateOf(fhir)]).toEqual([at, wanted])
          expectNoneTwice(fhir)
        })
      }
    },
    1_800_000,
  )

  it('dies at any request leaves no harm, also when somebody opens the gate in the midst of it', async () => {
    const world = await newWorld()
    fillSmall(world)
    const openGate = async ({ gate }: BackfillPorts, steps: number): Promise<void> => {
      const read = await gate.read()()
      if (steps !== 2 || E.isLeft(read) || O.isNone(read.right)) return
      await gate.write({ state: 'running', by: 'bob', since: 1 }, read.right.value.etag)()
    }
    const nothing = () => Promise.resolve()
    const [requests, wanted] = await inFhir(async (calm) => {
      const made = await runWith(world, calm, undefined, undefined, nothing, openGate)
      return [made, endStateOf(calm)]
    })
    for (let at = 1 + offset; at <= requests; at += stride) {
      await inFhir(async (fhir) => {
        await runWith(world, fhir, { at, kind: 'diesAfter' }, undefined, nothing, openGate)
        expect([at, endStateOf(fhir)]).toEqual([at, wanted])
        expectNoneTwice(fhir)
      })
    }
  }, 1_800_000)

  it.each([
    ['an image', { patientId: null }, []],
    [
      'a study that fails alone',
      patient(1),
      [{ fault: '500', match: { pathPrefix: '/v2/studies/1.2.9/metadata' } } as const],
    ],
  ])(
    'sleeps before it records %s, while the backfill is cancelled, tells no old news',
    async (_name, image, faults) => {
      const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00' } })
      fillSmall(world)
      world.dicom.control.append(created({ study: '1.2.9', ...image }))
      world.dicom.faults.set(faults)
      const mended = (): void => {
        world.dicom.faults.clear()
        world.dicom.control.append(updated({ study: '1.2.9', ...patient(1) }))
      }
      await runWith(
        world,
        world.fhir,
        { at: 'record', kind: 'sleeps', isCancelled: true },
        mended,
        async ({ errors }) => {
          expect(await errors.failRows()()).toEqual(E.right([]))
        },
      )
    },
  )

  it.each([
    ['for a message of others', { steps: 1 }],
    ['for three messages of others', { steps: 3 }],
    ['to the end', {}],
    ['while the backfill is cancelled', { isCancelled: true }],
  ])(
    'sleeps at any request, %s, while studies come, go and change their patient, does no harm',
    async (_name, sleep) => {
      const world = await newWorld()
      fillSmall(world)
      const requests = await inFhir((calm) => runWith(world, calm, undefined))
      let times = 0
      const meanwhile = (): void => {
        times += 1
        const isOdd = times % 2 === 1
        world.dicom.control.append(updated({ study: '1.2.1', ...patient(isOdd ? 2 : 1) }))
        world.dicom.control.append((isOdd ? deleted : created)({ study: '1.2.5', ...patient(2) }))
      }
      for (let at = 1 + offset; at <= requests; at += stride) {
        await inFhir(async (fhir) => {
          await runWith(world, fhir, { at, kind: 'sleeps', ...sleep }, meanwhile)
          expect([at, endStateOf(fhir)]).toEqual([at, endStateOf(await castElsewhere(world))])
          expectNoneTwice(fhir)
        })
      }
    },
    1_800_000,
  )
})
