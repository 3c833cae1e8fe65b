import { describe, expect, it } from '@jest/globals'
import { newCheckpoint } from '../../lib/domain/checkpoint'
import { resync } from '../../lib/app/operate/resync-study'
import { type Told, told } from './backfill/told-backfill'
import { operatorPortsOf } from './operators'
import { newProcess } from './process'

// The archive forbids one study, by its own route, and gives all others: that costs this study alone.

const forbidden = 'Microsoft.Default/1.2.1'
const forbid = ({ services }: Told): void => services.forbidden?.forbid(forbidden)
const allow = ({ services }: Told): void => services.forbidden?.allow()

/** By another system, and whose it is does not say who that is to us. */
const registered = ({ services: { fhir } }: Told): void => {
  const subject = { reference: 'https://ehr.example.org/fhir/Patient/9' }
  fhir.store.put('ImagingStudy/ris-1', {
    ...{ resourceType: 'ImagingStudy', id: 'ris-1', status: 'registered', subject },
    identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.1' }],
  })
  Object.assign(fhir.others, { registered: new Map([['ImagingStudy/ris-1', subject]]) })
}

const endOf = (story: Told) => ({
  problems: story.problems(),
  studies: story.services.fhir.store
    .all('ImagingStudy')
    .map(({ identifier = [], numberOfInstances }) => `${identifier[0]?.value?.slice(12)}: ${numberOfInstances}`)
    .sort(),
  rows: [...story.services.storage.fails.values()].map(
    ({ row }) => `${row.key.sopInstanceUid ?? row.key.studyInstanceUid} ${row.error._tag}`,
  ),
})

