import { afterEach, describe, expect, it } from '@jest/globals'
import { useAzurite } from '../support/world/azurite'
import { created, deleted, images, updated } from '../support/world/cast-images'
import { until } from '../support/world/cast-until'
import { type CastProcess, reportOf } from './cast-process'
import type { Kind } from './request-kinds'
import { type ProcessWorld, openWorld, tables } from './world'

const azurite = useAzurite()
const worlds: ProcessWorld[] = []
const processes: CastProcess[] = []

afterEach(async () => {
  for (const { child } of processes.splice(0)) child.kill('SIGKILL')
  await Promise.all(worlds.splice(0).map((world) => world.close()))
})

const newWorld = async (): Promise<ProcessWorld> => {
  const world = await openWorld(azurite())
  worlds.push(world)
  return world
}

const start = (world: ProcessWorld): CastProcess => {
  const process = world.start('--until-caught-up')
  processes.push(process)
  return process
}

/** Holds the first answer of this kind back until it is let go. */
const holdAnswer = (world: ProcessWorld, kind: Kind) => {
  let [held, free] = [false, false]
  world.gates.watch({
    before: () => Promise.resolve(true),
    after: async (request) => {
      if (request.kind !== kind || held) return true
      held = true
      await until(() => free, 'the answer is let go', 30_000)
      return true
    },
  })
  return {
    held: () => until(() => held, `${kind} is answered`, 30_000),
    letGo: () => {
      free = true
    },
  }
}

/** FHIR with versions, every row with its ETag left out, the checkpoint: whatever a zombie could change. */
const everything = async (world: ProcessWorld): Promise<unknown> => ({
  fhir: world.fhir.store.all(),
  rows: await Promise.all(tables.map((table) => world.rows(table))),
})

const studies = ({ fhir }: ProcessWorld): ReadonlyArray<unknown> => fhir.store.ofType('ImagingStudy')

describe('two processes on one feed', () => {
  it('one works, and the other says that the lease is held, with exit code 4', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(3))
    const gate = holdAnswer(world, 'FHIR: transaction')
    const first = start(world)
    await gate.held()
    const second = await start(world).ended
    expect([second.code, second.stderr]).toEqual([4, ''])
    expect(reportOf(second)).toMatchObject({ ended: 'LeaseHeld', entries: 0, dicomRequests: 0, fhirRequests: 0 })
    gate.letGo()
    const { code, ...rest } = await first.ended
    expect([code, reportOf({ code, ...rest })]).toMatchObject([0, { ended: 'CaughtUp', to: 3, stored: 3 }])
    expect(await start(world).ended).toMatchObject({ code: 0 })
  }, 60_000)

  it('started at once share the work without a word, and nothing is doubled', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(5), ...images(5, { study: '1.2.4', patientId: 'P2' }))
    const ended = await Promise.all([1, 2, 3].map(() => start(world).ended))
    expect(ended.map(({ code }) => code === 0 || code === 4)).toEqual([true, true, true])
    expect(ended.some(({ code }) => code === 0)).toBe(true)
    expect(studies(world)).toMatchObject([{ numberOfInstances: 5 }, { numberOfInstances: 5 }])
    expect([world.fhir.store.ofType('Patient').length, world.fhir.store.ofType('Endpoint').length]).toEqual([2, 1])
  }, 60_000)
})

// A process cannot be stopped and woken on Windows.
const isPosix = process.platform !== 'win32'
if (!isPosix) console.log('Not run on Windows, which has no SIGSTOP: the processes that sleep past their lease.')
const itOnPosix = isPosix ? it : it.skip

describe('a process that sleeps past its lease, while another one deletes the study it was about to write', () => {
  const places: ReadonlyArray<Kind> = [
    'lease: acquired',
    'tables: checkpoint read',
    'feed: newest entry',
    'feed: page',
    'FHIR: metadata',
    'FHIR: position read',
    'FHIR: batch of searches',
    'FHIR: transaction',
    'tables: fail rows listed',
    'tables: rows written',
  ]

  itOnPosix.each(places)(
    'changes nothing when it wakes, stopped when it was answered: %s',
    async (kind) => {
      const world = await newWorld()
      world.dicom.control.append(...images(3))
      await world.castHere()
      world.dicom.control.append(
        created({ instance: 4, name: 'Other^Name' }),
        created({ study: '1.2.9', patientId: null }),
      )
      const gate = holdAnswer(world, kind)
      const sleeper = start(world)
      await gate.held()
      sleeper.child.kill('SIGSTOP')

      await world.breakLease()
      world.dicom.control.append(...[1, 2, 3, 4].map((instance) => deleted({ instance })))
      world.dicom.control.append(updated({ study: '1.2.9', patientId: 'P9' }))
      const other = await start(world).ended
      expect([other.code, reportOf(other)]).toMatchObject([0, { ended: 'CaughtUp', to: 10 }])
      expect(studies(world)).toHaveLength(1)
      const before = await everything(world)

      gate.letGo()
      sleeper.child.kill('SIGCONT')
      const woken = reportOf(await sleeper.ended)
      expect(await everything(world)).toEqual(before)
      expect(['LeaseLost', 'CheckpointMoved', 'CaughtUp']).toContain(woken['ended'])
    },
    60_000,
  )
})
