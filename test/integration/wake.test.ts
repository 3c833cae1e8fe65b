import { describe, expect, it } from '@jest/globals'
import { isToldOfMore } from '../../lib/composition/wake'
import { undocumented } from '../support/assert/openapi'
import { held } from '../support/fhir/cast-fhir'
import { created, images } from '../support/world/cast-images'
import { until } from '../support/world/cast-until'
import { type OperateWorld, closeGate, takeLease, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const woken = (settings: Readonly<Record<string, string>> = {}): Promise<OperateWorld> =>
  newWorld({ settings: { DicomCast__Events: 'true', ...settings } })

const timer = 'castTimer'
const imageCreated = 'Microsoft.HealthcareApis.DicomImageCreated'
const event = (world: OperateWorld, sequenceNumber: unknown, type = imageCreated) => ({
  ...{ specversion: '1.0', id: `e${String(sequenceNumber)}`, source: '/subscriptions/s', type },
  data: { serviceHostName: new URL(world.dicom.url).host, sequenceNumber },
})

/** Tells of these numbers, as one delivery. */
const tellOf = async (world: OperateWorld, ...sequences: ReadonlyArray<number>) => {
  const answer = await world.call(
    'POST',
    'wake',
    sequences.map((each) => event(world, each)),
  )
  expect([answer.status, undocumented({ path: '/wake', verb: 'POST' }, answer)]).toEqual([200, []])
  return answer.json
}

const studies = (world: OperateWorld): number => held(world, 'ImagingStudy').length
const store = (world: OperateWorld, study: string): number =>
  world.dicom.control.append(created({ study }))[0]?.sequence ?? 0

/** Runs that had the lease, as they told of themselves. */
const runs = ({ host }: OperateWorld): ReadonlyArray<{ readonly kind: string; readonly ended: string }> =>
  host.logs.flatMap(({ message }) => {
    if (!message.startsWith('{')) return []
    const line = JSON.parse(message) as { message: string; kind: string; ended: string }
    return line.message === 'cast' && line.ended !== 'LeaseHeld' ? [{ kind: line.kind, ended: line.ended }] : []
  })

const history = async (world: OperateWorld) => (await world.call('GET', 'status')).json['runs']

/** FHIR takes its time for the next transaction: whoever sends it has read the feed, and holds the lease. */
const slowTransaction = (world: OperateWorld): (() => Promise<void>) => {
  world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'transaction' }, times: 1, delayMs: 1_500 }])
  return () => until(() => world.fhir.faults.list()[0]?.hits === 1, 'a transaction')
}

describe('an event', () => {
  it('brings its image into FHIR, and a second one of it nothing', async () => {
    const world = await woken()
    const sequence = store(world, '1.2.1')
    expect(await tellOf(world, sequence)).toEqual({ told: sequence, ended: 'CaughtUp' })
    expect(studies(world)).toBe(1)
    expect(await tellOf(world, sequence)).toEqual({ told: sequence, ended: 'NothingNew' })
    expect(await history(world)).toMatchObject([{ kind: 'wake', by: 'event', stored: 1 }])
    expect(runs(world)).toEqual([{ kind: 'wake', ended: 'CaughtUp' }])
  })

  it('of another type or service is not heard', async () => {
    const world = await woken()
    store(world, '1.2.1')
    const others = [
      event(world, 1, 'Microsoft.HealthcareApis.FhirResourceCreated'),
      { ...event(world, 1), data: { serviceHostName: 'other.example', sequenceNumber: 1 } },
    ]
    expect(await world.call('POST', 'wake', others)).toMatchObject({
      status: 200,
      json: { told: null, ended: 'NothingTold' },
    })
    expect([runs(world), world.dicom.requests.list()]).toEqual([[], []])
  })

  it('tells of a late row together with one that is settled, and the late one comes into FHIR', async () => {
    const world = await woken()
    store(world, '1.2.1')
    const late = world.dicom.control.appendLate(created({ study: '1.2.2' }))
    const third = store(world, '1.2.3')
    await tellOf(world, third)
    world.dicom.control.showLate(late.id)
    expect(await tellOf(world, 2, third)).toEqual({ told: third, ended: 'CaughtUp' })
    expect(studies(world)).toBe(3)
  })

  it('in a burst of a thousand, told in twenty deliveries at once, causes five runs at the most', async () => {
    const world = await woken()
    const sequences = world.dicom.control.append(...images(1_000)).map(({ sequence }) => sequence)
    const deliveries = Array.from({ length: 20 }, (_, index) => sequences.slice(index * 50, (index + 1) * 50))
    await Promise.all(deliveries.map((each) => tellOf(world, ...each)))
    expect(await world.syncedSequence()).toBe(1_000)
    expect(held(world, 'ImagingStudy')[0]?.numberOfInstances).toBe(1_000)
    expect(runs(world).length).toBeLessThanOrEqual(5)
  })
})

