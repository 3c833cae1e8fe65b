import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import { dryRunBackfill, startBackfill, tickBackfill } from '../../lib/composition/backfill'
import { held } from '../support/fhir/cast-fhir'
import { backfillIn, endStateOf, expectNoneTwice, fill, useCastElsewhere } from '../support/world/backfill-world'
import { created, deleted } from '../support/world/cast-images'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'
import { dicomcast } from '../support/world/command-line'

const newWorld = useCastWorld()
const castElsewhere = useCastElsewhere()

const named = (...uids: ReadonlyArray<string>) =>
  uids.map((studyInstanceUid) => ({ partition: 'Microsoft.Default', studyInstanceUid }))

const studiesOf = (world: CastWorld): ReadonlyArray<string | undefined> =>
  held(world, 'ImagingStudy')
    .map(({ identifier = [] }) => identifier.find(({ system }) => system === 'urn:dicom:uid')?.value?.slice(8))
    .sort()

describe('a backfill of studies that are named', () => {
  it('casts these, in lanes, of whatever partition; the feed then goes over everything', async () => {
    const world = await newWorld({ settings: { DicomCast__Partitions: 'Microsoft.Default, north' } })
    fill(world, 9)
    world.dicom.control.append(created({ study: '1.2.30', partition: 'north', patientId: 'N1' }))
    const backfill = backfillIn(world)
    const studies = [...named('1.2.2', '1.2.5', '9.9', '1.2.2'), { partition: 'NORTH', studyInstanceUid: '1.2.30' }]
    const request = { lanes: 3, scope: {}, studies }
    expect(await dryRunBackfill(backfill.operator(), request)).toMatchObject({
      right: {
        partitions: [
          { partition: 'Microsoft.Default', studies: 2, images: 6 },
          { partition: 'north', studies: 1, images: 1 },
        ],
        ...{ missing: 1, whole: true },
      },
    })
    await backfill.start(request)
    const ended = await backfill.run()
    expect(ended).toMatchObject({ ended: 'Done', given: 4, listed: { studies: 3, images: 7, whole: true } })
    expect([ended.checkpoint, studiesOf(world)]).toEqual([expect.anything(), ['1.2.2', '1.2.30', '1.2.5']])
    expect(await world.cast({}, { maxBatches: 0 })).toMatchObject({ ended: 'CaughtUp', from: 0 })
    expect(endStateOf(world.fhir)).toEqual(endStateOf(await castElsewhere(world)))
    expectNoneTwice(world.fhir)
  })

  it('that was cut off in the middle of its list goes on there', async () => {
    const world = await newWorld()
    fill(world, 450, 1)
    const backfill = backfillIn(world)
    const uids = Array.from({ length: 450 }, (_, index) => `1.2.${index + 1}`)
    await backfill.start({ lanes: 2, studies: named(...uids) })
    await sleep(1_100)
    // Looked at once before each step, and before each few questions: it ends behind the first chunk.
    let asked = 0
    const stopping = (): boolean => (asked += 1) > 55
    await tickBackfill(backfill.operator({ stopping }))
    expect(await backfill.status()).toMatchObject({ state: 'listing', listed: { studies: 400, whole: false } })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', listed: { studies: 450 }, done: { studies: 450 } })
    expect(held(world, 'ImagingStudy')).toHaveLength(450)
  })

  it('takes out of FHIR what the archive no longer has, but no more than may go unasked', async () => {
    const world = await newWorld()
    fill(world, 4, 1)
    await world.cast()
    for (const study of ['1.2.1', '1.2.2']) world.dicom.control.append(deleted({ study }))
    const careful = backfillIn(world, { DicomCast__MaxGone: '1' })
    await careful.start({ studies: named('1.2.1', '1.2.2', '1.2.3') })
    expect(await careful.run()).toMatchObject({ ended: 'Done', tooManyGone: 2, listed: { studies: 1 } })
    expect(studiesOf(world)).toEqual(['1.2.1', '1.2.2', '1.2.3', '1.2.4'])
    const backfill = backfillIn(world)
    await backfill.start({ studies: named('1.2.1', '1.2.2', '1.2.3') })
    expect(await backfill.run()).toMatchObject({ ended: 'Done', leftOver: { cast: 2, failed: 0 } })
    expect(studiesOf(world)).toEqual(['1.2.3', '1.2.4'])
  })

  it('is refused where the DICOM service has no such partition, and leaves the gate open', async () => {
    const world = await newWorld()
    fill(world, 1)
    const { operator } = backfillIn(world)
    const request = { lanes: 1, scope: {}, studies: [{ partition: 'nowhere', studyInstanceUid: '1.2.1' }] }
    const refusal = { left: { _tag: 'Refused', reason: expect.stringContaining('no partition nowhere') } }
    expect(await startBackfill(operator(), request)).toMatchObject(refusal)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp' })
  })
})

it('dicomcast backfill start --studies-file takes a file, and names the lines that are no study', async () => {
  const world = await newWorld({ settings: { DicomCast__HoleAge: '00:00:01' } })
  fill(world, 3)
  const environment = world.environment()
  const file = join(mkdtempSync(join(tmpdir(), 'studies-')), 'studies.txt')
  const start = (...more: ReadonlyArray<string>) =>
    dicomcast(environment, 'backfill', 'start', '--studies-file', file, ...more)
  expect(await start('--dry-run')).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot be read: ENOENT') })
  writeFileSync(file, '1.2.1\nsecret^name\n\n' + 'x\n'.repeat(25))
  const { code, stderr } = await start('--yes')
  expect([code, stderr.match(/line \d+/g)?.length, stderr]).toEqual([2, 20, expect.stringContaining('  and 6 more\n')])
  expect(stderr).toMatch(/--studies-file: line 2: expected a StudyInstanceUID, or partition\/StudyInstanceUID\n/)
  expect(stderr).not.toContain('secret')
  writeFileSync(file, '\n')
  expect(await start('--yes')).toMatchObject({ code: 2, stderr: expect.stringContaining('expected one at least') })
  writeFileSync(file, '\uFEFF1.2.1\r\n microsoft.default/1.2.3 \r\n\r\n9.9')
  expect(await start('--yes', '--since', '2026-01-01T00:00:00Z')).toMatchObject({ code: 2 })
  expect(await start('--dry-run')).toMatchObject({
    ...{ code: 0 },
    stdout: 'Microsoft.Default: 2 studies, about 6 images\n1 study named, and not in the archive\n',
  })
  expect(await start('--yes')).toMatchObject({ code: 0 })
  expect(await dicomcast(environment, 'work')).toMatchObject({ code: 0 })
  const ended = await dicomcast(environment, 'backfill', 'status')
  expect([ended.code, ended.stdout]).toEqual([
    0,
    expect.stringContaining('\nListed      2 studies, about 6 images; of 3 studies that were named\n'),
  ])
  expect(studiesOf(world)).toEqual(['1.2.1', '1.2.3'])
}, 60_000)
