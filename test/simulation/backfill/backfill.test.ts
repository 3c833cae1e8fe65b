import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { moveCheckpoint } from '../../../lib/app/operate/move-checkpoint'
import { instancesIn } from '../calm-services'
import { rejecting } from '../cases/told'
import type { Change } from '../feed-model'
import { startRun } from '../runs'
import { backfillPortsOf, tick } from './work'
import { type Told, told } from './told-backfill'

const studiesOf = ({ services }: Told): ReadonlyArray<string> =>
  services.fhir.store
    .all('ImagingStudy')
    .map(({ identifier = [], numberOfInstances }) => `${identifier[0]?.value} ${numberOfInstances}`)
    .sort()

const rowsOf = ({ services }: Told): ReadonlyArray<string> =>
  [...services.storage.fails.values()].map(({ row }) => `${row.key.studyInstanceUid} ${row.error._tag}`)

describe('a backfill', () => {
  it('casts all studies, and moves the checkpoint to the head', async () => {
    const story = told()
    await story.happens(story.create(1, 1), story.create(1, 2), story.create(2, 1, { patientId: 'P2' }))
    await story.begin({ lanes: 4 })
    await story.goOn(40)
    expect(story.side.row).toMatchObject({ state: 'over', checkpoint: 3 })
    expect([studiesOf(story), rowsOf(story)]).toEqual([['urn:oid:1.2.1 2', 'urn:oid:1.2.2 1'], []])
    expect([story.services.storage.gate?.state, story.world.violations]).toEqual(['running', []])
  })

  it('waits by the clock of the DICOM service, whatever that of a host says', async () => {
    const story = told()
    await story.happens(story.create(1, 1))
    await story.begin()
    const hurried = Object.assign(story.by('hurried'), { skewMs: 600_000 })
    let isDone = false
    void tick(story, hurried, true).finally(() => (isDone = true))
    await story.world.scheduler.run(() => isDone)
    expect(story.side.row?.state).toBe('waiting')
  })

  it('records the one study that FHIR forbids, and comes to its end', async () => {
    const story = told({ verdictOn: (bundle) => (instancesIn(bundle).includes('1.2.1.1.1') ? 'forbidden' : 'fine') })
    await story.happens(story.create(1, 1), story.create(2, 1))
    await story.begin()
    await story.goOn(400)
    expect([story.side.row?.state, studiesOf(story), rowsOf(story)]).toEqual([
      'over',
      ['urn:oid:1.2.2 1'],
      ['1.2.1 OutlastedRetries'],
    ])
  })

  it('leaves the old row of an image where it dies before the new one stands', async () => {
    const story = told({ verdictOn: (bundle) => (instancesIn(bundle).includes('1.2.1.1.2') ? 'rejected' : 'fine') })
    await story.happens(story.create(1, 1), story.create(1, 2), story.create(2, 1))
    await story.castsFeed()
    expect(rowsOf(story)).toEqual(['1.2.1 FhirRejected'])
    await story.happens({ ...story.create(1, 2, { patientId: '' }), action: 'Update' as const })
    await story.begin()
    await story.waits()
    await story.works()
    const worker = await story.works({ at: /→ errors\.record/ })
    expect([worker.isStanding(), rowsOf(story)]).toEqual([true, ['1.2.1 FhirRejected']])
    worker.dies()
    await story.goOn(400)
    expect([story.side.row?.state, rowsOf(story), story.problems()]).toEqual(['over', ['1.2.1 TagsRejected'], []])
  })

  it('records the first study of its only lane, when that cannot be read and others can', async () => {
    const story = told()
    await story.happens(story.create(2, 1))
    // The youngest comes first, and is as large as a part.
    await story.happens({ ...story.create(9, 1), poison: true })
    await story.begin()
    await story.goOn(400)
    expect([story.side.row?.state, studiesOf(story), rowsOf(story)]).toEqual([
      'over',
      ['urn:oid:1.2.2 1'],
      ['1.2.9 OutlastedRetries'],
    ])
  })

  it('is ended by whoever cancels it, though what was left over can neither be found nor be believed gone', async () => {
    const story = told()
    const studies = [story.create(1, 1), story.create(2, 1)]
    await story.happens(...studies)
    await story.begin()
    await story.goOn(40)
    await story.happens(...studies.map((each) => ({ ...each, action: 'Delete' as const, tags: undefined })))
    await story.begin()
    await story.goOn(40)
    expect([story.side.row?.state, studiesOf(story)]).toEqual(['leftOver', ['urn:oid:1.2.1 1', 'urn:oid:1.2.2 1']])
    await story.cancel()
    expect(story.side.row).toMatchObject({ state: 'over', isCancelled: true, checkpoint: 2 })
    expect(story.services.storage.gate?.state).toBe('running')
  })

  it('comes to its end when somebody mends the checkpoint that could not be read', async () => {
    const story = told()
    const { storage } = story.services
    await story.happens(story.create(1, 1))
    await story.begin()
    if (storage.checkpoint !== undefined) {
      storage.checkpoint = { ...storage.checkpoint, unreadable: 'all of it', etag: 'by hand' }
    }
    await story.goOn(40)
    expect(story.side.row?.state).toBe('opening')
    const ports = backfillPortsOf(story, story.by('ben'))
    const options = { runId: 'ben', budgetMs: 240_000, stopping: () => false }
    const moving = moveCheckpoint(ports, story.settings, options, { to: { sequence: 0 }, etag: 'by hand' })
    let isDone = false
    void moving.finally(() => (isDone = true))
    await story.world.scheduler.run(() => isDone)
    expect(E.isRight(await moving)).toBe(true)
    await story.goOn(40)
    expect(story.side.row).toMatchObject({ state: 'over', checkpoint: 1 })
  })

  it('takes away the row of an image that is gone, also when the note in another study that withdrew it lists others now', async () => {
    const story = told()
    const { services, world, create } = story
    const note = (listed: number) => create(2, 9, rejecting('113037', [listed, 1]))
    await story.happens(create(1, 1), create(2, 1), create(3, 1), note(1))
    const { process } = startRun(world, services, story.settings, 'cast', 240_000)
    await world.scheduler.run(() => !process.alive)
    expect(rowsOf(story)).toEqual(['1.2.1 Rejected'])
    await story.happens({ ...create(1, 1), action: 'Delete', tags: undefined }, { ...note(3), action: 'Update' })
    await story.begin()
    await story.goOn(40)
    expect(story.side.row).toMatchObject({ state: 'over', checkpoint: 6 })
    expect([rowsOf(story), studiesOf(story)]).toEqual([['1.2.3 Rejected'], ['urn:oid:1.2.2 1']])
  })

  // It has read the study under its new UIDs before the feed came to the rows that told of them.
  it('takes from the feed no sign that an image got other UIDs: it is gone from where it was', async () => {
    const story = told()
    await story.happens(story.create(1, 1))
    await story.begin()
    await story.goOn(40)
    const before = story.create(1, 1)
    const key = { ...before.image.key, study: '1.2.5', series: '1.2.5.1' }
    await story.happens(
      { ...before, image: story.services.feed.image(key, false), action: 'Update' },
      { ...before, action: 'Delete', tags: undefined, silent: true },
    )
    await story.begin({ studies: [{ partition: 'Microsoft.Default', studyInstanceUid: '1.2.5' }] })
    await story.goOn(40)
    expect(studiesOf(story)).toEqual(['urn:oid:1.2.1 1', 'urn:oid:1.2.5 1'])
    const { process } = startRun(story.world, story.services, story.settings, 'cast', 240_000)
    await story.world.scheduler.run(() => !process.alive)
    expect([studiesOf(story), rowsOf(story), story.world.violations]).toEqual([['urn:oid:1.2.5 1'], [], []])
  })

  it('lets a lane wait that a service asked for less, also when its next part is listed only then', async () => {
    const story = told()
    // Each as large as a part; the youngest is listed first.
    await story.happens(story.create(4, 1), story.create(9, 1), story.create(14, 1))
    Object.assign(story.side, { pageOfList: 2 })
    await story.begin()
    await story.waits()
    const lister = await story.works({ at: /→ backfill\.enter/, behind: /backfill\.writePart/ })
    await story.works(undefined, 0)
    const lane = [...story.side.lanes.values()].find(({ settled }) => settled === 1)
    expect([lister.isStanding(), lane?.dueAt]).toEqual([true, expect.any(Number)])
    // As a worker leaves it that was asked so.
    Object.assign(lane ?? {}, { pauseS: 120 })
    await lister.goesOn()
    const next = story.side.queue.find(({ message }) => message.part === 2)
    expect(((next?.visibleAt ?? 0) - (lane?.dueAt ?? 0)) / 1_000).toBeGreaterThanOrEqual(120)
    await story.goOn(60)
    expect([story.side.row?.state, studiesOf(story).length]).toEqual(['over', 3])
  })

  it('leaves it to the feed to take the rows of a study away that is gone, when nothing else is found to believe it by', async () => {
    const story = told({ verdictOn: (bundle) => (instancesIn(bundle).includes('1.2.1.1.1') ? 'rejected' : 'fine') })
    const [refused, other] = [story.create(1, 1), story.create(2, 1)]
    const gone = (change: typeof other): typeof other => ({ ...change, action: 'Delete', tags: undefined })
    const cast = async (name: string): Promise<void> => {
      const { process } = startRun(story.world, story.services, story.settings, name, 240_000)
      await story.world.scheduler.run(() => !process.alive)
    }
    await story.happens(refused, other)
    await cast('first')
    await story.happens(gone(refused))
    story.side.onState = (state) => {
      if (state === 'walking') story.services.feed.begin([gone(other)], 0, 0, false)
    }
    await story.begin()
    await story.goOn(40)
    expect([story.side.row, rowsOf(story)]).toMatchObject([{ state: 'over', checkpoint: 2 }, ['1.2.1 FhirRejected']])
    await cast('last')
    expect([studiesOf(story), rowsOf(story), story.world.violations]).toEqual([[], [], []])
  })

  it('believes a study gone by one that the archive lists, and FHIR does not hold yet', async () => {
    const story = told()
    const gone = [story.create(1, 1), story.create(2, 1)]
    await story.happens(...gone)
    await story.castsFeed()
    await story.happens(...gone.map((each) => ({ ...each, action: 'Delete' as const, tags: undefined })))
    await story.happens(story.create(3, 1))
    await story.begin({ studies: [{ partition: 'Microsoft.Default', studyInstanceUid: '1.2.1' }] })
    await story.goOn(40)
    expect([story.side.row?.state, studiesOf(story), rowsOf(story)]).toEqual(['over', ['urn:oid:1.2.2 1'], []])
  })

  it('believes a study gone by one of its own partition, though the archive lists one of another one first', async () => {
    const story = told()
    const { feed } = story.services
    const inResearch = (change: Change): Change => {
      const key = { ...change.image.key, partition: 'research' }
      return { ...change, image: feed.image(key, false) }
    }
    const gone = [story.create(1, 1), story.create(2, 1)].map(inResearch)
    await story.happens(...gone)
    await story.castsFeed()
    await story.happens(...story.gone(...gone))
    await story.happens(inResearch(story.create(3, 1)), story.create(4, 1))
    await story.begin({ studies: [{ partition: 'research', studyInstanceUid: '1.2.1' }] })
    await story.goOn(40)
    expect([story.side.row?.state, studiesOf(story), rowsOf(story)]).toEqual(['over', ['urn:oid:1.2.2 1'], []])
  })

  it('records a study that is gone, when its partition has nothing left to believe it by', async () => {
    const story = told()
    const { feed } = story.services
    const gone = [story.create(1, 1), story.create(2, 1)].map((change) => ({
      ...change,
      image: feed.image({ ...change.image.key, partition: 'research' }, false),
    }))
    await story.happens(...gone)
    await story.castsFeed()
    await story.happens(...story.gone(...gone), story.create(4, 1))
    await story.begin({ studies: [{ partition: 'research', studyInstanceUid: '1.2.1' }] })
    await story.goOn(200)
    expect([story.side.row?.state, rowsOf(story)]).toEqual(['over', ['1.2.1 OutlastedRetries']])
    await story.castsFeed()
    expect(story.problems()).toEqual([])
  })

  it.each([
    ['everything', {}],
    ['what has changed since', { since: 1 }],
  ])('of %s, takes out a study that is gone, when its lister died before it wrote the part', async (_, scope) => {
    const story = told()
    // Of one part.
    const [gone, other] = [story.create(5, 1), story.create(1, 1)]
    await story.happens(gone, other)
    await story.castsFeed()
    await story.begin({ scope })
    await story.waits()
    const lister = await story.works({ at: /→ backfill\.writePart/ })
    expect([lister.isStanding(), story.side.entered.size > 0]).toEqual([true, true])
    lister.dies()
    await story.happens(...story.gone(gone))
    await story.goOn(100)
    expect([story.side.row?.state, studiesOf(story), rowsOf(story)]).toEqual(['over', ['urn:oid:1.2.1 1'], []])
  })

  it('of what has changed since, casts a study whose lister died before it wrote the part', async () => {
    const story = told()
    await story.happens(story.create(9, 1))
    await story.begin({ scope: { since: 1 } })
    await story.waits()
    const lister = await story.works({ at: /→ backfill\.writePart/ })
    lister.dies()
    await story.goOn(100)
    expect([story.side.row?.state, studiesOf(story)]).toEqual(['over', ['urn:oid:1.2.9 1']])
  })

  // Else each death would leave one message more, and each of them copies itself until the lease is free.
  it('sends no second copy of a message that comes again, while somebody else takes the backfill further', async () => {
    const story = told()
    const { side } = story
    Object.assign(side, { invisibleMs: 20_000 })
    await story.happens(story.create(1, 1))
    await story.begin()
    await story.waits()
    const lister = await story.works({ at: /→ backfill\.writePart/ })
    const steps = () => side.queue.filter(({ message }) => message.part === undefined)
    side.queue.splice(0)
    side.queue.push({
      ...{ id: ++side.writes, message: { backfillId: side.row?.id ?? '' }, receipt: 0, dequeued: 0 },
      visibleAt: story.world.scheduler.now(),
    })
    const other = await story.works({ at: /→ queue\.complete/ })
    other.dies()
    expect([lister.isStanding(), steps().map(({ dequeued }) => dequeued)]).toEqual([true, [1, 0]])
    await story.passes(20_000)
    await story.works()
    await story.works()
    expect(steps().map(({ dequeued }) => dequeued)).toEqual([0])
    lister.dies()
    await story.goOn(60)
    expect([side.row?.state, studiesOf(story)]).toEqual(['over', ['urn:oid:1.2.1 1']])
  })
})
