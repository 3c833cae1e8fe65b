import { afterEach, describe, expect, it } from '@jest/globals'
import { type FunctionsHost, startFunctionsHost } from '../../local/functions-host'
import { QueueClient } from '@azure/storage-queue'
import { startBackfill } from '../../lib/composition/backfill'
import { poisonQueueName } from '../../lib/domain/queue-name'
import { useAzurite } from '../support/world/azurite'
import { expectNoneTwice } from '../support/world/backfill-world'
import { images } from '../support/world/cast-images'
import { passAll } from './gate'
import { type ProcessWorld, openWorld } from './world'

const azurite = useAzurite()
const closers: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const [studies, imagesEach, patients] = [40, 60, 7]

/** What a host was killed over is seen again soon; by default in ten minutes. */
const soonVisible = { DICOMCAST_LOCAL_QUEUE_INVISIBLE_S: '6' }

const newWorld = async (settings: Readonly<Record<string, string>> = {}): Promise<ProcessWorld> => {
  const schedule = { CastSchedule: '*/2 * * * * *', DicomCast__HoleAge: '00:00:01' }
  const world = await openWorld(azurite(), { ...schedule, ...settings }, () => new Date())
  closers.push(world.close)
  for (let n = 1; n <= studies; n++) {
    world.dicom.control.append(...images(imagesEach, { study: `1.2.${n}`, patientId: `P${n % patients}` }))
  }
  return world
}

const start = async (world: ProcessWorld): Promise<FunctionsHost> => {
  const host = await startFunctionsHost({ env: { ...process.env, ...world.settings } })
  closers.push(host.close)
  return host
}

interface Status {
  readonly state: string
  readonly ended?: string
  readonly done: { readonly studies: number; readonly images: number; readonly failed: number }
}

const status = async (host: FunctionsHost): Promise<Status> =>
  (await (await fetch(`${host.url}/api/backfill`)).json()) as Status

const untilOver = async (host: FunctionsHost): Promise<Status> => {
  for (let tries = 0; tries < 600; tries++) {
    const now = await status(host)
    if (now.state === 'over') return now
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`The backfill does not end: ${JSON.stringify(await status(host))}`)
}

/** Before any instance is there: its timer would cast the feed. */
const begin = async (world: ProcessWorld): Promise<void> => {
  const operator = { environment: world.settings, log: () => undefined, by: 'anna' }
  expect(await startBackfill(operator, { lanes: 8, scope: {} })).toMatchObject({ _tag: 'Right' })
}

const expectWhole = ({ fhir }: ProcessWorld): void => {
  expectNoneTwice(fhir)
  const held = fhir.store.ofType('ImagingStudy')
  expect(held.map((study) => Reflect.get(study, 'numberOfInstances') as unknown)).toEqual(
    Array.from({ length: studies }, () => imagesEach),
  )
  expect(fhir.store.ofType('Patient')).toHaveLength(patients)
}

describe('a backfill in two instances of the function app', () => {
  it('is shared by them, and comes to its end by the queue and the timer alone', async () => {
    const world = await newWorld()
    await begin(world)
    // A part takes longer than an idle host looks away.
    world.gates.watch({
      ...passAll,
      before: async ({ kind }) => {
        if (kind === 'DICOM: metadata of a study') await new Promise((resolve) => setTimeout(resolve, 300))
        return true
      },
    })
    const hosts = [await start(world), await start(world)] as const
    expect(await untilOver(hosts[1])).toMatchObject({ ended: 'Done', done: { studies, images: studies * imagesEach } })
    expectWhole(world)
    for (const host of hosts) expect(host.logs.map(({ message }) => message).join('\n')).toContain('"backfill part"')
  })

  it('loses and doubles nothing when one of them is killed in a part', async () => {
    const world = await newWorld(soonVisible)
    await begin(world)
    const hosts = [await start(world), await start(world)] as const
    let read = 0
    world.gates.watch({
      ...passAll,
      before: ({ kind }) => {
        if (kind === 'DICOM: metadata of a study' && ++read === 15) process.kill(hosts[0].pid ?? 0, 'SIGKILL')
        return Promise.resolve(true)
      },
    })
    await hosts[0].exited
    world.gates.watch(passAll)
    await world.breakLease()
    expect(await untilOver(hosts[1])).toMatchObject({ ended: 'Done', done: { studies, images: studies * imagesEach } })
    expectWhole(world)
  })

  it('goes on at once when one of them is ended, which gives back what is left of its part', async () => {
    const world = await newWorld()
    await begin(world)
    const hosts = [await start(world), await start(world)] as const
    let [read, ended] = [0, false]
    world.gates.watch({
      ...passAll,
      before: async ({ kind }) => {
        if (kind !== 'DICOM: metadata of a study') return true
        if (++read === 15) {
          ended = true
          void hosts[0].close()
        }
        await new Promise((resolve) => setTimeout(resolve, 300))
        return true
      },
    })
    expect(await untilOver(hosts[1])).toMatchObject({ ended: 'Done', done: { studies, images: studies * imagesEach } })
    expect(ended).toBe(true)
    await hosts[0].exited
    expectWhole(world)
    const { AzureWebJobsStorage: storage = '', TableStore__TableNamePrefix: prefix = '' } = world.settings
    expect(await new QueueClient(storage, poisonQueueName(prefix)).exists()).toBe(false)
  })
})
