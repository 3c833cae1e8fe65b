import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import type { CodeableConcept, ObservationComponent } from 'fhir/r4'
import type { TagIssue } from '../../cast-error'
import { type ContentItem, type PlacedItem, codeOf, isAbout, itemsBelow, uidOf } from '../../dicom/structured-report'
import { absent } from '../../dicom/vr'
import { codeableConcept } from '../coded-concept'
import { componentsOf } from './components'
import { type NamedConcept, concepts, eventRows } from './concepts'
import { type ObservationBody, coded, imaging, uidIdentifier } from './observation'
import { type ReadTime, earliest } from './time'

export const irradiationEvent: NamedConcept = { value: '113852', scheme: 'DCM', display: 'Irradiation Event' }

/** What holds an event, and what names it there. */
const eventContainers: ReadonlyArray<{ readonly container: NamedConcept; readonly uid: NamedConcept }> = [
  { container: concepts.xRayEvent, uid: concepts.eventUid },
  { container: concepts.ctAcquisition, uid: concepts.eventUid },
  { container: concepts.administration, uid: concepts.administrationUid },
]

const kindOf = (item: ContentItem) => eventContainers.find(({ container }) => isAbout(item, container))
const isEvent = (item: ContentItem): boolean => kindOf(item) !== undefined

interface EventPart {
  readonly uid: string
  readonly time: string | undefined
  readonly bodySite: CodeableConcept | undefined
  readonly components: ReadonlyArray<ObservationComponent>
}

type ReadPart = E.Either<TagIssue, { readonly part: EventPart; readonly issues: ReadonlyArray<TagIssue> }>

const readUid = (items: ReadonlyArray<PlacedItem>, concept: NamedConcept): E.Either<TagIssue, string> => {
  const [found] = items.filter(({ item }) => isAbout(item, concept))
  const read = found === undefined ? absent : uidOf(found.item)
  if (TH.isLeft(read)) return E.left({ _tag: 'TagInvalid', keyword: 'UID', reason: read.left })
  return O.isNone(read.right) ? E.left({ _tag: 'TagMissing', keyword: 'UID' }) : E.right(read.right.value)
}

const readPart = (
  container: ContentItem,
  uidConcept: NamedConcept,
  readTime: (item: ContentItem) => ReadTime,
): ReadPart => {
  const items = itemsBelow(container, isEvent)
  const about = (...wanted: ReadonlyArray<NamedConcept>): ReadonlyArray<ContentItem> =>
    items.map(({ item }) => item).filter((item) => wanted.some((concept) => isAbout(item, concept)))
  const time = earliest(about(concepts.eventStart, concepts.administrationStart).map(readTime))
  const region = about(concepts.targetRegion)
    .map(codeOf)
    .find((code) => code !== undefined)
  const { components, issues } = componentsOf(eventRows, items)
  return E.map((uid: string) => ({
    part: {
      uid,
      time: time.value,
      bodySite: region === undefined ? undefined : codeableConcept(region),
      components,
    },
    issues: [...time.issues, ...issues],
  }))(readUid(items, uidConcept))
}

/** The planes of a biplane system may report one event in two containers. What both say is written once. */
const bodyOf = (parts: ReadonlyArray<EventPart>, uid: string, status: ObservationBody['status']): ObservationBody => {
  const time = earliest(parts.map(({ time: value }) => ({ value, issues: [] }))).value
  const bodySite = parts.map((part) => part.bodySite).find((each) => each !== undefined)
  const components = new Map(
    parts.flatMap((part) => part.components).map((component) => [JSON.stringify(component), component]),
  )
  return {
    resourceType: 'Observation',
    identifier: [uidIdentifier('irradiation-event-uid', uid)],
    status,
    category: imaging,
    code: coded(irradiationEvent),
    ...(time === undefined ? {} : { effectiveDateTime: time }),
    ...(bodySite === undefined ? {} : { bodySite }),
    ...(components.size === 0 ? {} : { component: [...components.values()] }),
  }
}

export interface Events {
  readonly events: ReadonlyArray<ObservationBody>
  readonly issues: ReadonlyArray<TagIssue>
}

/** One Observation an event UID, in document order. An event that cannot be identified is passed over. */
export const readEvents = (
  items: ReadonlyArray<PlacedItem>,
  status: ObservationBody['status'],
  readTime: (item: ContentItem) => ReadTime,
): Events => {
  const parts = new Map<string, EventPart[]>()
  const issues: ReadonlyArray<TagIssue>[] = []
  for (const { item } of items) {
    const kind = kindOf(item)
    if (kind === undefined) continue
    const read = readPart(item, kind.uid, readTime)
    if (E.isLeft(read)) {
      issues.push([read.left])
      continue
    }
    const { part } = read.right
    issues.push(read.right.issues)
    const known = parts.get(part.uid)
    if (known === undefined) parts.set(part.uid, [part])
    else known.push(part)
  }
  return { events: [...parts].map(([uid, of]) => bodyOf(of, uid, status)), issues: issues.flat() }
}
