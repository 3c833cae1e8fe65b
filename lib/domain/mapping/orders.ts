import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import type { Identifier, Reference } from 'fhir/r4'
import { type DicomDataset, itemsOf, valuesOfKeyword } from '../dicom/dataset'
import { readSH } from '../dicom/vr'
import { hasType, typed } from '../fhir/identifiers'
import { readIssuerItem } from './issuer'
import { type Mapped, type Rule, readTag, rule } from './mapped'
import type { StudyFields } from './fields'

/** The accession number as an identifier, with the system and name of its issuer where the item has them. */
const accessionOf = (dataset: DicomDataset, value: string): Identifier => {
  const [item] = itemsOf(dataset, 'IssuerOfAccessionNumberSequence')
  const issuer = item === undefined ? undefined : readIssuerItem(item)
  return {
    type: typed('ACSN'),
    ...(issuer?.system === undefined ? {} : { system: issuer.system }),
    value,
    ...(issuer?.namespace === undefined ? {} : { assigner: { display: issuer.namespace } }),
  }
}

const readAccession = (dataset: DicomDataset): Mapped<O.Option<Identifier>> =>
  pipe(readTag('AccessionNumber', readSH)(dataset), TH.map(O.map((value) => accessionOf(dataset, value))))

const sameIdentifier = (left: Identifier | undefined, right: Identifier): boolean =>
  left !== undefined &&
  left.value === right.value &&
  (left.system || undefined) === right.system &&
  left.assigner?.display === right.assigner?.display

/** A logical reference to an order, as we write it: by its accession number alone, with nothing beside it. */
export const isOurOrder = ({ type, identifier, ...others }: Reference): boolean =>
  Object.keys(others).length === 0 &&
  type === 'ServiceRequest' &&
  identifier !== undefined &&
  hasType(identifier, 'ACSN')

/** An accession number without a system is ours; one with a system when it is also the order we refer to. */
const isOurAccession =
  ({ basedOn = [] }: StudyFields) =>
  (identifier: Identifier): boolean =>
    hasType(identifier, 'ACSN') &&
    (!identifier.system || basedOn.some((order) => isOurOrder(order) && sameIdentifier(order.identifier, identifier)))

const withIdentifiers = (study: StudyFields, identifier: ReadonlyArray<Identifier>): StudyFields => {
  const { identifier: _replaced, ...rest } = study
  return identifier.length === 0 ? rest : { ...rest, identifier: [...identifier] }
}

const withAccession = (study: StudyFields, accession: Identifier): StudyFields => {
  const identifiers = study.identifier ?? []
  const own = identifiers.findIndex(isOurAccession(study))
  const index =
    own >= 0 ? own : identifiers.findIndex((each) => hasType(each, 'ACSN') && sameIdentifier(each, accession))
  if (sameIdentifier(identifiers[index], accession)) return study
  return withIdentifiers(
    study,
    index < 0 ? [...identifiers, accession] : identifiers.map((each, at) => (at === index ? accession : each)),
  )
}

/** The order of the study and, for grouped orders, those of the requests. */
const readOrders = (dataset: DicomDataset): Mapped<O.Option<ReadonlyArray<Reference>>> => {
  const numberOf = (item: DicomDataset): ReadonlyArray<Identifier> => {
    const read = readSH(valuesOfKeyword(item, 'AccessionNumber'))
    return E.isRight(read) && O.isSome(read.right) ? [accessionOf(item, read.right.value)] : []
  }
  const identifiers = [dataset, ...itemsOf(dataset, 'RequestAttributesSequence')].flatMap(numberOf)
  const distinct = [...new Map(identifiers.map((each) => [`${each.system ?? ''}|${each.value}`, each])).values()]
  return TH.right(
    distinct.length === 0
      ? O.none
      : O.some(distinct.map((identifier): Reference => ({ type: 'ServiceRequest', identifier }))),
  )
}

const withOrders = (study: StudyFields, orders: ReadonlyArray<Reference>): StudyFields => {
  const { basedOn = [], ...rest } = study
  const others = basedOn.filter((each) => !isOurOrder(each))
  const all = [...others, ...orders]
  return all.length === 0 ? rest : { ...rest, basedOn: all }
}

/** Who ordered the study. The accession goes first: what is ours of it is known by the order that stood before. */
export const orderRules: ReadonlyArray<Rule<StudyFields>> = [
  rule<StudyFields, Identifier>({
    element: 'ImagingStudy.identifier:accession',
    tags: ['AccessionNumber', 'IssuerOfAccessionNumberSequence'],
    note: 'type v2-0203#ACSN, with the system and assigner of its issuer; replaced when it changes',
    read: readAccession,
    slot: {
      has: (study) => (study.identifier ?? []).some(isOurAccession(study)),
      set: (accession) => (study) => withAccession(study, accession),
      clear: (study) => {
        const isOurs = isOurAccession(study)
        return withIdentifiers(
          study,
          (study.identifier ?? []).filter((each) => !isOurs(each)),
        )
      },
    },
  }),
  rule<StudyFields, ReadonlyArray<Reference>>({
    element: 'ImagingStudy.basedOn',
    tags: ['AccessionNumber', 'IssuerOfAccessionNumberSequence', 'RequestAttributesSequence'],
    judged: false,
    note: 'logical references to the ServiceRequests of these accession numbers; other entries stay',
    read: readOrders,
    slot: {
      has: ({ basedOn }) => (basedOn ?? []).some(isOurOrder),
      set: (orders) => (study) => withOrders(study, orders),
      clear: (study) => withOrders(study, []),
    },
  }),
]
