import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import type { CodeableConcept, Extension, Identifier } from 'fhir/r4'
import type { TagIssue } from '../cast-error'
import { type ReadCodes, readCodes } from '../dicom/coded-entry'
import { type DicomDataset, itemsOf } from '../dicom/dataset'
import { hasType } from '../fhir/identifiers'
import { sameJson } from '../json'
import { basedOn, distinct, isOrdered, isOurOrder, isSameOrder, orderTo, readAccession, withAccession } from './orders'
import { codeableConcept } from './coded-concept'
import type { SeriesFields, StudyFields } from './fields'
import { type Mapped, type Rule, type Slot, issuesOf, readTag, rule, withIssues } from './mapped'

const reasonCode = 'ImagingStudy.reasonCode'

const distinctJson = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> => [
  ...new Map(values.map((value) => [JSON.stringify(value), value])).values(),
]

// What a series said of the orders goes with it, so it stands there (R4's series has no element for it).
const orderOfSeries = 'urn:uuid:6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a12'
const reasonOfSeries = 'urn:uuid:6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a13'

const withExtensions = (series: SeriesFields, url: string, ours: ReadonlyArray<Extension>): SeriesFields => {
  const { extension: existing = [], ...rest } = series
  const all = [...existing.filter((each) => each.url !== url), ...ours]
  return all.length === 0 ? rest : { ...rest, extension: all }
}

const extensionSlot = <A>(
  url: string,
  valueOf: (value: A) => Omit<Extension, 'url'>,
): Slot<SeriesFields, ReadonlyArray<A>> => ({
  has: ({ extension = [] }) => extension.some((each) => each.url === url),
  set: (values) => (series) => {
    const ours = values.map((value): Extension => ({ url, ...valueOf(value) }))
    const existing = (series.extension ?? []).filter((each) => each.url === url)
    return sameJson(existing, ours) ? series : withExtensions(series, url, ours)
  },
  clear: (series) => withExtensions(series, url, []),
})

/** The orders that its requests name; none when it names no request: a report of grouped orders often does not. */
const readOrders = (dataset: DicomDataset): Mapped<O.Option<ReadonlyArray<Identifier>>> => {
  const read = itemsOf(dataset, 'RequestAttributesSequence').map(readAccession)
  const orders = distinct(read.flatMap((each) => (TH.isLeft(each) || O.isNone(each.right) ? [] : [each.right.value])))
  return withIssues(orders.length === 0 ? O.none : O.some(orders), read.flatMap(issuesOf))
}

interface ReadReason {
  readonly reasons: ReadonlyArray<CodeableConcept>
  readonly issues: ReadonlyArray<TagIssue>
}

const reasonOf = (codes: ReadCodes, ...texts: ReadonlyArray<Mapped<O.Option<string>>>): ReadReason => {
  const concepts = codes.entries.map(codeableConcept)
  const coding = concepts.flatMap((concept) => concept.coding ?? [])
  const free = texts.flatMap((text) => (TH.isLeft(text) || O.isNone(text.right) ? [] : [text.right.value]))
  const [text] = [...free, ...concepts.flatMap((concept) => concept.text ?? [])]
  const reason = { ...(coding.length === 0 ? {} : { coding }), ...(text === undefined ? {} : { text }) }
  return {
    reasons: Object.keys(reason).length === 0 ? [] : [reason],
    issues: [...codes.issues, ...texts.flatMap(issuesOf)],
  }
}

/** The reasons of its requests, else that of the procedure, else that of the study. */
const readReasons = (dataset: DicomDataset): Mapped<O.Option<ReadonlyArray<CodeableConcept>>> => {
  const requested = itemsOf(dataset, 'RequestAttributesSequence').map((item) =>
    reasonOf(
      readCodes(item, 'ReasonForRequestedProcedureCodeSequence'),
      readTag('ReasonForTheRequestedProcedure')(item),
    ),
  )
  const performed = reasonOf(
    readCodes(dataset, 'ReasonForPerformedProcedureCodeSequence'),
    readTag('ReasonForTheRequestedProcedure')(dataset),
    readTag('ReasonForStudy')(dataset),
  )
  const ofRequests = requested.flatMap(({ reasons }) => reasons)
  const reasons = distinctJson(ofRequests.length > 0 ? ofRequests : performed.reasons)
  const issues = [...requested, performed].flatMap((each) => each.issues)
  return withIssues(reasons.length === 0 ? O.none : O.some(reasons), issues)
}

