import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TH from 'fp-ts/These'
import type { CodeableConcept, ObservationComponent } from 'fhir/r4'
import type { TagIssue } from '../../cast-error'
import type { CodedEntry } from '../../dicom/coded-entry'
import {
  type ContentItem,
  type PlacedItem,
  codeOf,
  codeOfChild,
  isAbout,
  measuredOf,
  textOf,
} from '../../dicom/structured-report'
import { valueOfNumber } from '../../json'
import { codeableConcept } from '../coded-concept'
import { type ComponentRow, type NamedConcept, concepts, planeNames, sideNames } from './concepts'
import { coded } from './observation'
import { quantity } from './units'

type Value = Omit<ObservationComponent, 'code'>
type Answer<A> = E.Either<TagIssue, O.Option<A>>

// Beyond it, servers that hold decimals in 96 bits refuse the whole transaction.
const maxSize = 1e15
const maxInteger = 2_147_483_647

const problem = (_tag: 'TagInvalid' | 'TagUnmappable', reason: string): Answer<never> =>
  E.left({ _tag, keyword: 'NumericValue', reason })

const readCount = (value: number): Answer<Value> => {
  if (!Number.isInteger(value) || value < 0) return problem('TagInvalid', 'not a count')
  return value > maxInteger
    ? problem('TagUnmappable', 'larger than 2147483647')
    : E.right(O.some({ valueInteger: value }))
}

const readNumber = (item: ContentItem, isCount: boolean): Answer<Value> => {
  const read = measuredOf(item)
  if (TH.isLeft(read)) return problem('TagInvalid', read.left)
  if (O.isNone(read.right)) return E.right(O.none)
  const { value, unit } = read.right.value
  if (isCount) return readCount(valueOfNumber(value))
  return Math.abs(valueOfNumber(value)) > maxSize
    ? problem('TagUnmappable', 'too large')
    : E.right(O.some({ valueQuantity: quantity(value, unit) }))
}

const readConcept = (item: ContentItem): Answer<Value> => {
  const code = codeOf(item)
  const text = textOf(item)
  const value = code === undefined ? (text === undefined ? undefined : { text }) : codeableConcept(code)
  return E.right(value === undefined ? O.none : O.some({ valueCodeableConcept: value }))
}

type PlaneOf = (item: ContentItem) => CodedEntry | undefined

/** A container with many values is asked once. */
const planesOnce = (): PlaneOf => {
  const known = new Map<ContentItem, CodedEntry | undefined>()
  return (item) => {
    if (!known.has(item)) known.set(item, codeOfChild(item, concepts.plane))
    return known.get(item)
  }
}

/** The plane of the nearest container that names one (PS3.16 TID 10002, TID 10003). */
const planeOf = ({ item, around }: PlacedItem, plane: PlaneOf): string | undefined => {
  const code = [...around, item].map(plane).findLast((each) => each !== undefined)
  if (code === undefined) return undefined
  return planeNames.has(code.value) && code.scheme === 'DCM' ? planeNames.get(code.value) : (code.meaning ?? code.value)
}

const sideOf = ({ item }: PlacedItem): string | undefined => {
  const code = codeOfChild(item, concepts.laterality)
  if (code === undefined) return undefined
  return (code.scheme === 'SCT' ? sideNames.get(code.value) : undefined) ?? code.meaning ?? code.value
}

/** The code of a component. What tells it from its like (the plane, the side) stands in its text. */
const codeFor = (concept: NamedConcept, placed: PlacedItem, plane: PlaneOf): CodeableConcept => {
  const particulars = [planeOf(placed, plane), sideOf(placed)].filter((each) => each !== undefined)
  return {
    ...coded(concept),
    ...(particulars.length === 0 ? {} : { text: [concept.display, ...particulars].join(', ') }),
  }
}

const isWithin = ({ around }: PlacedItem, container: NamedConcept | undefined): boolean =>
  container === undefined || around.some((each) => isAbout(each, container))

export interface Components {
  readonly components: ReadonlyArray<ObservationComponent>
  readonly issues: ReadonlyArray<TagIssue>
}

const keyOf = ({ value, scheme }: { readonly value: string; readonly scheme: string }): string => `${scheme} ${value}`

/** The components that the items say, row by row, in document order; nothing is ever summed. */
export const componentsOf = (rows: ReadonlyArray<ComponentRow>, items: ReadonlyArray<PlacedItem>): Components => {
  const plane = planesOnce()
  const byConcept = new Map<string, PlacedItem[]>(rows.map(({ concept }) => [keyOf(concept), []]))
  for (const placed of items) {
    const { concept } = placed.item
    if (concept !== undefined) byConcept.get(keyOf(concept))?.push(placed)
  }
  const { left: issues, right: found } = pipe(
    rows,
    RA.chain(({ concept, value, within }) =>
      (byConcept.get(keyOf(concept)) ?? [])
        .filter((placed) => isWithin(placed, within))
        .map((placed) =>
          pipe(
            value === 'CodeableConcept' ? readConcept(placed.item) : readNumber(placed.item, value === 'integer'),
            E.map(O.map((read): ObservationComponent => ({ code: codeFor(concept, placed, plane), ...read }))),
          ),
        ),
    ),
    RA.separate,
  )
  return { components: RA.compact(found), issues }
}