describe('the feed', () => {
  it('goes on behind a study in doubt, and stores it when it may be read', async () => {
    const story = told()
    await story.happens(story.create(1, 1), story.create(1, 2), story.create(2, 1))
    await story.castsFeed()
    forbid(story)
    const moved = { ...story.create(1, 1, { patientId: 'P2' }), action: 'Update' as const }
    await story.happens(moved, story.create(3, 1))
    await story.castsFeed()
    expect(endOf(story)).toEqual({
      ...{ problems: [], studies: ['1: 1', '2: 1', '3: 1'] },
      rows: ['1.2.1.1.1 PatientMismatch'],
    })
    allow(story)
    await story.happens({ ...story.create(1, 2, { patientId: 'P2' }), action: 'Update' as const })
    await story.castsFeed()
    expect(endOf(story)).toEqual({ problems: [], studies: ['1: 2', '2: 1', '3: 1'], rows: [] })
  })

  it('goes on behind it also where all rows around it are of its study', async () => {
    const story = told()
    const images = Array.from({ length: 12 }, (_, index) => story.create(1, index + 1))
    await story.happens(...images)
    await story.castsFeed()
    forbid(story)
    const more = Array.from({ length: 12 }, (_, index) => story.create(1, index + 13))
    const moved = { ...story.create(1, 1, { patientId: 'P2' }), action: 'Update' as const }
    await story.happens(moved, ...more, story.create(3, 1))
    await story.castsFeed()
    expect(endOf(story)).toEqual({ problems: [], studies: ['1: 23', '3: 1'], rows: ['1.2.1.1.1 PatientMismatch'] })
  })

  it('says of it what the newest row said, when all is read again and the last one names nobody', async () => {
    const story = told()
    // In the order in which the archive tells them, which is none.
    const newest = story.create(1, 2, { patientId: 'P2', description: 'newest' })
    const older = story.create(1, 3, { patientId: 'P2', description: 'older' })
    await story.happens(story.create(1, 1), story.create(2, 1))
    await story.castsFeed()
    forbid(story)
    await story.happens(older, newest, { ...story.create(1, 1, { patientId: '' }), action: 'Update' })
    await story.castsFeed()
    allow(story)
    story.services.storage.checkpoint = { checkpoint: newCheckpoint(0), etag: 'operator', writer: 'operator' }
    await story.castsFeed()
    const [study] = story.services.fhir.store
      .all('ImagingStudy')
      .filter(({ numberOfInstances }) => numberOfInstances === 2)
    expect([study?.description, endOf(story)]).toEqual([
      'newest',
      { problems: [], studies: ['1: 2', '2: 1'], rows: ['1.2.1.1.1 TagsRejected'] },
    ])
  })

  it('lets nobody else into a study of another system, and lets in whom it then finds there', async () => {
    const story = told()
    const uid = story.create(1, 1).image.key.study
    story.services.fhir.store.put('ImagingStudy/ris', {
      ...{ resourceType: 'ImagingStudy', id: 'ris', status: 'registered' },
      subject: { reference: 'https://ehr.example.org/fhir/Patient/9' },
      identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
    })
    await story.happens(story.create(1, 1), story.create(2, 1))
    await story.castsFeed()
    forbid(story)
    await story.happens(story.create(1, 2, { patientId: 'P2' }), story.create(1, 3))
    await story.castsFeed()
    const inDoubt = ['1.2.1.1.2 PatientMismatch', '1.2.1.1.3 PatientMismatch']
    expect(endOf(story)).toMatchObject({ studies: ['1: 1', '2: 1'], rows: inDoubt })
    allow(story)
    await story.happens(story.create(1, 4))
    await story.castsFeed()
    expect(endOf(story)).toMatchObject({ studies: ['1: 3', '2: 1'], rows: ['1.2.1.1.2 PatientMismatch'] })
  })

  it('goes on behind rows of it that want another look', async () => {
    const story = told()
    const other = story.create(1, 2, { patientId: 'P2' })
    await story.happens(story.create(1, 1), other, story.create(2, 1))
    await story.castsFeed()
    forbid(story)
    await story.happens(...story.gone(story.create(1, 1)), story.create(3, 1))
    await story.castsFeed()
    expect(endOf(story).studies).toEqual(expect.arrayContaining(['2: 1', '3: 1']))
  })

  it('goes on behind a note that is gone and took an image out of it', async () => {
    const story = told()
    const listed = story.create(1, 1)
    const note = story.create(2, 1, { note: { code: '113037', lists: [listed.image.key] } })
    await story.happens(listed, story.create(1, 2), note)
    await story.castsFeed()
    forbid(story)
    await story.happens(...story.gone(note), story.create(3, 1))
    await story.castsFeed()
    expect(endOf(story)).toEqual({ problems: [], studies: ['1: 1', '3: 1'], rows: ['1.2.1.1.1 Rejected'] })
  })

  it('leaves in such a study what was judged when it was written, though its rows come again', async () => {
    const story = told()
    registered(story)
    await story.happens(story.create(1, 1), story.create(1, 2), story.create(2, 1))
    await story.castsFeed()
    await story.happens(story.create(1, 3), story.create(1, 4), story.create(3, 1))
    const { storage } = story.services
    const before = storage.checkpoint
    await story.castsFeed()
    forbid(story)
    // As if it had died before the checkpoint moved.
    storage.checkpoint = before
    await story.castsFeed()
    expect(endOf(story)).toEqual({ problems: [], studies: ['1: 4', '2: 1', '3: 1'], rows: [] })
  })

  it('keeps what a note says of an image in doubt, also when the image is gone', async () => {
    const story = told()
    const listed = story.create(1, 2, { patientId: 'P2' })
    await story.happens(story.create(1, 1), story.create(2, 1))
    await story.castsFeed()
    forbid(story)
    await story.happens(listed)
    await story.castsFeed()
    await story.happens(story.create(2, 2, { note: { code: '113001', lists: [listed.image.key] } }))
    await story.castsFeed()
    const end = { problems: [], studies: ['1: 1', '2: 1'] }
    expect(endOf(story)).toEqual({ ...end, rows: ['1.2.1.1.2 PatientMismatch'] })
    await story.happens(...story.gone(listed))
    await story.castsFeed()
    expect(endOf(story)).toEqual({ ...end, rows: ['1.2.1.1.2 Rejected'] })
  })

  it('keeps what a note says of an image that stands for its tags, also when they are corrected', async () => {
    const story = told()
    const listed = story.create(1, 2, { patientId: '' })
    await story.happens(story.create(1, 1), story.create(2, 1), listed)
    await story.castsFeed()
    forbid(story)
    const note = story.create(2, 2, { note: { code: '113001', lists: [listed.image.key] } })
    await story.happens(note)
    await story.castsFeed()
    expect(endOf(story)).toEqual({ problems: [], studies: ['1: 1', '2: 1'], rows: ['1.2.1.1.2 TagsRejected'] })
    await story.happens({ ...story.create(1, 2), action: 'Update' })
    await story.castsFeed()
    expect(endOf(story)).toEqual({ problems: [], studies: ['1: 2', '2: 1'], rows: ['1.2.1.1.2 Rejected'] })
    await story.happens(...story.gone(note))
    await story.castsFeed()
    allow(story)
    expect(endOf(story)).toMatchObject({ problems: [], studies: ['1: 2', '2: 1'] })
  })

  it('passes an image by that no page holds, and whose study is forbidden', async () => {
    const story = told()
    const large = story.create(1, 1)
    Object.assign(large.image, { oversized: true })
    await story.happens(story.create(2, 1), large, story.create(3, 1))
    forbid(story)
    await story.castsFeed()
    expect(endOf(story)).toEqual({ problems: [], studies: ['2: 1', '3: 1'], rows: ['1.2.1.1.1 EntryMalformed'] })
  })
})

