import type { EntryError } from '../../lib/domain/cast-error'
import type { FailRow } from '../../lib/app/ports'
import { reportClass } from './dose-report'
import { type Feed, type Image, type Key, keyText, mayBeThere, studyText } from './feed-model'
import type { Stage } from './check-study'
import { isUnseen } from './forbidden'
import type { Note } from './rejection-note'

// What the archive has withdrawn (identity.md, "Rejection notes"), told from the notes that it has now: when and in what
// order they came is all one.

interface Withdrawn {
  readonly key: Key
  /** Of the notes that list it. */
  readonly codes: ReadonlySet<string>
  /** Of those that take it out of FHIR. */
  readonly hiding: ReadonlySet<string>
}

export interface Withdrawals {
  /** By keyText. */
  readonly of: ReadonlyMap<string, Withdrawn>
  readonly isHidden: (key: Key) => boolean
  /** A note that cannot be read lists it, or did: nobody can say. */
  readonly isDoubtful: (key: Key) => boolean
  /** The same, by keyText: also of what nobody ever stored. */
  readonly doubtful: ReadonlySet<string>
}

export const isNote = ({ rows }: Image): boolean => rows.some(({ tags }) => tags?.note !== undefined)

const keysIn = ({ partition }: Key, { lists }: Note): ReadonlyArray<Key> =>
  lists.map(({ study, series, instance }) => ({ partition, study, series, instance }))

/** A report whose image is bad, or has been kept long enough, says what dose somebody got all the same. */
const hides = (code: string, sopClass: string | undefined, forQuality: boolean): boolean =>
  sopClass === reportClass ? code === '113037' || code === '113038' : code !== '113001' || forQuality

export const withdrawals = ({ images }: Pick<Feed, 'images'>, forQuality: boolean): Withdrawals => {
  const of = new Map<string, { key: Key; codes: Set<string>; hiding: Set<string> }>()
  const doubtful = new Set<string>()
  for (const { key: place, tags, rows, poison } of images.values()) {
    const note = tags?.note
    if (note === undefined) continue
    if (poison) {
      for (const each of rows)
        for (const key of each.tags?.note === undefined ? [] : keysIn(place, each.tags.note)) doubtful.add(keyText(key))
      continue
    }
    for (const { sopClass, ...listed } of note.lists) {
      const key = { partition: place.partition, ...listed }
      const known = of.get(keyText(key)) ?? { key, codes: new Set(), hiding: new Set() }
      of.set(keyText(key), known)
      known.codes.add(note.code)
      if (hides(note.code, sopClass, forQuality)) known.hiding.add(note.code)
    }
  }
  return {
    of,
    isHidden: (key) => (of.get(keyText(key))?.hiding.size ?? 0) > 0,
    isDoubtful: (key) => doubtful.has(keyText(key)),
    doubtful,
  }
}

/** Every image that any note ever listed (keyText): it may have left FHIR, and have come back as a late one. */
export const everListed = ({ images }: Pick<Feed, 'images'>): ReadonlySet<string> =>
  new Set([...images.values()].flatMap(listedIn))

const listedIn = ({ key, rows }: Image): ReadonlyArray<string> =>
  rows.flatMap(({ tags }) => (tags?.note === undefined ? [] : keysIn(key, tags.note).map(keyText)))

type Rejected = Extract<EntryError, { _tag: 'Rejected' }>
const isRejected = (error: EntryError): error is Rejected => error._tag === 'Rejected'

interface InFhir {
  readonly isThere: (key: Key) => boolean
  /** FHIR takes nothing of its study: also not what would take it out. */
  readonly isRefused: (key: Key) => boolean
}

const isOfFhir = (error: EntryError | undefined): boolean =>
  error?._tag === 'FhirRejected' || error?._tag === 'OutlastedRetries'

/**
 * Each of them has its row, and no other has one. `rows`: of each image (keyText) those that stand.
 */
export const checkNotes = (
  { images }: Feed,
  { of, isHidden, isDoubtful, doubtful }: Withdrawals,
  {
    failed,
    passed,
    replayed,
    services: { forbidden, storage },
  }: Pick<Stage, 'failed' | 'passed' | 'replayed' | 'services'>,
  rows: ReadonlyMap<string, ReadonlyArray<FailRow>>,
  { isThere, isRefused }: InFhir,
): ReadonlyArray<string> => {
  const isLost = (image: Image): boolean => mayBeThere({ images }, image) || (!replayed && isUnseen(forbidden, image))
  const lost = [...images.values()].filter(isLost)
  const ofLost = new Set(lost.flatMap(listedIn))
  return [
    ...[...of].flatMap(([name, { key, codes, hiding }]) => {
      const own = rows.get(name) ?? []
      if (own.length > 1) return [`${name} is recorded ${own.length} times`]
      const [error] = own.map((row) => row.error)
      if (isDoubtful(key)) return []
      // A backfill that could not cast its study has passed by what tells it, and left the row of before.
      if ((error === undefined || !isRejected(error)) && !replayed && passed.has(name)) return []
      // The original's row stands for it until it may be read again.
      const isOriginals = [...storage.originals.values()].some(({ sopInstanceUid }) => sopInstanceUid === key.instance)
      if (error === undefined && isOriginals && forbidden?.ever.has(studyText(key)) === true) return []
      // What the server does not let go, or could not be stored for another reason, stands there for that reason.
      if (error === undefined || !isRejected(error)) {
        const isLive = images.get(name)?.tags !== undefined
        const isStuck = isOfFhir(error) && isRefused(key)
        const mayBe = isStuck || (error !== undefined && isLive && (!isHidden(key) || isThere(key)))
        return mayBe ? [] : [`${name} is withdrawn, and recorded as ${error?._tag ?? 'nothing'}`]
      }
      const right = error.isHidden ? hiding : codes
      return error.isHidden === isHidden(key) && right.has(error.code)
        ? []
        : [
            `${name} is recorded as ${error.code}${error.isHidden ? ', hidden' : ''}, and its notes say ${[...right].join()}`,
          ]
    }),
    ...[...rows].flatMap(([name, own]) => {
      // Of what is nowhere a note is gone, and nobody could see whether it came back: that is looked at within a day.
      const isHeldBack = own.some(({ error, key }) => {
        const study = studyText({ partition: key.partition ?? '', study: key.studyInstanceUid ?? '' })
        return isRejected(error) && error.notes.length === 0 && forbidden?.ever.has(study) === true
      })
      const isUnread = isHeldBack || failed.has(images.get(name)?.rows.at(-1)?.sequence ?? 0)
      // A backfill that could not cast the study of a note has passed by the end of that note.
      const isPassed = !replayed && passed.has(name)
      const mayBe = of.has(name) || isUnread || isPassed || doubtful.has(name) || ofLost.has(name)
      return mayBe || !own.some(({ error }) => isRejected(error)) ? [] : [`${name} is recorded as withdrawn by nobody`]
    }),
  ]
}