describe('an event that comes while the lease is held', () => {
  const holders: Readonly<Record<string, (world: OperateWorld) => Promise<unknown>>> = {
    'the timer': (world) => world.host.fire(timer),
    'a wake': (world) => tellOf(world, 1),
    'a catch-up': (world) => world.call('POST', 'catch-up'),
  }

  it.each(Object.keys(holders))('is heard by %s, once it has let the lease go', async (holder) => {
    const world = await woken()
    store(world, '1.2.1')
    const held = slowTransaction(world)
    const running = holders[holder]?.(world)
    await held()
    const second = store(world, '1.2.2')
    expect(await tellOf(world, second)).toEqual({ told: second, ended: 'LeaseHeld' })
    await running
    expect(studies(world)).toBe(2)
    expect(runs(world)).toHaveLength(2)
    expect(runs(world)[1]).toEqual({ kind: 'wake', ended: 'CaughtUp' })
    expect(await history(world)).toHaveLength(2)
  })

  it('is heard also when it tells of a row that came late, below the head', async () => {
    const world = await woken()
    store(world, '1.2.1')
    const late = world.dicom.control.appendLate(created({ study: '1.2.2' }))
    store(world, '1.2.3')
    const held = slowTransaction(world)
    const running = world.host.fire(timer)
    await held()
    world.dicom.control.showLate(late.id)
    expect(await tellOf(world, 2)).toEqual({ told: 2, ended: 'LeaseHeld' })
    await running
    expect([studies(world), runs(world).length]).toEqual([3, 2])
  })

  it('and was seen by that run already, or never was, costs no more than one look', async () => {
    const world = await woken()
    store(world, '1.2.1')
    const held = slowTransaction(world)
    const running = world.host.fire(timer)
    await held()
    await tellOf(world, 1)
    await running
    expect(runs(world)).toHaveLength(1)

    store(world, '1.2.2')
    const heldAgain = slowTransaction(world)
    const second = world.host.fire(timer)
    await heldAgain()
    await tellOf(world, Number.MAX_SAFE_INTEGER)
    await second
    expect(runs(world)).toHaveLength(3)
    // The next run does not look for it again, and a true event is not hidden by it.
    await world.host.fire(timer)
    expect(runs(world)).toHaveLength(4)
    const third = store(world, '1.2.3')
    expect(await tellOf(world, third)).toEqual({ told: third, ended: 'CaughtUp' })
    expect(studies(world)).toBe(3)
  })

  it('ends at once when it is somebody else who holds it, and leaves no history', async () => {
    const world = await woken()
    await takeLease(world)
    const sequence = store(world, '1.2.1')
    expect(await tellOf(world, sequence)).toEqual({ told: sequence, ended: 'LeaseHeld' })
    expect(await history(world)).toEqual([])
  })
})

