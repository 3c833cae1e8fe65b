import { expect, it } from '@jest/globals'
import { calmServices, calmSettings, tagsWith } from './calm-services'
import { type Key, type Tags } from './feed-model'
import { endIn } from './cases/told'
import { type Services, startRun } from './runs'
import { patientIdOf } from './check-study'
import { makeWorld } from './world'

const partition = 'Microsoft.Default'
const keyOf = (series: number, number: number): Key => ({
  ...{ partition, study: '1.2.1', series: `1.2.1.${series}`, instance: `1.2.1.${series}.${number}` },
})
const [first, second, note] = [keyOf(1, 1), keyOf(1, 2), keyOf(9, 1)]

/**
 * Another person's image comes with a note that withdraws the first one. The run that casts both is killed at a step, and then
 * the note may be corrected: it withdraws the other one.
 */
const tell = async (step: number, isCorrected: boolean) => {
  const world = makeWorld(1, { only: new Set(), at: { step, what: 'kill' } })
  const { scheduler } = world
  const calm = calmServices(world)
  const { store } = calm.fhir
  /** Whose the study was at any moment, and what was in it. */
  const held = new Set<string>()
  const committed = (): void => {
    for (const { subject, series = [] } of store.all('ImagingStudy')) {
      const uids = series.flatMap(({ instance = [] }) => instance.map(({ uid }) => uid))
      if (uids.length > 0) held.add(`${patientIdOf(store.get(subject.reference ?? ''))}: ${uids.join(' ')}`)
    }
  }
  const services: Services = { ...calm, fhir: { ...calm.fhir, committed } }
  const { feed, fhir, storage } = services
  const happens = async (
    ...changes: ReadonlyArray<readonly ['Create' | 'Update', Key, Partial<Tags>]>
  ): Promise<void> => {
    feed.begin(
      changes.map(([action, key, own]) => {
        const tags = tagsWith({ family: `Family ${own.patientId ?? 'P1'}`, number: 1, ...own })
        return { image: feed.image(key, false), action, tags, poison: false }
      }),
      ...([0, 0, false] as const),
    )
    await scheduler.run(() => feed.open() === 0)
  }
  const cast = async (name: string): Promise<void> => {
    const { process } = startRun(world, services, calmSettings(10), name, 240_000)
    await scheduler.run(() => !process.alive)
  }
  await happens(['Create', first, {}])
  await cast('before')
  const begun = world.steps
  const listing = (...lists: ReadonlyArray<Key>): Partial<Tags> => ({ note: { code: '113038', lists } })
  await happens(['Create', second, { patientId: 'P2' }], ['Create', note, listing(first)])
  await cast('killed')
  const isOver = world.steps < step
  if (isCorrected) await happens(['Update', note, listing(second)])
  for (const name of ['one', 'two', 'three']) {
    scheduler.after(90_000, () => undefined)
    await scheduler.run(() => false, scheduler.now() + 90_000)
    await cast(name)
  }
  const recorded = [...storage.fails.values()].map(({ row: { key, error } }) => ({
    ...{ study: key.studyInstanceUid ?? '?', instance: key.sopInstanceUid ?? '?', code: error._tag },
  }))
  const { studies, rows, problems } = endIn(fhir.store, recorded)
  return { begun, isOver, held, studies, rows, problems: [...problems, ...world.violations] }
}

it('a study is its own image’s when a note that gave it to another one is corrected, wherever its run was killed', async () => {
  const { begun } = await tell(Infinity, true)
  for (let step = begun + 1; ; step++) {
    const { isOver, studies, rows, problems } = await tell(step, true)
    if (isOver) break
    expect([step - begun, studies, rows, problems]).toEqual([step - begun, { '1': 'P1: 1' }, ['1 2 Rejected'], []])
  }
})

it('a study that a note gives to another image is at no moment one person’s with the image of the other', async () => {
  const { begun } = await tell(Infinity, false)
  for (let step = begun + 1; ; step++) {
    const { isOver, held, studies, rows, problems } = await tell(step, false)
    if (isOver) break
    const whose = new Set([`P1: ${first.instance}`, `P2: ${second.instance}`])
    expect([step - begun, held, studies, rows, problems]).toEqual([
      ...[step - begun, whose],
      ...[{ '1': 'P2: 2' }, ['1 1 Rejected'], []],
    ])
  }
})
