import type { Resource } from './store'

/**
 * A search parameter of R4 (token, reference and string are what clients of this service need) and the elements it
 * looks at.
 */
export interface SearchParameter {
  readonly kind: 'token' | 'reference' | 'string'
  readonly paths: ReadonlyArray<string>
  /** Only references to this type. */
  readonly target?: string
}

const token = (...paths: ReadonlyArray<string>): SearchParameter => ({ kind: 'token', paths })
const reference = (...paths: ReadonlyArray<string>): SearchParameter => ({ kind: 'reference', paths })
const string = (...paths: ReadonlyArray<string>): SearchParameter => ({ kind: 'string', paths })
const patient = (path: string): SearchParameter => ({ kind: 'reference', paths: [path], target: 'Patient' })

const ofAllTypes: Readonly<Record<string, SearchParameter>> = {
  identifier: token('identifier'),
  _tag: token('meta.tag'),
}
const ofRequestsAndEvents = {
  subject: reference('subject'),
  patient: patient('subject'),
  code: token('code'),
  status: token('status'),
  'based-on': reference('basedOn'),
}
const ofType: Readonly<Record<string, Readonly<Record<string, SearchParameter>>>> = {
  Patient: {
    name: string('name.text', 'name.family', 'name.given', 'name.prefix', 'name.suffix'),
    family: string('name.family'),
    given: string('name.given'),
    gender: token('gender'),
    link: reference('link.other'),
  },
  Endpoint: { name: string('name'), 'connection-type': token('connectionType'), status: token('status') },
  ImagingStudy: {
    subject: reference('subject'),
    patient: patient('subject'),
    endpoint: reference('endpoint', 'series.endpoint'),
    instance: token('series.instance.uid'),
    series: token('series.uid'),
    // R4 spells it without a hyphen here.
    basedon: reference('basedOn'),
    status: token('status'),
  },
  Observation: {
    ...ofRequestsAndEvents,
    category: token('category'),
    'part-of': reference('partOf'),
    focus: reference('focus'),
    'has-member': reference('hasMember'),
  },
  Basic: { subject: reference('subject'), patient: patient('subject'), code: token('code') },
  ServiceRequest: ofRequestsAndEvents,
  DiagnosticReport: { ...ofRequestsAndEvents, result: reference('result') },
}

export const searchParametersOf = (type: string): Readonly<Record<string, SearchParameter>> => ({
  ...ofAllTypes,
  ...ofType[type],
})

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const valuesAt = (value: unknown, path: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path))
  const [member, ...rest] = path
  if (member === undefined) return value === undefined || value === null ? [] : [value]
  return isObject(value) ? valuesAt(value[member], rest) : []
}

interface Token {
  readonly system?: unknown
  readonly code: unknown
}

/** Code, Coding, CodeableConcept and Identifier, all as tokens (R4 search, 3.1.1.4.10). */
const tokensOf = (value: unknown): ReadonlyArray<Token> => {
  if (!isObject(value)) return [{ code: String(value) }]
  if (Array.isArray(value['coding'])) return value['coding'].flatMap(tokensOf)
  return [{ system: value['system'], code: value['value'] ?? value['code'] }]
}

// Index keys: what a search value becomes on one side and a resource's element on the other.
export const tokenKey = (name: string, system: string | undefined, code: string | undefined): string =>
  JSON.stringify([name, system ?? null, code ?? null])
export const referenceKey = (name: string, target: string): string => `${name}->${target}`

const tokenKeys = (name: string, { system, code }: Token): ReadonlyArray<string> => {
  if (typeof code !== 'string') return []
  const from = typeof system === 'string' ? system : ''
  return [tokenKey(name, from, code), tokenKey(name, undefined, code), tokenKey(name, from, undefined)]
}

const typeAndId = /(?:^|[^A-Za-z])([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[^/]+)?$/

const referenceKeys = (name: string, value: unknown, target: string | undefined): ReadonlyArray<string> => {
  const literal = isObject(value) ? value['reference'] : undefined
  const [, type, id] = typeof literal === 'string' ? (typeAndId.exec(literal) ?? []) : []
  if (type === undefined || id === undefined || (target !== undefined && type !== target)) return []
  return [referenceKey(name, `${type}/${id}`), referenceKey(name, id)]
}

/** The relative form of a reference given in a search: `Patient/1`, `1`, or an absolute URL. */
export const relativeReference = (value: string): string => {
  const [, type, id] = typeAndId.exec(value) ?? []
  return type === undefined || id === undefined ? value : `${type}/${id}`
}

/** Keys under which the store's index finds a resource. */
export const indexKeys = (resource: Resource): ReadonlyArray<string> => {
  const keys = Object.entries(searchParametersOf(resource.resourceType)).flatMap(([name, { kind, paths, target }]) => {
    const values = paths.flatMap((path) => valuesAt(resource, path.split('.')))
    if (kind === 'token') return values.flatMap(tokensOf).flatMap((each) => tokenKeys(name, each))
    return kind === 'reference' ? values.flatMap((value) => referenceKeys(name, value, target)) : []
  })
  return [...new Set(keys)]
}

/** Lower-case text without accents, as string search compares. */
export const folded = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()

export const stringsOf = (resource: Resource, { paths }: SearchParameter): ReadonlyArray<string> =>
  paths
    .flatMap((path) => valuesAt(resource, path.split('.')))
    .filter((value): value is string => typeof value === 'string')