describe('no run follows an event', () => {
  it('that tells of a number which the feed does not have', async () => {
    const world = await woken()
    store(world, '1.2.1')
    expect(await tellOf(world, Number.MAX_SAFE_INTEGER)).toMatchObject({ ended: 'CaughtUp' })
    expect([studies(world), runs(world)]).toMatchObject([1, [{ kind: 'wake' }]])
  })

  it('while the gate is closed', async () => {
    const world = await woken()
    await closeGate(world)
    expect(await tellOf(world, store(world, '1.2.1'))).toMatchObject({ ended: 'GateClosed' })
    expect([world.fhir.requests.list(), runs(world), await history(world)]).toEqual([[], [], []])
  })

  it('while the timer is disabled; whoever watches elsewhere hears of it', async () => {
    const world = await woken({ 'AzureWebJobs.castTimer.Disabled': 'true' })
    expect(await tellOf(world, store(world, '1.2.1'))).toMatchObject({ ended: 'TimerDisabled' })
    expect([runs(world), studies(world)]).toEqual([[], 0])
    expect(await isToldOfMore({ environment: world.environment(), log: () => undefined, by: 'event' })).toBe(true)
  })

  it('after a run that ended ill, until the timer has run well', async () => {
    const world = await woken({ RetryConfiguration__TotalRetryDuration: '00:00:00' })
    const sequence = store(world, '1.2.1')
    world.fhir.faults.set([{ fault: '503' }])
    await world.host.fire(timer)
    world.fhir.faults.clear()
    expect(await tellOf(world, sequence)).toMatchObject({ ended: 'LastRunIll' })
    expect(runs(world)).toHaveLength(1)
    await world.host.fire(timer)
    const second = store(world, '1.2.2')
    expect(await tellOf(world, second)).toMatchObject({ ended: 'CaughtUp' })
    expect(studies(world)).toBe(2)
  })
})

describe('what is no event', () => {
  it.each(['', 'garbled', '{"data":', '7'])('is refused: %s', async (body) => {
    const world = await woken()
    const answer = await world.call('POST', 'wake', body)
    expect([answer.status, undocumented({ path: '/wake', verb: 'POST' }, answer)]).toEqual([400, []])
  })

  it('is refused when it is larger than a delivery can be', async () => {
    const world = await woken()
    const answer = await world.call('POST', 'wake', ' '.repeat(2_000_001))
    expect([answer.status, undocumented({ path: '/wake', verb: 'POST' }, answer)]).toEqual([413, []])
  })

  it('finds no route where events are not wanted', async () => {
    const world = await newWorld()
    const answer = await world.call('POST', 'wake', [event(world, 1)])
    expect([answer.status, undocumented({ path: '/wake', verb: 'POST' }, answer)]).toEqual([404, []])
  })
})

describe('the handshake', () => {
  it('of Event Grid is answered with its code', async () => {
    const world = await woken()
    const data = { validationCode: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6' }
    const eventType = 'Microsoft.EventGrid.SubscriptionValidationEvent'
    const answer = await world.call('POST', 'wake', [{ id: 'v', topic: '/s', eventType, data }])
    expect(answer).toMatchObject({ status: 200, json: { validationResponse: data.validationCode } })
    expect(undocumented({ path: '/wake', verb: 'POST' }, answer)).toEqual([])
  })

  it('of CloudEvents consents in headers', async () => {
    const world = await woken()
    const ask = (headers: Readonly<Record<string, string>>) =>
      fetch(`${world.host.url}/api/wake`, { method: 'OPTIONS', headers })
    const { status, headers } = await ask({
      'WebHook-Request-Origin': 'eventgrid.azure.net',
      'WebHook-Request-Rate': '120',
    })
    expect([
      status,
      ...['allow', 'webhook-allowed-origin', 'webhook-allowed-rate'].map((name) => headers.get(name)),
    ]).toEqual([200, 'POST', 'eventgrid.azure.net', '*'])
    const without = await ask({ 'WebHook-Request-Origin': 'a b' })
    expect(without.headers.has('webhook-allowed-origin')).toBe(false)
  })
})
