import type { Report } from './dose-report'
import type { Note } from './rejection-note'
import type { World } from './world'

/** What the simulated images say. `undefined`: the tag is absent. */
export interface Tags {
  /** '': the tag is absent. */
  readonly patientId: string
  /** As an issuer's name, without a system of its own. */
  readonly issuer?: string
  readonly family: string
  readonly given: string
  /** DA; everybody's is the same where it is not said. */
  readonly birthDate?: string
  readonly sex?: string
  readonly description: string | undefined
  readonly accession: string | undefined
  readonly seriesDescription: string | undefined
  readonly modality: string
  readonly number: number
  readonly sopClass: string
  /** It is a dose report. */
  readonly report?: Report
  /** It is a rejection note. */
  readonly note?: Note
}

export interface Key {
  readonly partition: string
  readonly study: string
  readonly series: string
  readonly instance: string
}

export type Action = 'Create' | 'Update' | 'Delete'

export interface Row {
  readonly sequence: number
  readonly image: Image
  readonly action: Action
  /** By the server's clock, ms: taken before the number. */
  readonly timestamp: number
  /** As of the event; what the feed shows is the newest. */
  readonly tags: Tags | undefined
  /** Another row with a higher number could be seen before this one. */
  readonly late: boolean
}

/** One instance with all that ever happened to it. */
export interface Image {
  readonly key: Key
  readonly rows: Array<Row>
  /** None when it is deleted. */
  tags: Tags | undefined
  /** Its metadata blob cannot be read. */
  poison: boolean
  /** Its metadata is larger than any page may be. */
  readonly oversized: boolean
  /** A statement that is not committed yet holds it. */
  locked: boolean
}

export interface Change {
  readonly image: Image
  readonly action: Action
  readonly tags: Tags | undefined
  readonly poison: boolean
  /** It is not there any more, and no row tells: it got other UIDs. */
  readonly silent?: true
}

export interface Feed {
  /** Visible rows, by sequence. */
  readonly rows: ReadonlyArray<Row>
  readonly images: ReadonlyMap<string, Image>
  readonly head: () => number
  readonly image: (key: Key, oversized: boolean) => Image
  /** One statement: numbers are taken now, rows are seen when it commits. */
  readonly begin: (changes: ReadonlyArray<Change>, leadMs: number, commitMs: number, moves: boolean) => void
  /** Somebody restores a backup: rows above are gone, and their numbers are given again. */
  readonly restore: (sequence: number) => void
  /** Numbers that will never have a row. */
  readonly skip: (count: number) => void
  readonly open: () => number
  /** The lowest number that is taken, and not yet to be seen. */
  readonly firstOpen: () => number
  /** By the server's clock, which is not ours. */
  readonly now: () => number
  /** Studies whose live images once named different patients. */
  readonly disagreed: ReadonlySet<string>
  /** Studies whose images got other UIDs without a row that tells it. */
  readonly vanished: ReadonlySet<string>
  /** Studies that once could not be read whole. */
  readonly poisoned: ReadonlySet<string>
  /** Whether the study (studyText) could not be read whole at any time since then. */
  readonly wasUnread: (name: string, since: number) => boolean
  /** Whether no study of a partition could be read, apart from these, at any time since then. */
  readonly wasEmpty: (partition: string, since: number, apart: ReadonlySet<string>) => boolean
  /** Studies that lost images: one that was left without any in FHIR came back as another. */
  readonly shrunk: ReadonlySet<string>
}

export const studyText = ({ partition, study }: Pick<Key, 'partition' | 'study'>): string => `${partition}/${study}`

export const keyText = ({ partition, study, series, instance }: Key): string =>
  `${partition}/${study}/${series}/${instance}`

