import { describe, expect, it } from '@jest/globals'
import { type Sleeper, type Told, patientOf, told } from './told-backfill'

// Each of the rules of a backfill (docs/adr/0007) in the shortest history in which something would be lost or doubled without it.

/** As the weakest FHIR server that we write to does: who found nothing before, creates. */
const weakest = { flavour: { createsAgain: true } }

const lanes = 2
const [own, other] = [patientOf(0, lanes), patientOf(1, lanes)]

/** To the end of the backfill and of the feed: every study under its Patient, and nothing said that is not true. */
const endOf = async (story: Told) => {
  await story.goOn(60)
  await story.castsFeed()
  const { fhir, storage } = story.services
  const patients = new Map(
    fhir.store.all('Patient').map(({ id, identifier = [] }) => [`Patient/${id}`, identifier[0]?.value]),
  )
  return {
    state: story.side.row?.state,
    problems: story.problems(),
    studies: fhir.store
      .all('ImagingStudy')
      .map(
        ({ identifier = [], subject }) => `${identifier[0]?.value?.slice(12)} ${patients.get(subject.reference ?? '')}`,
      )
      .sort(),
    rows: [...storage.fails.values()].map(({ row }) => `${row.key.studyInstanceUid} ${row.error._tag}`),
  }
}

const ending = (...studies: ReadonlyArray<string>) => ({ state: 'over', problems: [], studies, rows: [] })

/** A story is told only when they stand where it says. */
const standing = (...sleepers: ReadonlyArray<Sleeper>): void => {
  expect(sleepers.map((each) => each.isStanding())).toEqual(sleepers.map(() => true))
}

/** Behind what it read of FHIR and of the archive. */
const beforeItWrites = { at: /→ fhir.transact/ }

/** Somebody begins it, and its parts are on the queue. */
const listed = async (story: Told, request: Parameters<Told['begin']>[0] = {}): Promise<void> => {
  await story.begin(request)
  await story.waits()
  await story.works()
}

/** Its part comes to another worker, who casts it while the first one stands still. */
const anotherCasts = async (story: Told, sleeper: Sleeper): Promise<void> => {
  standing(sleeper)
  story.comesTwice(0, 1)
  await story.works()
  await sleeper.goesOn()
}

describe('two workers that have the same part', () => {
  it('create its study once, though both found nothing before', async () => {
    const story = told(weakest)
    await story.happens(story.create(1, 1))
    await listed(story)
    const sleeper = await story.works(beforeItWrites)
    await anotherCasts(story, sleeper)
    expect(await endOf(story)).toEqual(ending('1 P1'))
  })

  it('create it once, though one of them looked before the other one wrote', async () => {
    const story = told(weakest)
    await story.happens(story.create(1, 1))
    await listed(story)
    const sleeper = await story.works({ at: /sleep/, behind: /dicom\.study / })
    await anotherCasts(story, sleeper)
    expect(await endOf(story)).toEqual(ending('1 P1'))
  })

  it('leave it as the archive had it when it was read last', async () => {
    const story = told()
    await story.happens(story.create(1, 1))
    await listed(story)
    const sleeper = await story.works({ at: /← dicom\.study / })
    await story.happens({ ...story.create(1, 1, { description: 'corrected' }), action: 'Update' })
    await anotherCasts(story, sleeper)
    expect(await endOf(story)).toEqual(ending('1 P1'))
  })
})

/** Two studies of a part, the second of which cannot be read at four tries; the fifth stands still. */
const fifthTry = async (story: Told, stop: Parameters<Told['works']>[0]) => {
  for (let tries = 1; tries < 5; tries++) {
    await story.works()
    await story.passes(100_000)
  }
  return story.works(stop)
}

describe('a study that cannot be read, and can again when its part comes twice', () => {
  const broken = async (story: Told) => {
    const study = story.create(2, 1)
    await story.happens(story.create(1, 1), study)
    return study.image
  }

  it('is not recorded by the worker who met it before the other one wrote', async () => {
    const story = told()
    const image = await broken(story)
    image.poison = true
    await listed(story)
    const sleeper = await fifthTry(story, { at: /→ (backfill\.lane|fhir\.read)/, behind: /dicom\.study / })
    image.poison = false
    await anotherCasts(story, sleeper)
    expect(await endOf(story)).toEqual(ending('1 P1', '2 P1'))
  })

  it('is not recorded by the worker who met it before the other one had nothing to write', async () => {
    const story = told()
    const image = await broken(story)
    await story.castsFeed()
    image.poison = true
    await listed(story)
    const sleeper = await fifthTry(story, { at: /→ fhir\.read/, behind: /fhir\.transact/ })
    image.poison = false
    await anotherCasts(story, sleeper)
    expect(await endOf(story)).toEqual(ending('1 P1', '2 P1'))
  })
})

