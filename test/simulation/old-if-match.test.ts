import { describe, expect, it } from '@jest/globals'
import { checkId } from '../../lib/domain/fhir/position'
import { calmServices, calmSettings, tagsWith } from './calm-services'
import { type Services, startRun } from './runs'
import { type World, makeWorld } from './world'

const image = ({ feed }: Services, number: number): void => {
  const key = { partition: 'Microsoft.Default', study: '1.2', series: '1.2.1', instance: `1.2.1.${number}` }
  feed.begin(
    [{ image: feed.image(key, false), action: 'Create', tags: tagsWith({ number }), poison: false }],
    0,
    0,
    false,
  )
}

/** One image and a cast, each time: whether the server was tried in it, and how many warnings it gave. */
const castOn = (takesOld: boolean) => {
  const world: World = makeWorld(1, { only: new Set(), recording: true, unknownServer: true })
  const { scheduler, history, violations } = world
  const services = calmServices(world, { flavour: { takesOld } })
  const version = (): number => services.fhir.store.versionOf(`Basic/${checkId}`)
  const cast = async (name: string) => {
    image(services, history.length)
    await scheduler.run(() => services.feed.open() === 0)
    const [from, before] = [history.length, version()]
    const running = startRun(world, services, calmSettings(2), name, 240_000)
    await scheduler.run(() => !running.process.alive)
    const warnings = history.slice(from).filter((line) => line.includes('logs warn')).length
    return { ended: running.summary?.ended, isTried: version() > before, warnings, violations }
  }
  return { services, cast, scheduler }
}

const fine = { ended: 'CaughtUp', violations: [] }

describe('a FHIR server that nobody knows yet', () => {
  it.each([true, false])(
    'is tried after the first commit, and not again: it takes an old If-Match, %s',
    async (takesOld) => {
      const { services, cast } = castOn(takesOld)
      expect(await cast('first')).toEqual({ ...fine, isTried: true, warnings: takesOld ? 1 : 0 })
      expect(services.storage.name?.conditions).toMatchObject({ refusesOld: !takesOld })
      expect(await cast('second')).toEqual({ ...fine, isTried: false, warnings: 0 })
    },
  )

  it('is tried again a day later when it was found wrong, and no more when it was found sound', async () => {
    for (const takesOld of [true, false]) {
      const { cast, scheduler } = castOn(takesOld)
      await cast('first')
      await scheduler.run(() => false, scheduler.now() + 25 * 3_600_000)
      expect(await cast('later')).toEqual({ ...fine, isTried: takesOld, warnings: takesOld ? 1 : 0 })
    }
  })
})
