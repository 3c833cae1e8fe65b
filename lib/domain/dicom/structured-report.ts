import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import type { WrittenNumber } from '../json'
import { type CodedEntry, type Concept, isConcept, readCodedEntry } from './coded-entry'
import { type DicomDataset, itemsOf, valuesOfKeyword } from './dataset'
import { tagOf } from './tags'
import { readValue, valueOf } from './read'
import { type DateTimeParts, type Read, readable, textReader } from './vr'

/**
 * A node of a structured report's content tree (PS3.3 §C.17.3). Its value type is not trusted: a reader takes the
 * attribute that it needs, or finds none.
 */
export interface ContentItem {
  /** '' for the root. */
  readonly relationship: string
  readonly concept: CodedEntry | undefined
  readonly dataset: DicomDataset
  readonly children: ReadonlyArray<ContentItem>
}

export interface ContentTree {
  readonly root: ContentItem
  /** Nothing below was read: nested deeper, or more items, than any real report. */
  readonly isCut: boolean
}

// Templates nest some eight levels deep; a long intervention has about 100,000 items.
const maxDepth = 32
const maxItems = 200_000

const relationshipOf = (dataset: DicomDataset): string => valueOf(dataset, 'RelationshipType') ?? ''

/** Reads the content tree in document order. Never throws, whatever the tree looks like. */
export const readContentTree = (dataset: DicomDataset): ContentTree => {
  let left = maxItems
  let isCut = false
  const read = (item: DicomDataset, depth: number): ContentItem => {
    const nested = valuesOfKeyword(item, 'ContentSequence')
    const readable = depth < maxDepth ? nested.slice(0, left) : []
    left -= readable.length
    isCut ||= readable.length < nested.length
    const items = itemsOf(new Map([[tagOf('ContentSequence'), readable]]), 'ContentSequence')
    return {
      relationship: relationshipOf(item),
      concept: readCodedEntry(item, 'ConceptNameCodeSequence'),
      dataset: item,
      children: items.map((each) => read(each, depth + 1)),
    }
  }
  const root = read(dataset, 0)
  return { root, isCut }
}

/** An item of the tree, and the items around it, outermost first. */
export interface PlacedItem {
  readonly item: ContentItem
  readonly around: ReadonlyArray<ContentItem>
}

// What a value was inferred or selected from is no statement of the report itself.
const sources: ReadonlySet<string> = new Set(['INFERRED FROM', 'SELECTED FROM'])

/** Everything below an item, in document order; items that `isClosed` are listed, but not entered. */
export const itemsBelow = (
  top: ContentItem,
  isClosed: (item: ContentItem) => boolean = () => false,
): ReadonlyArray<PlacedItem> => {
  const found: PlacedItem[] = []
  const visit = (item: ContentItem, around: ReadonlyArray<ContentItem>): void => {
    for (const child of item.children) {
      if (sources.has(child.relationship)) continue
      found.push({ item: child, around })
      if (!isClosed(child)) visit(child, [...around, child])
    }
  }
  visit(top, [top])
  return found
}

export const isAbout = (item: ContentItem, concept: Concept): boolean => isConcept(item.concept, concept)

/** The code of the first child that says something about the concept: a concept modifier, a property. */
export const codeOfChild = (item: ContentItem, concept: Concept): CodedEntry | undefined =>
  item.children
    .filter((child) => isAbout(child, concept))
    .map(codeOf)
    .find((code) => code !== undefined)

/** The value of a CODE item. */
export const codeOf = ({ dataset }: ContentItem): CodedEntry | undefined =>
  readCodedEntry(dataset, 'ConceptCodeSequence')

const readLine = textReader('UT', false)

/** The value of a TEXT item as one line; more than a name is none. */
export const textOf = ({ dataset }: ContentItem): string | undefined => {
  const lines = valuesOfKeyword(dataset, 'TextValue').map((value) =>
    typeof value === 'string' ? value.replace(/\s+/g, ' ') : value,
  )
  return readable(readLine(lines))
}

/** The value of a UIDREF item. */
export const uidOf = ({ dataset }: ContentItem): Read<string> => readValue(dataset, 'UID')

/** The value of a DATETIME item. */
export const dateTimeOf = ({ dataset }: ContentItem): Read<DateTimeParts> => readValue(dataset, 'DateTime')

export interface Measured {
  /** With the digits of the file. */
  readonly value: number | WrittenNumber
  readonly unit: CodedEntry | undefined
}

/** The value of a NUM item; an empty MeasuredValueSequence is legal, and says that there is none. */
export const measuredOf = ({ dataset }: ContentItem): Read<Measured> => {
  const [measured] = itemsOf(dataset, 'MeasuredValueSequence')
  if (measured === undefined) return TH.right(O.none)
  const numeric = readValue(measured, 'NumericValue')
  const read = TH.isRight(numeric) && O.isNone(numeric.right) ? readValue(measured, 'FloatingPointValue') : numeric
  const unit = readCodedEntry(measured, 'MeasurementUnitsCodeSequence')
  return pipe(read, TH.map(O.map((value): Measured => ({ value, unit }))))
}