/** Of three studies one is gone, and the first with which that is compared is forbidden. */
const withOneGone = async () => {
  const story = told()
  const gone = story.create(3, 1)
  await story.happens(story.create(1, 1), story.create(2, 1), gone)
  await story.castsFeed()
  await story.happens(...story.gone(gone))
  forbid(story)
  return { story, gone }
}

it('a resync believes of another one that it is gone, though it is the first with which that is compared', async () => {
  const { story, gone } = await withOneGone()
  const { world, services, settings } = story
  const operator = Object.assign(newProcess('the operator'), { operates: true })
  const options = { runId: world.random.uuid(), budgetMs: 240_000, stopping: () => false }
  const { partition, study: studyInstanceUid } = gone.image.key
  let answer: unknown
  const ports = operatorPortsOf(world, services, operator)
  void resync(ports, settings, options, { partition, studyInstanceUid }).then((done) => (answer = done))
  await world.scheduler.run(() => answer !== undefined)
  expect(answer).toMatchObject({ _tag: 'Right', right: { removed: 1 } })
  expect(endOf(story).studies).toEqual(['1: 1', '2: 1'])
})

describe('a backfill', () => {
  it('records it, casts the others, and the next one casts it when it may be read', async () => {
    const story = told()
    await story.happens(story.create(1, 1), story.create(2, 1), story.create(3, 1))
    forbid(story)
    await story.begin({ lanes: 2 })
    await story.goOn(100)
    expect(endOf(story)).toEqual({ problems: [], studies: ['2: 1', '3: 1'], rows: ['1.2.1 OutlastedRetries'] })
    allow(story)
    await story.begin({ lanes: 2 })
    await story.goOn(100)
    expect(endOf(story)).toEqual({ problems: [], studies: ['1: 1', '2: 1', '3: 1'], rows: [] })
  })

  it('believes of others that they are gone, though it is the first with which they are compared', async () => {
    const { story } = await withOneGone()
    await story.begin()
    await story.goOn(100)
    expect(endOf(story)).toEqual({ problems: [], studies: ['1: 1', '2: 1'], rows: ['1.2.1 OutlastedRetries'] })
  })

  it('records it also where nothing else is in what it is about', async () => {
    const story = told()
    const [one, two] = [story.create(1, 1), story.create(2, 1)]
    await story.happens(one, two)
    forbid(story)
    const { partition, study } = one.image.key
    await story.begin({ studies: [{ partition, studyInstanceUid: study }] })
    await story.goOn(100)
    expect([story.side.row?.state, endOf(story).rows]).toEqual(['over', ['1.2.1 OutlastedRetries']])
  })
})
