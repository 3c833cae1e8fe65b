import { type Change, type Feed, type Image, type Tags, keyText } from './feed-model'
import type { FaultKind } from './faults'
import type { Report } from './dose-report'
import { startNotes } from './note-writer'
import { isNote, withdrawals } from './notes'
import { known } from './reference'
import type { World } from './world'

interface Study {
  readonly partition: string
  readonly uid: string
  patient: string
  /** Whose name and birth date its images have; another's than the PatientID says when that was mistyped. */
  named: string
  given: string
  /** Events of its reports, oldest first: a cumulative report repeats them. */
  readonly events: Array<string>
  readonly description: string | undefined
}

export interface FeedWriter {
  readonly isDone: () => boolean
  /** Now, of all times: somebody deletes. False when there is nothing to delete. */
  readonly deleteSomething: (study?: string) => boolean
  /** An image with which nothing is wrong: what fails beside it fails alone. */
  readonly createHealthy: () => void
  /** Two new people, one behind the other, whom a server that compares loosely may take for one. */
  readonly createAlike: () => void
}

export const partitions = ['Microsoft.Default', 'research'] as const
const distinctIds = ['P1', 'P2', 'P3', 'P4']
/** Each is one with another to some server. */
const confusableIds = ['P1', 'p1', 'Pé1', 'Pè1', 'Pe1', 'P1|x']
const modalities = ['CT', 'MR', 'SR']

const familyOf = (patient: string): string => `Family ${patient}`
const bornAs = (patient: string): Pick<Tags, 'family' | 'birthDate'> =>
  patient === known.patientId
    ? { family: known.family, birthDate: known.birthDate }
    : { family: familyOf(patient), birthDate: '19700101' }

