import { describe, expect, it } from '@jest/globals'
import type { CheckAnswer } from '../../lib/composition/check'
import { requested, sole } from '../support/fhir/cast-fhir'
import { images } from '../support/world/cast-images'
import { dicomcast } from '../support/world/command-line'
import { type OperateWorld, closeGate, noStorage, takeLease, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const down = 'http://127.0.0.1:9'

const checked = async (world: OperateWorld, settings: Readonly<Record<string, string>> = {}) => {
  const { code, stdout } = await dicomcast(world.environment(settings), 'check', '--json')
  return { code, answer: JSON.parse(stdout) as CheckAnswer }
}
/** The names of the facts that are not fine, by their state. */
const others = ({ facts }: CheckAnswer): Readonly<Record<string, ReadonlyArray<string>>> =>
  Object.fromEntries(
    (['look', 'bad', 'unknown'] as const).flatMap((state) => {
      const names = facts.flatMap((each) => (each.state === state ? [each.name] : []))
      return names.length === 0 ? [] : [[state, names] as const]
    }),
  )
const says = ({ facts }: CheckAnswer, name: string): string => facts.find((each) => each.name === name)?.says ?? ''

// The command is asked without a schedule, which is the function app's own.
const unknownHere = ['schedule']
const fhirWrites = ['fhir-write', 'fhir-transaction', 'fhir-if-match']
const dicomFacts = ['dicom-reach', 'dicom-feed-v1', 'dicom-feed-v2']

describe('dicomcast check', () => {
  it('asks for nobody, leaves feed and checkpoint where they are, and says what to run next', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(3))
    const first = await world.call('GET', 'check')
    expect(first).toMatchObject({ status: 200, json: { state: 'fine', next: { command: 'dicomcast preview' } } })
    const asked = requested(world)
    expect(new Set(asked.filter((line) => line.startsWith('PUT')).map((line) => line.split(' ')[1]))).toEqual(
      new Set(['/Basic/dicomcast-check']),
    )
    expect(asked.filter((line) => /Patient|ImagingStudy|Observation/.test(line))).toEqual([])
    await world.cast()
    const position = sole(world, 'Basic')
    const [syncState, history] = [await world.rows('SyncStateTable'), await world.rows('RunHistoryTable')]
    expect((await world.call('GET', 'check')).json).toMatchObject({ next: { command: 'dicomcast status' } })
    expect(sole(world, 'Basic')).toEqual(position)
    expect([await world.rows('SyncStateTable'), await world.rows('RunHistoryTable')]).toEqual([syncState, history])
  })

  it('is not kept from anything by a run at work, nor by another check', async () => {
    const world = await newWorld()
    const release = await takeLease(world)
    const answers = await Promise.all([1, 2, 3].map(() => world.call('GET', 'check')))
    for (const { json } of answers) {
      const { facts } = json as unknown as CheckAnswer
      expect(facts.find(({ name }) => name === 'storage-lease')).toMatchObject({ state: 'fine' })
    }
    await release()
  })

  it.each([
    ['DICOM', { DicomWeb__Endpoint: down }, dicomFacts, ['dicom-clock', 'dicom-studies', 'dicom-partitions']],
    [
      'FHIR',
      { Fhir__Endpoint: down },
      ['fhir-reach', 'fhir-r4', 'fhir-read'],
      ['fhir-clock', 'fhir-basic', ...fhirWrites],
    ],
    [
      'storage',
      { AzureWebJobsStorage: noStorage },
      ['storage-lease', 'storage-read', 'storage-write', 'gate'],
      ['storage-queue', 'storage-clock'],
    ],
  ])('tells the rest while a service is down: %s', async (_service, settings, bad, unknown) => {
    const { code, answer } = await checked(await newWorld(), settings)
    expect([code, others(answer)]).toEqual([3, { bad, unknown: [...unknownHere, ...unknown] }])
    expect(answer.next.command).toBe('dicomcast check')
  })

  it('tells every problem of the settings, and asks with those that can be read', async () => {
    const world = await newWorld()
    const wrong = { DicomCast__BatchSize: 'many', DicomCast__HoleAge: 'old', DicomCast__BatchSiz: '5' }
    const { code, answer } = await checked(world, wrong)
    expect([code, others(answer)]).toEqual([2, { bad: ['settings'], unknown: unknownHere }])
    expect(
      says(answer, 'settings')
        .split('\n')
        .map((line) => line.split(/[: ]/)[0]),
    ).toEqual(['DicomCast__BatchSize', 'DicomCast__HoleAge', 'DicomCast__BatchSiz'])
    const none = await dicomcast({}, 'check', '--json')
    expect([none.code, (JSON.parse(none.stdout) as CheckAnswer).facts.length]).toEqual([2, 1])
  })

  it('sends no token to where the settings do not allow it', async () => {
    const world = await newWorld()
    const open = { Fhir__Endpoint: 'http://fhir.example', Fhir__Authentication__Enabled: 'true' }
    const { code, answer } = await checked(world, open)
    expect([code, answer.facts.map(({ name }) => name)]).toEqual([2, ['settings']])
    expect(says(answer, 'settings')).toMatch(/^Fhir__Endpoint: a token would go over plain http/)
  })

  it('writes nothing to FHIR while the installation is paused', async () => {
    const world = await newWorld()
    await closeGate(world)
    const { code, answer } = await checked(world)
    expect([code, others(answer)]).toEqual([1, { look: ['gate'], unknown: [...unknownHere, ...fhirWrites] }])
    expect(requested(world).filter((line) => line.includes('dicomcast-check'))).toEqual([])
    expect(answer.next.command).toBe('dicomcast status')
  })

  it('finds a server that takes a transaction whose If-Match is old', async () => {
    const world = await newWorld()
    world.fhir.faults.set([{ fault: 'ignoresIfMatch' }])
    const { code, answer } = await checked(world)
    expect([code, others(answer)]).toEqual([1, { look: ['fhir-if-match'], unknown: unknownHere }])
  })

  it.each([
    ['fhir-r4', { fault: 'wrongType', match: { interaction: 'metadata' } }, ['fhir-basic', ...fhirWrites]],
    ['fhir-read', { fault: '403', match: { interaction: 'batch' } }, []],
    ['fhir-write', { fault: '403', match: { method: 'PUT' } }, ['fhir-transaction', 'fhir-if-match']],
    ['fhir-transaction', { fault: 'reject', match: { interaction: 'transaction' } }, []],
  ] as const)('tells what FHIR does not let us do, and nothing of its words: %s', async (bad, rule, unknown) => {
    const world = await newWorld()
    world.fhir.faults.set([rule])
    const { code, answer } = await checked(world)
    expect([code, others(answer)]).toEqual([3, { bad: [bad], unknown: [...unknownHere, ...unknown] }])
  })

  it('knows a feed that has another name in storage', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(1))
    await world.cast()
    const moved = world.dicom.url.replace('127.0.0.1', 'localhost')
    const { code, answer } = await checked(world, { DicomWeb__Endpoint: moved })
    expect([code, others(answer)]).toEqual([3, { bad: ['dicom-name'], unknown: unknownHere }])
    expect(says(answer, 'dicom-name')).toContain('rename-service')
  })
})
