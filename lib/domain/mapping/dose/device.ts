import { type ContentItem, isAbout, textOf } from '../../dicom/structured-report'
import { type NamedConcept, concepts } from './concepts'

/** Each observer of the report (PS3.16 TID 1002) begins with its type; older files nest the rest in it. */
const observersOf = (root: ContentItem): ReadonlyArray<ReadonlyArray<ContentItem>> => {
  const observers: ContentItem[][] = [[]]
  for (const child of root.children) {
    if (isAbout(child, concepts.observerType)) observers.push([...child.children])
    else observers.at(-1)?.push(child)
  }
  return observers
}

const displayOf = (observer: ReadonlyArray<ContentItem>): string | undefined => {
  const text = (concept: NamedConcept): string | undefined =>
    observer
      .filter((item) => isAbout(item, concept))
      .map(textOf)
      .find((each) => each !== undefined)
  const model = [text(concepts.deviceManufacturer), text(concepts.deviceModel)].filter((each) => each !== undefined)
  return text(concepts.deviceName) ?? (model.length > 0 ? model.join(' ') : text(concepts.deviceSerialNumber))
}

/** The device that observed: its name, else its make, else its serial number (PS3.16 TID 1004). */
export const deviceDisplay = (root: ContentItem): string | undefined =>
  observersOf(root)
    .map(displayOf)
    .find((each) => each !== undefined)
