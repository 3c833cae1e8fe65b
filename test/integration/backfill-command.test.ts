import { describe, expect, it } from '@jest/globals'
import { fill, endStateOf, expectNoneTwice, useCastElsewhere } from '../support/world/backfill-world'
import { useCastWorld } from '../support/world/cast-world'
import { dicomcast } from '../support/world/command-line'

const newWorld = useCastWorld()
const castElsewhere = useCastElsewhere()

describe('dicomcast backfill and work', () => {
  it('rebuild an archive with two processes, and say how far they are', async () => {
    const world = await newWorld({ settings: { DicomCast__HoleAge: '00:00:01' } })
    fill(world, 25)
    const environment = world.environment()
    const foreseen = await dicomcast(environment, 'backfill', 'start', '--dry-run')
    expect([foreseen.code, foreseen.stdout]).toEqual([0, 'Microsoft.Default: 25 studies, about 75 images\n'])
    expect((await dicomcast(environment, 'backfill', 'status')).code).toBe(2)
    const begun = await dicomcast(environment, 'backfill', 'start', '--yes', '--lanes', '3', '--json')
    expect([begun.code, JSON.parse(begun.stdout)]).toMatchObject([0, { state: 'waiting', lanes: 3 }])
    expect(await dicomcast(environment, 'cast')).toMatchObject({ code: 4 })
    const status = await dicomcast(environment, 'status', '--json')
    expect(JSON.parse(status.stdout)).toMatchObject({ gate: { state: 'backfill' }, backfill: { lanes: 3 } })
    const watching = dicomcast(environment, 'backfill', 'status', '--watch')
    const workers = await Promise.all([dicomcast(environment, 'work'), dicomcast(environment, 'work')])
    expect(workers.map(({ code }) => code)).toEqual([0, 0])
    const ended = await dicomcast(environment, 'backfill', 'status')
    expect(ended.code).toBe(0)
    expect(await watching).toEqual(ended)
    expect(ended.stdout).toMatch(
      /^Backfill {4}is done; begun by .*\nListed {6}25 studies, about 75 images\nDone {8}25 studies/,
    )
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
    expectNoneTwice(world.fhir)
    expect((await dicomcast(environment, 'work')).code).toBe(0)
    expect((await dicomcast(environment, 'backfill', 'cancel')).code).toBe(2)
  })
})