/** What a series says of the study's orders and their reasons. */
export const seriesOrderRules: ReadonlyArray<Rule<SeriesFields>> = [
  rule<SeriesFields, ReadonlyArray<Identifier>>({
    element: basedOn,
    tags: ['RequestAttributesSequence', 'AccessionNumber', 'IssuerOfAccessionNumberSequence'],
    judged: false,
    note: "logical references to the ServiceRequests of these accession numbers, over the live series: the study's own alone when no request names it; other entries stay. An extension of the series keeps what it said",
    read: readOrders,
    slot: extensionSlot(orderOfSeries, (identifier: Identifier) => ({ valueReference: orderTo(identifier) })),
  }),
  rule<SeriesFields, ReadonlyArray<CodeableConcept>>({
    element: reasonCode,
    tags: [
      'RequestAttributesSequence',
      'ReasonForRequestedProcedureCodeSequence',
      'ReasonForTheRequestedProcedure',
      'ReasonForPerformedProcedureCodeSequence',
      'ReasonForStudy',
    ],
    heeded: ['RequestAttributesSequence', 'ReasonForPerformedProcedureCodeSequence', 'ReasonForStudy'],
    judged: false,
    note: 'of the requests of the live series, else of the procedure or the study; codes and free text. An extension of the series keeps what it said',
    read: readReasons,
    slot: extensionSlot(reasonOfSeries, (reason: CodeableConcept) => ({ valueCodeableConcept: reason })),
  }),
]

// ---- what follows for the study

const ordersIn = ({ extension = [] }: Pick<SeriesFields, 'extension'>): ReadonlyArray<Identifier> =>
  extension.flatMap(({ url, valueReference }) =>
    url === orderOfSeries && valueReference?.identifier !== undefined ? [valueReference.identifier] : [],
  )

const reasonsIn = ({ extension = [] }: SeriesFields): ReadonlyArray<CodeableConcept> =>
  extension.flatMap(({ url, valueCodeableConcept: reason }) =>
    url === reasonOfSeries && reason !== undefined ? [reason] : [],
  )

/**
 * The version before kept no account of the series: the orders of its studies that are more than the study's own
 * number stay as long as the series that are there, or until one of them says what its orders are.
 */
export const withKnownOrders = (
  { basedOn: orders = [], identifier: identifiers = [] }: StudyFields,
  series: ReadonlyArray<SeriesFields>,
): ReadonlyArray<SeriesFields> => {
  const ours = orders.filter(isOurOrder).flatMap(({ identifier }) => identifier ?? [])
  const isGrouped = ours.some((order) => !identifiers.some((each) => hasType(each, 'ACSN') && isSameOrder(each, order)))
  if (!isGrouped || series.some((each) => ordersIn(each).length > 0)) return series
  const known = ours.map((identifier): Extension => ({ url: orderOfSeries, valueReference: orderTo(identifier) }))
  return series.map((each) => withExtensions(each, orderOfSeries, known))
}

export interface SeriesOfStudy {
  readonly live: ReadonlyArray<SeriesFields>
  /** Went since the study was read. */
  readonly gone: ReadonlyArray<SeriesFields>
}

const unnamed = (
  { basedOn: orders = [] }: StudyFields,
  series: ReadonlyArray<SeriesFields>,
): Identifier | undefined => {
  const named = series.flatMap(ordersIn)
  return orders
    .filter(isOurOrder)
    .flatMap(({ identifier }) => identifier ?? [])
    .find((order) => !named.some((each) => isSameOrder(each, order)))
}

/**
 * `basedOn`: the number of the study and those of all requests; the number alone when no request names it, for a bulk
 * correction does not reach the requests. A number that was said by a series that is gone goes with it. `isNumbered`: the
 * number stands in the study; else it is the order that no request names.
 */
export const withOrders = (study: StudyFields, { live, gone }: SeriesOfStudy, isNumbered: boolean): StudyFields => {
  const requested = distinct(live.flatMap(ordersIn))
  const [first] = requested
  const said = isNumbered ? (study.identifier ?? []).find(isOrdered(study)) : unnamed(study, [...live, ...gone])
  const isGone = (order: Identifier): boolean =>
    !requested.some((each) => isSameOrder(each, order)) &&
    gone.flatMap(ordersIn).some((each) => isSameOrder(each, order))
  const next =
    said !== undefined && first !== undefined && isGone(said) ? withAccession(study, first, isOrdered) : study
  const number = next === study ? said : first
  const isNamed = number !== undefined && requested.some((each) => isSameOrder(each, number))
  const orders = number === undefined ? requested : isNamed ? distinct([number, ...requested]) : [number]
  const { basedOn: existing = [], ...rest } = next
  const others = existing.filter((each) => !isOurOrder(each))
  const isTheirs = (order: Identifier): boolean =>
    others.some(({ identifier }) => identifier !== undefined && isSameOrder(identifier, order))
  const all = [...others, ...orders.filter((order) => !isTheirs(order)).map(orderTo)]
  if (sameJson(study.basedOn ?? [], all) && next === study) return study
  return all.length === 0 ? rest : { ...rest, basedOn: all }
}

/** `reasonCode`: replaced on a study of ours, filled on any other. */
export const withReasons = (study: StudyFields, { live, gone }: SeriesOfStudy, ours: boolean): StudyFields => {
  if (!ours && study.reasonCode !== undefined) return study
  const reasons = distinctJson(live.flatMap(reasonsIn))
  if (reasons.length > 0) return sameJson(study.reasonCode, reasons) ? study : { ...study, reasonCode: [...reasons] }
  if (!gone.some((each) => reasonsIn(each).length > 0)) return study
  const { reasonCode: _gone, ...rest } = study
  return rest
}