/** `isOpenHole`: whether the reader waits for this number. */
export const makeFeed = (world: World, isOpenHole: (sequence: number) => boolean): Feed => {
  const { scheduler, say, faults } = world
  const skewMs = world.random.fork('skew').between(-900_000, 900_000)
  const now = (): number => scheduler.now() + skewMs
  const disagreed = new Set<string>()
  const vanished = new Set<string>()
  const shrunk = new Set<string>()
  const poisoned = new Set<string>()
  const unreadUntil = new Map<string, number>()
  const readable: Array<Readable> = [{ from: -Infinity, studies: new Set() }]
  const rows: Array<Row> = []
  const images = new Map<string, Image>()
  const taken = new Set<number>()
  let [next, open] = [1, 0]
  const head = (): number => rows.at(-1)?.sequence ?? 0

  const commit = (
    changes: ReadonlyArray<Change>,
    sequences: ReadonlyArray<number>,
    timestamp: number,
    moves: boolean,
  ) => {
    const before = head()
    for (const { image } of changes.filter(({ silent }) => silent === true)) {
      image.tags = undefined
      image.locked = false
      shrunk.add(studyText(image.key))
      vanished.add(studyText(image.key))
      say(() => `feed  ${keyText(image.key)} has other UIDs`)
    }
    const told = changes.filter(({ silent }) => silent !== true)
    told.forEach(({ image, action, tags, poison }, index) => {
      const sequence = sequences[index] ?? 0
      if (image.poison && image.tags !== undefined) unreadUntil.set(studyText(image.key), scheduler.now())
      const late = sequence < before
      const row: Row = { sequence, image, action, timestamp, tags, late }
      rows.push(row)
      image.rows.push(row)
      image.tags = tags
      image.poison = poison
      if (action === 'Delete') shrunk.add(studyText(image.key))
      for (const { study } of tags?.note?.lists ?? []) shrunk.add(studyText({ partition: image.key.partition, study }))
      if (poison) poisoned.add(studyText(image.key))
      image.locked = false
      if (late) faults.hit('feed: late row')
      if (action === 'Update' && isOpenHole(sequence)) faults.meet(moves ? 'hole × move' : 'hole × Update')
      say(
        () =>
          `feed  ${sequence} ${action} ${keyText(image.key)}${tags === undefined ? '' : ` ${tags.patientId} ${tags.given ?? '-'} “${tags.description ?? ''}”`}${tags?.note === undefined ? '' : ` NOTE ${tags.note.code} ${tags.note.lists.map(({ instance, study }) => `${study}/${instance}`).join(' ')}`}${late ? ' LATE' : ''}${poison ? ' POISON' : ''}${image.oversized ? ' OVERSIZED' : ''}`,
      )
    })
    rows.sort((left, right) => left.sequence - right.sequence)
    sequences.forEach((sequence) => taken.delete(sequence))
    open -= 1
    readable.push({ from: scheduler.now(), studies: readableIn(images) })
    for (const study of new Set(changes.map(({ image }) => studyText(image.key)))) {
      const patients = [...images.values()].flatMap(({ key, tags }) =>
        tags !== undefined && tags.note === undefined && studyText(key) === study ? [tags.patientId] : [],
      )
      if (new Set(patients).size > 1) disagreed.add(study)
    }
  }

  return {
    rows,
    images,
    head,
    image: (key, oversized) => {
      const known = images.get(keyText(key))
      if (known !== undefined) return known
      const made: Image = { key, rows: [], tags: undefined, poison: false, oversized, locked: false }
      images.set(keyText(key), made)
      return made
    },
    begin: (changes, leadMs, commitMs, moves) => {
      for (const { image } of changes) image.locked = true
      const timestamp = now()
      open += 1
      scheduler.after(leadMs, () => {
        const sequences = changes.filter(({ silent }) => silent !== true).map(() => next++)
        sequences.forEach((sequence) => taken.add(sequence))
        if (commitMs > 0) say(() => `feed  numbers ${sequences.join(' ')} are taken, not yet to be seen`)
        if (commitMs === 0) commit(changes, sequences, timestamp, moves)
        else scheduler.after(commitMs, () => commit(changes, sequences, timestamp, moves))
      })
    },
    restore: (sequence) => {
      say(() => `feed  is restored as of ${sequence}`)
      rows.splice(rows.findIndex((row) => row.sequence > sequence))
      next = sequence + 1
    },
    skip: (count) => {
      say(() => `feed  numbers ${next}…${next + count - 1} are rolled back`)
      next += count
    },
    open: () => open,
    firstOpen: () => Math.min(Infinity, ...taken),
    now,
    disagreed,
    vanished,
    shrunk,
    poisoned,
    wasUnread: (name, since) =>
      (unreadUntil.get(name) ?? -Infinity) >= since ||
      [...images.values()].some(({ key, tags, poison }) => poison && tags !== undefined && studyText(key) === name),
    wasEmpty: (partition, since, apart) =>
      readable.some(
        ({ studies }, index) =>
          (readable[index + 1]?.from ?? Infinity) >= since &&
          ![...studies].some((name) => name.startsWith(`${partition}/`) && !apart.has(name)),
      ),
  }
}

/** Studies (studyText) that the archive gave whole, from then on. */
interface Readable {
  readonly from: number
  readonly studies: ReadonlySet<string>
}

const readableIn = (images: ReadonlyMap<string, Image>): ReadonlySet<string> => {
  const live = [...images.values()].filter(({ tags }) => tags !== undefined)
  const broken = new Set(live.filter(({ poison }) => poison).map(({ key }) => studyText(key)))
  return new Set(live.map(({ key }) => studyText(key)).filter((name) => !broken.has(name)))
}

/** It got other UIDs, no row tells, and under these it cannot be read: nobody asks where it stood before. */
export const mayBeThere = ({ images }: Pick<Feed, 'images'>, { key, rows, tags }: Image): boolean =>
  tags === undefined &&
  rows.at(-1)?.tags !== undefined &&
  [...images.values()].some(
    (each) =>
      each.poison &&
      each.tags !== undefined &&
      each.key.partition === key.partition &&
      each.key.instance === key.instance &&
      each.key.study !== key.study,
  )

/** The row that says what is now; the others are superseded. */
export const lastRow = ({ rows }: Image): Row | undefined => rows.at(-1)
