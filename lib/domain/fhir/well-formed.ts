import type { FhirResource } from 'fhir/r4'
import { isWrittenNumber, valueOfNumber } from '../json'

/**
 * What stands in FHIR was written by others, and a server may answer anything. Members that this product reads and
 * that are not what R4 says they are count as absent; all others stay as they are, whatever they are.
 */
type Kind = 'text' | 'number' | 'flag' | Members | Required | readonly [Kind]
interface Members {
  readonly [member: string]: Kind
}
/** R4 demands it, so nobody asks whether it is there: it is empty when it is not. */
interface Required {
  readonly required: Members
}

const coding: Members = { system: 'text', code: 'text', display: 'text' }
const concept: Members = { coding: [coding], text: 'text' }
// An Identifier's assigner is a Reference, and that one's identifier an Identifier: nobody follows them further.
const identifier: Members = {
  use: 'text',
  system: 'text',
  value: 'text',
  type: concept,
  period: { start: 'text', end: 'text' },
  assigner: { display: 'text' },
}
const reference: Members = { reference: 'text', type: 'text', display: 'text', identifier }
const meta: Members = { versionId: 'text', lastUpdated: 'text', source: 'text', profile: ['text'], tag: [coding] }
const extension: Members = { url: 'text', valueCode: 'text', valueReference: reference, valueCodeableConcept: concept }

const kinds: Readonly<Record<string, Members>> = {
  Patient: {
    meta,
    identifier: [identifier],
    active: 'flag',
    name: [{ use: 'text', text: 'text', family: 'text', given: ['text'], extension: [extension] }],
    gender: 'text',
    birthDate: 'text',
    link: [{ type: 'text', other: { required: reference } }],
  },
  Endpoint: {
    meta,
    identifier: [identifier],
    status: 'text',
    connectionType: coding,
    name: 'text',
    payloadType: [concept],
    payloadMimeType: ['text'],
    address: 'text',
  },
  ImagingStudy: {
    meta,
    identifier: [identifier],
    status: 'text',
    modality: [coding],
    subject: reference,
    started: 'text',
    basedOn: [reference],
    referrer: reference,
    endpoint: [reference],
    numberOfSeries: 'number',
    numberOfInstances: 'number',
    procedureCode: [concept],
    reasonCode: [concept],
    note: [{ text: 'text' }],
    description: 'text',
    series: [
      {
        uid: 'text',
        number: 'number',
        modality: { required: coding },
        description: 'text',
        numberOfInstances: 'number',
        bodySite: coding,
        laterality: coding,
        started: 'text',
        extension: [extension],
        performer: [{ function: concept, actor: reference }],
        instance: [{ uid: 'text', sopClass: coding, number: 'number', title: 'text' }],
      },
    ],
  },
  Observation: {
    meta,
    identifier: [identifier],
    status: 'text',
    category: [concept],
    code: concept,
    subject: reference,
    focus: [reference],
    partOf: [reference],
    basedOn: [reference],
    hasMember: [reference],
    derivedFrom: [reference],
    effectiveDateTime: 'text',
    valueString: 'text',
    bodySite: concept,
    device: reference,
    component: [
      {
        code: concept,
        valueQuantity: { value: 'number' },
        valueInteger: 'number',
        valueCodeableConcept: concept,
        valueString: 'text',
      },
    ],
    extension: [{ url: 'text', valueCodeableConcept: concept, extension: [{ ...extension, valueString: 'text' }] }],
  },
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isList = (kind: Kind): kind is readonly [Kind] => Array.isArray(kind)
const isRequired = (kind: Members | Required): kind is Required => 'required' in kind
const empty = {}

// FHIR's strings have none of these; the original left the NUL that pads a value of DICOM.
const unwritable = /[\x00-\x08\x0B\x0C\x0E-\x1F]/g

const writableText = (text: string): string => {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < 0x20) return text.replace(unwritable, '')
  return text
}

/** The value as far as it is of this kind; the very same when all of it is. */
const conforming = (kind: Kind, value: unknown): unknown => {
  if (kind === 'text') return typeof value === 'string' ? writableText(value) : undefined
  if (kind === 'number')
    return isWrittenNumber(value) ? valueOfNumber(value) : typeof value === 'number' ? value : undefined
  if (kind === 'flag') return typeof value === 'boolean' ? value : undefined
  if (isList(kind)) return conformingList(kind[0], value)
  if (isRequired(kind)) return conforming(kind.required, value) ?? empty
  return isRecord(value) ? conformingMembers(kind, value) : undefined
}

// Loops that copy nothing as long as all is well: a study has twenty thousand images.
const conformingList = (kind: Kind, value: unknown): unknown => {
  if (!Array.isArray(value)) return undefined
  let copy: Array<unknown> | undefined
  for (let index = 0; index < value.length; index++) {
    const item = conforming(kind, value[index])
    if (item !== value[index]) copy ??= value.slice(0, index)
    if (item !== undefined) copy?.push(item)
  }
  return copy ?? value
}

const memberNames = new WeakMap<Members, ReadonlyArray<string>>()

const namesOf = (members: Members): ReadonlyArray<string> => {
  const known = memberNames.get(members)
  if (known !== undefined) return known
  const names = Object.keys(members)
  memberNames.set(members, names)
  return names
}

const conformingMembers = (members: Members, value: Readonly<Record<string, unknown>>): unknown => {
  let copy: Record<string, unknown> | undefined
  for (const member of namesOf(members)) {
    const given = Object.hasOwn(value, member) ? value[member] : undefined
    const inner = conforming(members[member] as Kind, given)
    if (inner === given) continue
    copy ??= { ...value }
    if (inner === undefined) delete copy[member]
    else copy[member] = inner
  }
  return copy ?? value
}

/** The resource without members that cannot be read. Its type and id have been looked at before. */
export const wellFormed = <R extends FhirResource>(resource: R): R =>
  conforming(kinds[resource.resourceType] ?? {}, resource) as R

const isDeeperThan = (depth: number, value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false
  if (depth === 0) return true
  if (Array.isArray(value)) return value.some((inner) => isDeeperThan(depth - 1, inner))
  for (const key in value) if (isDeeperThan(depth - 1, (value as Record<string, unknown>)[key])) return true
  return false
}

/** Nothing that R4 describes goes down so far, and whoever writes it again would run out of stack. */
export const isBottomless = (value: unknown): boolean => isDeeperThan(200, value)