describe('a worker that comes late, or sleeps, when somebody cancels', () => {
  it('writes nothing when its message comes behind the end of its lane', async () => {
    const story = told()
    const study = story.create(1, 1)
    await story.happens(study)
    await listed(story)
    const canceller = await story.cancel({ at: /→ gate\.write/ })
    standing(canceller)
    const late = await story.works(beforeItWrites)
    await canceller.goesOn()
    await story.happens(...story.gone(study))
    await story.castsFeed()
    await late.goesOn()
    expect(await endOf(story)).toEqual(ending())
  })

  it('writes nothing more when it slept over that', async () => {
    const story = told()
    const study = story.create(1, 1)
    await story.happens(study)
    await listed(story)
    const sleeper = await story.works(beforeItWrites)
    standing(sleeper)
    await story.cancel()
    await story.happens(...story.gone(study))
    await story.castsFeed()
    await sleeper.goesOn()
    expect(await endOf(story)).toEqual(ending())
  })

  it('writes nothing more when its last transaction came before that of who closes its lane', async () => {
    const story = told({}, [], { maxBundleEntries: 3 })
    const studies = [story.create(1, 1), story.create(2, 1)]
    await story.happens(...studies)
    await listed(story)
    const worker = await story.works(beforeItWrites)
    const canceller = await story.cancel(beforeItWrites)
    standing(worker, canceller)
    await worker.goesOn(beforeItWrites)
    standing(worker)
    await canceller.goesOn()
    await story.happens(...story.gone(...studies))
    await story.castsFeed()
    await worker.goesOn()
    expect(await endOf(story)).toEqual(ending())
  })
})

describe('a study whose patient becomes another lane’s', () => {
  it('is cast under its new patient when all lanes are closed, though it was listed twice, and a worker sleeps over it', async () => {
    const story = told(weakest)
    await story.happens(story.create(1, 1, { patientId: own }))
    await story.begin({ lanes })
    await story.waits()
    const lister = await story.works({ at: /→ backfill\.write listing/, behind: /dicom\.studies/ })
    standing(lister)
    lister.dies()
    const sleeper = await story.works(beforeItWrites)
    await story.happens({ ...story.create(1, 1, { patientId: other }), action: 'Update' })
    await story.passes(61_000)
    await story.ticks()
    standing(sleeper)
    await story.works(undefined, 1)
    await sleeper.goesOn()
    expect(await endOf(story)).toEqual(ending(`1 ${other}`))
  })

  it('is handed to no other lane by the worker who finds it so, while one sleeps over it', async () => {
    const story = told(weakest)
    await story.happens(story.create(1, 1, { patientId: own }))
    await listed(story, { lanes })
    const sleeper = await story.works(beforeItWrites)
    await story.happens({ ...story.create(1, 1, { patientId: other }), action: 'Update' })
    story.comesTwice(0, 1)
    const finder = await story.works(beforeItWrites, 0)
    standing(sleeper, finder)
    await story.works(undefined, 1)
    await sleeper.goesOn()
    await finder.goesOn()
    expect(await endOf(story)).toEqual(ending(`1 ${other}`))
  })

  it('is not created under the patient of whom another lane creates a study', async () => {
    const story = told(weakest)
    const moving = story.create(1, 1, { patientId: own })
    await story.happens(moving, story.create(2, 1, { patientId: other }))
    await listed(story, { lanes })
    await story.happens({ ...story.create(1, 1, { patientId: other }), action: 'Update' })
    const one = await story.works(beforeItWrites)
    const two = await story.works(beforeItWrites)
    await one.goesOn()
    await two.goesOn()
    expect(await endOf(story)).toEqual(ending(`1 ${other}`, `2 ${other}`))
  })
})

describe('a list whose pages have shifted since deletions', () => {
  it('is read without a gap', async () => {
    const story = told()
    const studies = Array.from({ length: 12 }, (_, index) => story.create(index + 1, 1))
    await story.happens(...studies)
    Object.assign(story.side, { pageOfList: 3 })
    await story.begin()
    await story.waits()
    const lister = await story.works({ at: /→ dicom\.studies .* 3\+/ })
    // The youngest come first.
    await story.happens(...story.gone(...studies.slice(-3)))
    standing(lister)
    await lister.goesOn()
    const names = Array.from({ length: 9 }, (_, index) => `${index + 1} P1`)
    expect(await endOf(story)).toEqual(ending(...names))
  })
})
