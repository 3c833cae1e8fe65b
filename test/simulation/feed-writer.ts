import type { Change, Feed, Image, Tags } from './feed-model'
import type { FaultKind } from './faults'
import type { World } from './world'

interface Study {
  readonly partition: string
  readonly uid: string
  patient: string
  given: string
  readonly description: string | undefined
}

export interface FeedWriter {
  readonly isDone: () => boolean
  /** Now, of all times: somebody deletes. False when there is nothing to delete. */
  readonly deleteSomething: (study?: string) => boolean
  /** An image with which nothing is wrong: what fails beside it fails alone. */
  readonly createHealthy: () => void
}

export const partitions = ['Microsoft.Default', 'research'] as const
const patientIds = ['P1', 'P2', 'P3', 'P4']
const modalities = ['CT', 'MR', 'SR']

const familyOf = (patient: string): string => `Family ${patient}`

/** Whoever stores, corrects and deletes images in the DICOM service. */
export const startWriter = (world: World, feed: Feed): FeedWriter => {
  const { faults, scheduler } = world
  const random = world.random.fork('writer')
  const crowd = faults.has('fhir: rejects everything')
  const studies: Array<Study> = []
  const limit = crowd ? 44 : random.between(8, 40)
  let [entries, operations, done] = [0, crowd ? 40 : random.between(5, 22), false]
  let texts = 0

  const liveImages = (study: Study): ReadonlyArray<Image> =>
    [...feed.images.values()].filter(
      ({ key, tags, locked }) =>
        key.partition === study.partition && key.study === study.uid && tags !== undefined && !locked,
    )
  const someStudy = (): Study | undefined => {
    const usable = studies.filter((study) => liveImages(study).length > 0)
    return usable.length === 0 ? undefined : random.pick(usable)
  }
  const text = (what: string): string => `${what} ${++texts}`

  /** True when its rows can be seen only later. */
  const begin = (changes: ReadonlyArray<Omit<Change, 'poison'>>, moves = false): boolean => {
    if (changes.length === 0) return false
    entries += changes.length
    const late = faults.strikes('feed: late row')
    const poisoned = (tags: Tags | undefined): boolean => tags !== undefined && faults.strikes('feed: poison')
    feed.begin(
      changes.map((change) => ({ ...change, poison: poisoned(change.tags) })),
      random.chance(0.3) ? random.between(1, 8_000) : 0,
      // A transaction never stays open for longer than a hole is remembered.
      late ? (random.chance(moves ? 0.1 : 0.5) ? random.between(20, 3_000) : random.between(3_000, 80_000)) : 0,
      moves,
    )
    if (faults.strikes('feed: rolled-back identity')) feed.skip(random.between(1, 3))
    if (faults.strikes('feed: identity jump')) feed.skip(random.chance(0.1) ? 10_400 : random.between(120, 700))
    return late
  }

  const tagsOf = (study: Study, number: number): Tags => ({
    patientId: study.patient,
    family: familyOf(study.patient),
    given: study.given,
    description: random.chance(0.6) ? study.description : random.chance(0.5) ? text('described') : undefined,
    accession: random.chance(0.5) ? text('A') : undefined,
    seriesDescription: random.chance(0.5) ? text('series') : undefined,
    modality: random.pick(modalities),
    number,
    sopClass: '1.2.840.10008.5.1.4.1.1.2',
  })

  const create = (study: Study, count: number, patient = study.patient): void => {
    for (let made = 0; made < count; made++) {
      const series = random.between(1, 2)
      const number = random.between(1, 999)
      const uid = `${study.uid}.${series}.${number}`
      const key = { partition: study.partition, study: study.uid, series: `${study.uid}.${series}`, instance: uid }
      const image = feed.image(key, faults.strikes('feed: oversized'))
      if (image.locked || image.tags !== undefined) continue
      const tags = { ...tagsOf(study, number), patientId: patient, family: familyOf(patient) }
      if (image.rows.length > 0) faults.hit('feed: re-create')
      begin([{ image, action: 'Create', tags }])
    }
  }

  const newStudy = (): void => {
    if (studies.length >= (crowd ? 40 : 6)) return
    const [described, twin] = [random.chance(0.8), studies.find(({ partition }) => partition === partitions[0])]
    const twins = twin !== undefined && faults.has('feed: partition twins') && random.chance(0.5)
    const uid = twins ? twin.uid : `1.2.${studies.length + 1}`
    const partition = twins || random.chance(0.15) ? partitions[1] : partitions[0]
    const known = studies.find((study) => study.uid === uid && study.partition === partition)
    if (known !== undefined) return create(known, 1)
    const study: Study = {
      partition,
      uid,
      patient: twins && random.chance(0.5) ? twin.patient : random.pick(patientIds),
      given: random.pick(['Ann', 'Bo']),
      description: described ? text('study') : undefined,
    }
    studies.push(study)
    if (twins) {
      faults.hit('feed: partition twins')
      faults.meet('partition twins × create')
    }
    create(study, crowd ? 1 : random.between(1, 4))
  }

  const remove = (study: Study): void => {
    const images = liveImages(study)
    const scope = random.pick([1, 1, 1, 2, 3])
    const [first] = images
    const chosen =
      scope === 1 || first === undefined
        ? images
        : scope === 2
          ? images.filter(({ key }) => key.series === first.key.series)
          : [random.pick(images)]
    faults.hit('feed: delete')
    begin(chosen.map((image) => ({ image, action: 'Delete', tags: undefined })))
  }

  const update = (study: Study, moves: boolean): void => {
    const images = liveImages(study)
    if (moves) study.patient = random.pick(patientIds.filter((each) => each !== study.patient))
    study.given = random.pick(['Ann', 'Bo', 'Cy'])
    faults.hit(moves ? 'feed: move' : 'feed: bulk update')
    const description = text('updated')
    const late = begin(
      images.map((image) => ({
        image,
        action: 'Update',
        tags: {
          ...(image.tags ?? tagsOf(study, 1)),
          patientId: study.patient,
          family: familyOf(study.patient),
          given: study.given,
          description,
        },
      })),
      moves,
    )
    // Something behind it, so that a reader sees that numbers are missing.
    const another = late ? someStudy() : undefined
    if (another !== undefined) create(another, 1)
  }

  const recreate = (study: Study): void => {
    const gone = [...feed.images.values()].filter(
      ({ key, tags, locked, rows }) =>
        key.partition === study.partition &&
        key.study === study.uid &&
        tags === undefined &&
        !locked &&
        rows.length > 0,
    )
    if (gone.length === 0) return
    const image = random.pick(gone)
    faults.hit('feed: re-create')
    begin([{ image, action: 'Create', tags: tagsOf(study, random.between(1, 999)) }])
  }

  type Operation = readonly [weight: number, kind: FaultKind | undefined, act: (study: Study) => void]
  const all: ReadonlyArray<Operation> = [
    [3, undefined, newStudy],
    [4, undefined, (study) => create(study, random.between(1, 3))],
    [3, 'feed: delete', remove],
    [2, 'feed: bulk update', (study) => update(study, false)],
    [2, 'feed: move', (study) => update(study, true)],
    [2, 'feed: re-create', recreate],
    [
      1,
      'feed: stray',
      (study) => {
        faults.hit('feed: stray')
        create(study, 1, random.pick(patientIds.filter((each) => each !== study.patient)))
      },
    ],
  ]
  const possible = all
    .filter(([, kind]) => kind === undefined || faults.has(kind))
    .flatMap(([weight, , act]) => Array.from({ length: weight }, () => act))

  const step = (): void => {
    const study = someStudy()
    if (study === undefined || crowd) newStudy()
    else random.pick(possible)(study)
    operations -= 1
    if (operations <= 0 || entries >= limit) done = true
    else {
      const pause = random.fraction()
      scheduler.after(
        pause < 0.5
          ? random.between(1, 800)
          : pause < 0.85
            ? random.between(800, 20_000)
            : random.between(20_000, 90_000),
        step,
      )
    }
  }
  scheduler.after(random.between(0, 5_000), step)

  return {
    createHealthy: () => {
      const healthy: Study = {
        partition: partitions[0],
        uid: '1.2.99',
        patient: 'P9',
        given: 'Zoe',
        description: 'healthy',
      }
      create(healthy, 1)
    },
    isDone: () => done && feed.open() === 0,
    deleteSomething: (uid) => {
      const study = studies.find((each) => each.uid === uid && liveImages(each).length > 0) ?? someStudy()
      if (study === undefined || faults.isQuiet()) return false
      remove(study)
      return true
    },
  }
}
