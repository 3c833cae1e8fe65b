import { type Feed, type Image, keyText, studyText } from './feed-model'
import { isNote } from './notes'
import type { Storage } from './tables'

/** From which row on an image stands in FHIR for good; none where it left, was recorded or withdrawn, or came late. */
const steadyFrom = (
  { everRecorded }: Pick<Storage, 'everRecorded'>,
  listed: ReadonlySet<string>,
  { key, tags, rows }: Image,
): number | undefined => {
  const isOut = tags === undefined || listed.has(keyText(key)) || everRecorded.has(keyText(key))
  const last = rows.at(-1)
  return isOut || last === undefined || last.late ? undefined : last.sequence
}

/**
 * Whether a study (studyText) may have stood without any image, and have begun anew under its id when the next one came in
 * the same batch: what another system wrote is gone then.
 */
export const mayHaveBegunAnew = (
  feed: Feed,
  storage: Pick<Storage, 'everRecorded'>,
  listed: ReadonlySet<string>,
  name: string,
): boolean => {
  if (feed.vanished.has(name) || feed.poisoned.has(name)) return true
  const images = [...feed.images.values()].filter((image) => !isNote(image) && studyText(image.key) === name)
  const steady = images.map((image) => steadyFrom(storage, listed, image))
  const from = Math.min(Infinity, ...steady.map((sequence) => sequence ?? Infinity))
  return images.some(({ rows }, index) =>
    rows.some(({ action, sequence }) => sequence < from && (action === 'Delete' || steady[index] === undefined)),
  )
}