/** Whoever stores, corrects and deletes images in the DICOM service. */
export const startWriter = (
  world: World,
  feed: Feed,
  onNewStudy: (uid: string, patient: string) => void,
): FeedWriter => {
  const { faults, scheduler } = world
  const random = world.random.fork('writer')
  const patientIds = faults.has('fhir: compares loosely') ? confusableIds : distinctIds
  const crowd = faults.has('fhir: rejects everything')
  const studies: Array<Study> = []
  const limit = crowd ? 44 : random.between(8, 40)
  let [entries, operations, done] = [0, crowd ? 40 : random.between(5, 22), false]
  let [texts, events] = [0, 0]

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

  const meetNotes = (changes: ReadonlyArray<Omit<Change, 'poison'>>): void => {
    if (!faults.has('feed: rejection note')) return
    const { of } = withdrawals(feed, false)
    const listed = changes.filter(({ image }) => of.has(keyText(image.key)))
    if (listed.some(({ action }) => action === 'Delete')) faults.meet('note × delete')
    if (listed.some(({ action }) => action === 'Update')) faults.meet('note × update')
  }

  /** True when its rows can be seen only later. */
  const begin = (changes: ReadonlyArray<Omit<Change, 'poison'>>, moves = false): boolean => {
    if (changes.some(({ image, action }) => action === 'Create' && image.rows.length > 0)) faults.hit('feed: re-create')
    if (changes.length === 0) return false
    meetNotes(changes)
    entries += changes.length
    const late = faults.strikes('feed: late row')
    const poisoned = (tags: Tags | undefined): boolean => tags !== undefined && faults.strikes('feed: poison')
    feed.begin(
      changes.map((change) => ({ ...change, poison: poisoned(change.tags) })),
      // It has its time, and waits for a lock: older than a hole may be, when it gets its number.
      faults.strikes('feed: waits for its number')
        ? random.between(121_000, 300_000)
        : random.chance(0.3)
          ? random.between(1, 8_000)
          : 0,
      // A transaction never stays open for longer than a hole is remembered.
      late ? (random.chance(moves ? 0.1 : 0.5) ? random.between(20, 3_000) : random.between(3_000, 115_000)) : 0,
      moves,
    )
    if (faults.strikes('feed: rolled-back identity')) feed.skip(random.between(1, 3))
    if (faults.strikes('feed: identity jump')) feed.skip(random.chance(0.1) ? 10_400 : random.between(120, 700))
    return late
  }

  const tagsOf = (study: Study, number: number): Tags => ({
    patientId: study.patient,
    ...bornAs(study.named),
    given: study.given,
    description: random.chance(0.6) ? study.description : random.chance(0.5) ? text('described') : undefined,
    accession: random.chance(0.5) ? text('A') : undefined,
    seriesDescription: random.chance(0.5) ? text('series') : undefined,
    modality: random.pick(modalities),
    number,
    sopClass: '1.2.840.10008.5.1.4.1.1.2',
    ...(faults.strikes('feed: dose report') ? { report: reportOf(study) } : {}),
  })

  /** Cumulative, or of what was new since. An event may have been copied from another study. */
  const reportOf = (study: Study): Report => {
    const copied = faults.has('feed: twin report') && random.chance(0.3) ? someStudy()?.events[0] : undefined
    study.events.push(copied ?? `1.7.${++events}`)
    const all = [...new Set(study.events)]
    const listed = random.chance(0.6) ? all : all.slice(random.between(0, all.length - 1))
    return { events: listed, dlp: ++events, minute: events, preliminary: random.chance(0.2) }
  }

  const create = (study: Study, count: number, patient = study.patient): void => {
    for (let made = 0; made < count; made++) {
      const series = random.between(1, 2)
      const number = random.between(1, 999)
      const uid = `${study.uid}.${series}.${number}`
      const key = { partition: study.partition, study: study.uid, series: `${study.uid}.${series}`, instance: uid }
      const image = feed.image(key, faults.strikes('feed: oversized'))
      if (image.locked || image.tags !== undefined) continue
      const tags =
        patient === study.patient
          ? tagsOf(study, number)
          : { ...tagsOf(study, number), patientId: patient, ...bornAs(patient) }
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
    if (faults.has('fhir: compares loosely')) {
      faults.hit('fhir: compares loosely')
      faults.meet('loose server × create')
    }
    const patient = twins && random.chance(0.5) ? twin.patient : random.pick(patientIds)
    const study: Study = {
      partition,
      uid,
      patient,
      named: patient,
      events: [],
      given: random.pick(['Ann', 'Bo']),
      description: described ? text('study') : undefined,
    }
    studies.push(study)
    // A study of the same UID in another partition would be its other one.
    if (partition === partitions[0] && !faults.has('feed: partition twins')) onNewStudy(uid, patient)
    if (twins) {
      faults.hit('feed: partition twins')
      faults.meet('partition twins × create')
    }
    if (faults.strikes('feed: misfiled first'))
      create(study, 1, random.pick(patientIds.filter((each) => each !== patient)))
    create(study, crowd ? 1 : random.between(1, 4))
  }

  const isTwin = ({ key, tags }: Image): boolean =>
    tags?.report !== undefined &&
    [...feed.images.values()].some(
      (other) => other.key.instance === key.instance && keyText(other.key) !== keyText(key) && other.tags !== undefined,
    )
  const meetReports = (images: ReadonlyArray<Image>, pair: 'report × delete' | 'report × move'): void => {
    if (images.some(({ tags }) => tags?.report !== undefined)) faults.meet(pair)
    if (pair === 'report × delete' && images.some(isTwin)) faults.meet('twin UID × delete')
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
    meetReports(chosen, 'report × delete')
    begin(chosen.map((image) => ({ image, action: 'Delete', tags: undefined })))
  }

  /** A bulk update: to whom it moves, when it does, and whose name it writes. */
  const update = (study: Study, moves: boolean, patient?: string, named = patient): void => {
    const images = liveImages(study)
    if (moves) {
      study.patient = patient ?? random.pick([...patientIds, known.patientId].filter((each) => each !== study.patient))
      study.named = named ?? study.patient
      meetReports(images, 'report × move')
    }
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
          ...bornAs(study.named),
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
    const gone = [...feed.images.values()]
      .filter(
        ({ key, tags, locked, rows }) =>
          key.partition === study.partition &&
          key.study === study.uid &&
          tags === undefined &&
          !locked &&
          rows.length > 0,
      )
      .filter((image) => !isNote(image))
    if (gone.length === 0) return
    const image = random.pick(gone)
    begin([{ image, action: 'Create', tags: tagsOf(study, random.between(1, 999)) }])
  }

  /** Everything moves, and then comes an image that does not know it. */
  const straggle = (study: Study): void => {
    const before = study.patient
    if (before === '' || study.named !== before) return
    update(study, true)
    faults.hit('feed: straggler')
    faults.meet('straggler × update')
    create(study, 1, before)
  }

  const mistype = (study: Study): void => {
    if (study.patient === known.patientId || study.patient === '') return
    faults.hit('feed: mistyped update')
    update(study, true, known.patientId, study.named)
    if (random.chance(0.5)) update(study, true, known.patientId)
  }

  const forget = (study: Study): void => {
    if (study.patient === '') return
    faults.hit('feed: update to nobody')
    update(study, true, '', study.named)
    if (random.chance(0.4)) update(study, true)
  }

  /** Somebody sees that an image is another person's than its study, and deletes or corrects that one alone. */
  const setRight = (): void => {
    const misfiled = studies.flatMap((study) =>
      liveImages(study).flatMap((image) =>
        image.tags !== undefined && image.tags.patientId !== study.patient ? [{ study, image, tags: image.tags }] : [],
      ),
    )
    if (misfiled.length === 0) return
    const { study, image, tags } = random.pick(misfiled)
    faults.hit('feed: misfiled is set right')
    if (random.chance(0.5)) return void begin([{ image, action: 'Delete', tags: undefined }])
    const right = { ...tags, patientId: study.patient, ...bornAs(study.named), given: study.given }
    begin([{ image, action: 'Update', tags: right }])
  }

  /** A study of long ago comes late, with the name of then. */
  const importPrior = ({ patient, named }: Study): void => {
    const uid = '1.2.28'
    if (studies.some((each) => each.uid === uid)) return
    faults.hit('feed: imported prior')
    const prior: Study = {
      partition: partitions[0],
      uid,
      patient,
      named,
      events: [],
      given: 'Ivy',
      description: text('prior'),
    }
    studies.push(prior)
    create(prior, random.between(1, 2))
  }

  /** The same report once more: in another series, another study, another partition. */
  const copyReport = (study: Study): void => {
    const report = liveImages(study).find(({ tags }) => tags?.report !== undefined)
    const target = random.chance(0.4) ? study : someStudy()
    if (report?.tags === undefined || target === undefined) return
    const key = {
      ...{ partition: target.partition, study: target.uid, series: `${target.uid}.3` },
      instance: report.key.instance,
    }
    const image = feed.image(key, false)
    if (image.locked || image.tags !== undefined) return
    faults.hit('feed: twin report')
    begin([{ image, action: 'Create', tags: { ...tagsOf(target, 7), ...ofReport(report.tags) } }])
  }
  const ofReport = ({ report }: Tags): Partial<Tags> => (report === undefined ? {} : { report })

  /** One of its images is deleted and stored again: of what its rows told before, nothing is the newest any more. */
  const storeAgain = (study: Study): void => {
    const [image] = liveImages(study)
    if (image?.tags === undefined || faults.isQuiet()) return
    const { tags } = image
    begin([{ image, action: 'Delete', tags: undefined }])
    scheduler.after(random.between(8_000, 20_000), () => {
      if (!image.locked && image.tags === undefined && !faults.isQuiet()) begin([{ image, action: 'Create', tags }])
    })
  }

  /** Its images stand under another StudyInstanceUID; rows of deletion follow, or none. */
  const changeUids = (study: Study): void => {
    const images = liveImages(study)
    if (images.length === 0 || studies.length >= 7) return
    const next: Study = { ...study, uid: `1.2.${50 + studies.length}`, events: [...study.events] }
    studies.push(next)
    faults.hit('feed: UIDs change')
    const told = random.chance(0.5)
    begin([
      ...images.map((image): Omit<Change, 'poison'> => ({
        image: feed.image(
          { ...image.key, study: next.uid, series: image.key.series.replace(study.uid, next.uid) },
          false,
        ),
        action: 'Update',
        tags: image.tags,
      })),
      ...images.map((image): Omit<Change, 'poison'> => ({
        ...{ image, action: 'Delete', tags: undefined },
        ...(told ? {} : { silent: true as const }),
      })),
    ])
    if (random.chance(0.4)) scheduler.after(random.between(1, 20_000), () => storeAgain(next))
  }

  type Operation = readonly [weight: number, kind: FaultKind | undefined, act: (study: Study) => void]
  const all: ReadonlyArray<Operation> = [
    [3, undefined, newStudy],
    [4, undefined, (study) => create(study, random.between(1, 3))],
    [3, 'feed: delete', remove],
    [3, 'feed: bulk update', (study) => update(study, false)],
    [2, 'feed: move', (study) => update(study, true)],
    [2, 'feed: re-create', recreate],
    [1, 'feed: straggler', straggle],
    [1, 'feed: mistyped update', mistype],
    [1, 'feed: update to nobody', forget],
    [2, 'feed: twin report', copyReport],
    [1, 'feed: UIDs change', changeUids],
    [4, 'feed: misfiled is set right', setRight],
    [1, 'feed: imported prior', importPrior],
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
    .filter(
      ([, kind]) =>
        kind === undefined || faults.has(kind) || (kind === 'feed: mistyped update' && faults.has('operator: accepts')),
    )
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

  const studyOf = (uid: string, patient: string): Study => ({
    ...{ partition: partitions[0], uid, patient, named: patient },
    ...{ events: [], given: 'Zoe', description: 'healthy' },
  })

  const notes = startNotes(world, feed, {
    studies: () => studies,
    begin: (changes) => void begin(changes),
    tagsOf: ({ partition, study }, number) => {
      const of = studies.find((each) => each.partition === partition && each.uid === study)
      return of === undefined ? undefined : tagsOf(of, number)
    },
  })

  return {
    createHealthy: () => create(studyOf('1.2.99', 'P9'), 1),
    createAlike: () => {
      if (!faults.has('fhir: compares loosely')) return
      create(studyOf('1.2.97', 'q9'), 1)
      create(studyOf('1.2.98', 'Q9'), 1)
    },
    isDone: () => done && notes.isDone() && feed.open() === 0,
    deleteSomething: (uid) => {
      const study = studies.find((each) => each.uid === uid && liveImages(each).length > 0) ?? someStudy()
      if (study === undefined || faults.isQuiet()) return false
      remove(study)
      return true
    },
  }
}
