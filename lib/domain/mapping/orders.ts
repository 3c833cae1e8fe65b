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

/** Which accession number of a study is ours: another system's stays. */
type IsOurs = (study: StudyFields, next?: Identifier) => (identifier: Identifier) => boolean

/** One without a system, or one that is also the order we refer to. */
const isOrdered: IsOurs =
  ({ basedOn = [] }) =>
  (identifier) =>
    hasType(identifier, 'ACSN') &&
    (!identifier.system || basedOn.some((order) => isOurOrder(order) && sameIdentifier(order.identifier, identifier)))

/** Where orders are not written: one without a system, or the only one of the issuer that the next one has. */
const isOfIssuer: IsOurs = ({ identifier: all = [] }, next) => {
  const ofIssuer = all.filter((each) => hasType(each, 'ACSN') && each.system === next?.system)
  return (identifier) =>
    hasType(identifier, 'ACSN') && (!identifier.system || (ofIssuer.length === 1 && ofIssuer[0] === identifier))
}

const withIdentifiers = (study: StudyFields, identifier: ReadonlyArray<Identifier>): StudyFields => {
  const { identifier: _replaced, ...rest } = study
  return identifier.length === 0 ? rest : { ...rest, identifier: [...identifier] }
}

const withAccession = (study: StudyFields, accession: Identifier, isOurs: IsOurs): StudyFields => {
  const identifiers = study.identifier ?? []
  const own = identifiers.findIndex(isOurs(study, accession))
  const index =
    own >= 0 ? own : identifiers.findIndex((each) => hasType(each, 'ACSN') && sameIdentifier(each, accession))
  if (sameIdentifier(identifiers[index], accession)) return study
  return withIdentifiers(
    study,
    index < 0 ? [...identifiers, accession] : identifiers.map((each, at) => (at === index ? accession : each)),
  )
}

interface Orders {
  readonly orders: ReadonlyArray<Reference>
  /** Whether the instance names requests at all: a report of a study with grouped orders often does not. */
  readonly named: boolean
}

/** The order of the study and, for grouped orders, those of the requests. */
const readOrders = (dataset: DicomDataset): Mapped<O.Option<Orders>> => {
  const numberOf = (item: DicomDataset): ReadonlyArray<Identifier> => {
    const read = readSH(valuesOfKeyword(item, 'AccessionNumber'))
    return E.isRight(read) && O.isSome(read.right) ? [accessionOf(item, read.right.value)] : []
  }
  const requests = itemsOf(dataset, 'RequestAttributesSequence')
  // The first of equal ones: a request often repeats the study's own number without the name of its issuer.
  const distinct = new Map<string, Identifier>()
  for (const each of [dataset, ...requests].flatMap(numberOf)) {
    const key = `${each.system ?? ''}|${each.value}`
    if (!distinct.has(key)) distinct.set(key, each)
  }
  const orders = [...distinct.values()].map((identifier): Reference => ({ type: 'ServiceRequest', identifier }))
  return TH.right(orders.length === 0 ? O.none : O.some({ orders, named: requests.length > 0 }))
}

const withOrders = (study: StudyFields, orders: ReadonlyArray<Reference>): StudyFields => {
  const { basedOn: existing = [], ...rest } = study
  const others = existing.filter((each) => !isOurOrder(each))
  const all = [...others, ...orders]
  return all.length === 0 ? rest : { ...rest, basedOn: all }
}

/** An instance that names no requests does not take those away that another one has named beside its own order. */
const addsNothing = ({ basedOn: existing = [] }: StudyFields, { orders, named }: Orders): boolean =>
  !named &&
  orders.every(({ identifier }) =>
    existing.some(
      (each) => isOurOrder(each) && identifier !== undefined && sameIdentifier(each.identifier, identifier),
    ),
  )

const accessionRule = (isOurs: IsOurs): Rule<StudyFields> =>
  rule<StudyFields, Identifier>({
    element: 'ImagingStudy.identifier:accession',
    tags: ['AccessionNumber', 'IssuerOfAccessionNumberSequence'],
    note: 'type v2-0203#ACSN, with the system and assigner of its issuer; replaced when it changes',
    read: readAccession,
    slot: {
      has: (study) => (study.identifier ?? []).some(isOurs(study)),
      set: (accession) => (study) => withAccession(study, accession, isOurs),
      clear: (study) => {
        const isOurAccession = isOurs(study)
        return withIdentifiers(
          study,
          (study.identifier ?? []).filter((each) => !isOurAccession(each)),
        )
      },
    },
  })

export const basedOn = 'ImagingStudy.basedOn'

const basedOnRule = rule<StudyFields, Orders>({
  element: basedOn,
  tags: ['AccessionNumber', 'IssuerOfAccessionNumberSequence', 'RequestAttributesSequence'],
  judged: false,
  note: 'logical references to the ServiceRequests of these accession numbers; other entries stay',
  read: readOrders,
  slot: {
    has: (study) => (study.basedOn ?? []).some(isOurOrder),
    set: (given) => (study) => (addsNothing(study, given) ? study : withOrders(study, given.orders)),
    clear: (study) => withOrders(study, []),
  },
})

/** Who ordered the study. The accession goes first: what is ours of it is known by the order that stood before. */
export const orderRules = (excluded: ReadonlySet<string>): ReadonlyArray<Rule<StudyFields>> => [
  accessionRule(excluded.has(basedOn) ? isOfIssuer : isOrdered),
  basedOnRule,
]
