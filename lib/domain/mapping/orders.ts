import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import type { Identifier, Reference } from 'fhir/r4'
import { type DicomDataset, itemsOf } from '../dicom/dataset'
import { hasType, typed } from '../fhir/identifiers'
import type { StudyFields } from './fields'
import { readIssuerItem } from './issuer'
import { type Mapped, type Rule, readTag, rule } from './mapped'

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

export const readAccession = (dataset: DicomDataset): Mapped<O.Option<Identifier>> =>
  pipe(readTag('AccessionNumber')(dataset), TH.map(O.map((value) => accessionOf(dataset, value))))

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
export const isOrdered: IsOurs =
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

export const isSameOrder = (left: Identifier, right: Identifier): boolean =>
  left.value === right.value && (!left.system || !right.system || left.system === right.system)

/** Of equal ones the first, or the one that names its system: a request often repeats the number alone. */
export const distinct = (orders: ReadonlyArray<Identifier>): ReadonlyArray<Identifier> => {
  const found: Array<Identifier> = []
  for (const order of orders) {
    const at = found.findIndex((each) => isSameOrder(each, order))
    const known = found[at]
    if (known === undefined) found.push(order)
    else if (!known.system && order.system) found[at] = order
  }
  return found
}

export const orderTo = (identifier: Identifier): Reference => ({ type: 'ServiceRequest', identifier })

/** Until the study is closed the order tells whose the number is. */
const withItsOrder = (study: StudyFields, accession: Identifier): StudyFields => {
  const orders = study.basedOn ?? []
  return orders.some((each) => isOurOrder(each) && sameIdentifier(each.identifier, accession))
    ? study
    : { ...study, basedOn: [...orders, orderTo(accession)] }
}

export const withAccession = (study: StudyFields, accession: Identifier, isOurs: IsOurs): StudyFields => {
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

export const basedOn = 'ImagingStudy.basedOn'
export const accessionElement = 'ImagingStudy.identifier:accession'

const accessionRule = (isOrderWritten: boolean): Rule<StudyFields> => {
  const isOurs = isOrderWritten ? isOrdered : isOfIssuer
  return rule<StudyFields, Identifier>({
    element: accessionElement,
    tags: ['AccessionNumber', 'IssuerOfAccessionNumberSequence'],
    note: 'type v2-0203#ACSN, with the system and assigner of its issuer; replaced when it changes',
    read: readAccession,
    slot: {
      has: (study) => (study.identifier ?? []).some(isOurs(study)),
      set: (accession) => (study) => {
        const numbered = withAccession(study, accession, isOurs)
        return isOrderWritten ? withItsOrder(numbered, accession) : numbered
      },
      clear: (study) => {
        const isOurAccession = isOurs(study)
        return withIdentifiers(
          study,
          (study.identifier ?? []).filter((each) => !isOurAccession(each)),
        )
      },
      isShared: true,
    },
  })
}

/** Where the number itself is not written the order alone tells it. */
const orderRule = rule<StudyFields, Identifier>({
  element: basedOn,
  tags: ['AccessionNumber', 'IssuerOfAccessionNumberSequence'],
  read: readAccession,
  slot: {
    has: ({ basedOn: orders = [] }) => orders.some(isOurOrder),
    set: (accession) => (study) => withItsOrder(withoutOrders(study), accession),
    clear: (study) => withoutOrders(study),
    isShared: true,
  },
})

const withoutOrders = (study: StudyFields): StudyFields => {
  const { basedOn: orders = [], ...rest } = study
  const others = orders.filter((each) => !isOurOrder(each))
  return others.length === 0 ? rest : { ...rest, basedOn: others }
}

/** Who ordered the study: the number of the study. Its orders are decided over its live series, when it is closed. */
export const orderRules = (excluded: ReadonlySet<string>): ReadonlyArray<Rule<StudyFields>> => [
  accessionRule(!excluded.has(basedOn)),
  ...(excluded.has(accessionElement) ? [orderRule] : []),
]
