import type { Change, Feed, Image, Key, Tags } from './feed-model'
import type { FaultKind } from './faults'
import { reportClass } from './dose-report'
import { isNote } from './notes'
import type { Note } from './rejection-note'
import type { World } from './world'

type Told = Omit<Change, 'poison'>

/** What the note writer asks of whoever stores images. */
interface Archive {
  /** Where images are, or were. */
  readonly studies: () => ReadonlyArray<{ readonly partition: string; readonly uid: string }>
  readonly begin: (changes: ReadonlyArray<Told>) => void
  /** What an ordinary image of this study says. */
  readonly tagsOf: (key: Key, number: number) => Tags | undefined
}

const safety = ['113037', '113038', '113039']

/** Whoever withdraws images, and thinks better of it: draws from a stream of its own. */
export const startNotes = (world: World, feed: Feed, archive: Archive): { readonly isDone: () => boolean } => {
  const { faults, scheduler } = world
  if (!faults.has('feed: rejection note')) return { isDone: () => true }
  const random = world.random.fork('notes')
  /** Listed before they were stored. */
  const announced: Array<Key> = []
  let [operations, made] = [random.between(2, 8), 0]

  const free = (): ReadonlyArray<Image> => [...feed.images.values()].filter(({ locked }) => !locked)
  const notes = (isThere: boolean): ReadonlyArray<Image> =>
    free().filter((image) => isNote(image) && (image.tags !== undefined) === isThere)
  const images = (): ReadonlyArray<Image> => free().filter((image) => image.rows.length > 0 && !isNote(image))
  const codeOf = (): string =>
    faults.has('feed: note for quality') && random.chance(0.4) ? '113001' : random.pick(safety)

  const announce = (host: Key): Key => {
    const series = `${host.study}.${random.between(1, 2)}`
    const key = { ...host, series, instance: `${series}.${random.between(1, 999)}` }
    announced.push(key)
    return key
  }

  /** Images of its study most of all; of others, of other partitions, deleted ones, and such as come only later. */
  const listFor = (host: Key): Note['lists'] => {
    const [near, all] = [images().filter(({ key }) => key.study === host.study), images()]
    return Array.from({ length: random.between(1, 3) }, (): Note['lists'][number] => {
      const from = near.length > 0 && random.chance(0.75) ? near : all
      const image = from.length === 0 || random.chance(0.15) ? undefined : random.pick(from)
      const { study, series, instance } = image?.key ?? announce(host)
      const isReport = image?.rows.some(({ tags }) => tags?.report !== undefined) === true
      return { study, series, instance, ...(isReport ? { sopClass: reportClass } : {}) }
    })
  }

  const noteOf = (host: Key): Note => {
    const note = { code: codeOf(), lists: listFor(host) }
    faults.hit('feed: rejection note')
    if (note.code === '113001') faults.hit('feed: note for quality')
    return note
  }

  const tell = (image: Image, action: 'Create' | 'Update', number: number): void => {
    const tags = image.tags ?? archive.tagsOf(image.key, number)
    if (tags === undefined) return
    const { report: _none, ...rest } = tags
    archive.begin([{ image, action, tags: { ...rest, modality: 'KO', note: noteOf(image.key) } }])
  }

  const withdraw = (): void => {
    const studies = archive.studies()
    if (studies.length === 0) return
    const { partition, uid } = random.pick(studies)
    const series = `${uid}.9`
    const image = feed.image({ partition, study: uid, series, instance: `${series}.${++made}` }, false)
    if (!image.locked && image.tags === undefined) tell(image, 'Create', made)
  }

  const correct = (): void => {
    const [there, gone] = [notes(true), notes(false)]
    const again = gone.length > 0 && (there.length === 0 || random.chance(0.4))
    if (there.length === 0 && !again) return
    faults.hit('feed: note is corrected')
    if (again) tell(random.pick(gone), 'Create', 1)
    else tell(random.pick(there), 'Update', 1)
  }

  const takeBack = (): void => {
    const there = notes(true)
    if (there.length === 0) return
    faults.hit('feed: note goes')
    archive.begin([{ image: random.pick(there), action: 'Delete', tags: undefined }])
  }

  /** What was announced is stored, or what was withdrawn and deleted, again. */
  const storeListed = (): void => {
    const key = announced.pop()
    if (key === undefined) return
    const image = feed.image(key, false)
    const tags = archive.tagsOf(key, random.between(1, 999))
    if (image.locked || image.tags !== undefined || tags === undefined) return
    archive.begin([{ image, action: 'Create', tags }])
  }

  const acts: ReadonlyArray<readonly [weight: number, kind: FaultKind, act: () => void]> = [
    [4, 'feed: rejection note', withdraw],
    [2, 'feed: rejection note', storeListed],
    [2, 'feed: note is corrected', correct],
    [2, 'feed: note goes', takeBack],
  ]
  const possible = acts
    .filter(([, kind]) => faults.has(kind))
    .flatMap(([weight, , act]) => Array.from({ length: weight }, () => act))

  const step = (): void => {
    if (faults.isQuiet()) operations = 0
    if (operations === 0) return
    operations -= 1
    if (notes(true).length === 0 && random.chance(0.6)) withdraw()
    else random.pick(possible)()
    scheduler.after(random.chance(0.4) ? random.between(1, 800) : random.between(800, 40_000), step)
  }
  scheduler.after(random.between(500, 40_000), step)
  return { isDone: () => operations === 0 }
}
