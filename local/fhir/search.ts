import { randomUUID } from 'node:crypto'
import type { Bundle, BundleEntry } from 'fhir/r4'
import { issue, outcome, refusal } from './operation-outcome'
import type { SearchParameter } from './search-parameters'
import { folded, referenceKey, relativeReference, searchParametersOf, stringsOf, tokenKey } from './search-parameters'
import type { Store, Version } from './store'

const defaultCount = 10
const maxCount = 1000
const keptContinuations = 1000
const resultParameters = new Set(['_count', '_elements', '_summary', '_total', '_format', '_pretty', 'ct'])

type Criterion = (store: Store, type: string) => ReadonlyArray<Version>

/** Splits at a separator that no backslash precedes (R4 search, 3.1.1.4.1). */
const splitUnescaped = (text: string, separator: ',' | '|'): ReadonlyArray<string> => {
  const parts = ['']
  for (const piece of text.match(/\\.|[^\\]|\\$/gs) ?? []) {
    if (piece === separator) parts.push('')
    else parts[parts.length - 1] += piece
  }
  return parts
}
const unescaped = (text: string): string => text.replace(/\\([\\,|$])/g, '$1')

const tokenKeyOf = (name: string, value: string): string => {
  const [first = '', ...rest] = splitUnescaped(value, '|')
  if (rest.length === 0) return tokenKey(name, undefined, unescaped(first))
  const code = unescaped(rest.join('|'))
  return tokenKey(name, unescaped(first), code === '' ? undefined : code)
}

const byString =
  (parameter: SearchParameter, exact: boolean, alternatives: ReadonlyArray<string>): Criterion =>
  (store, type) => {
    const wanted = alternatives.map((each) => (exact ? unescaped(each) : folded(unescaped(each))))
    const matches = (text: string): boolean =>
      wanted.some((each) => (exact ? text === each : folded(text).startsWith(each)))
    return store.live(type).filter(({ resource }) => resource && stringsOf(resource, parameter).some(matches))
  }

const byLastUpdated =
  (value: string): Criterion =>
  (store, type) => {
    const [, prefix = 'eq', date = ''] = /^(eq|gt|ge|lt|le)?(.*)$/.exec(value) ?? []
    const wanted = Date.parse(date)
    if (Number.isNaN(wanted)) throw refusal(400, "The value of the search parameter '_lastUpdated' is not a date.")
    const compares = (at: number): boolean => {
      if (prefix === 'gt') return at > wanted
      if (prefix === 'ge') return at >= wanted
      if (prefix === 'lt') return at < wanted
      return prefix === 'le' ? at <= wanted : at === wanted
    }
    return store.live(type).filter(({ lastUpdated }) => compares(Date.parse(lastUpdated)))
  }

/** undefined: the parameter is not known for the type. */
const criterion = (type: string, key: string, value: string): Criterion | undefined => {
  const alternatives = splitUnescaped(value, ',')
  const [name = '', modifier] = key.split(':')
  if (name === '_id') {
    return (store) =>
      alternatives.flatMap((id) => {
        const version = store.current(type, id)
        return version?.resource === undefined ? [] : [version]
      })
  }
  if (name === '_lastUpdated') return byLastUpdated(value)
  const parameters = searchParametersOf(type)
  const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined
  if (parameter === undefined) return undefined
  if (modifier !== undefined && !(parameter.kind === 'string' && modifier === 'exact')) {
    throw refusal(400, `The modifier ':${modifier}' is not supported for the search parameter '${name}'.`)
  }
  if (parameter.kind === 'string') return byString(parameter, modifier === 'exact', alternatives)
  const keys = alternatives.map((each) =>
    parameter.kind === 'token' ? tokenKeyOf(name, each) : referenceKey(name, relativeReference(unescaped(each))),
  )
  return (store) => keys.flatMap((each) => store.withKey(type, each))
}

export interface Matches {
  readonly versions: ReadonlyArray<Version>
  readonly unknown: ReadonlyArray<string>
  /** How many parameters restricted the result. */
  readonly criteria: number
}

/** All live resources of the type that meet every known parameter, in the order in which they were written. */
export const findMatches = (store: Store, type: string, parameters: URLSearchParams): Matches => {
  const unknown: string[] = []
  const criteria = [...parameters].flatMap(([key, value]) => {
    if (resultParameters.has(key)) return []
    const known = value === '' ? undefined : criterion(type, key, value)
    if (known === undefined) unknown.push(key)
    return known === undefined ? [] : [known]
  })
  const [first, ...others] = criteria.map((each) => each(store, type))
  const otherSets = others.map((versions) => new Set(versions))
  const versions = [...new Set(first ?? store.live(type))].filter((each) => otherSets.every((set) => set.has(each)))
  return { versions: versions.sort((a, b) => a.position - b.position), unknown, criteria: criteria.length }
}

const pageSize = (parameters: URLSearchParams): number => {
  const given = parameters.get('_count')
  if (given === null) return defaultCount
  if (!/^\d{1,9}$/.test(given)) throw refusal(400, "The value of the parameter '_count' is not a whole number.")
  return Math.min(Number(given), maxCount)
}

const unsupported = (type: string, names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.map((name) => `The search parameter '${name}' is not supported for resource type '${type}'.`)

export interface SearchRequest {
  readonly type: string
  readonly parameters: URLSearchParams
  /** `Prefer: handling=strict`: an unknown parameter is an error. Otherwise it is ignored, and a warning says so. */
  readonly strict: boolean
}

/** Search with paging. A next link holds nothing but a token: a client has to follow it as it is. */
export const createSearch = (store: Store, baseUrl: () => string): ((request: SearchRequest) => Bundle) => {
  const continuations = new Map<string, { readonly parameters: URLSearchParams; readonly after: number }>()

  const continueAt = (parameters: URLSearchParams, after: number): string => {
    const [oldest] = continuations.keys()
    if (continuations.size >= keptContinuations && oldest !== undefined) continuations.delete(oldest)
    const name = randomUUID()
    continuations.set(name, { parameters, after })
    return name
  }

  return ({ type, parameters: given, strict }) => {
    const ct = given.get('ct')
    const continuation = ct === null ? { parameters: given, after: 0 } : continuations.get(ct)
    if (continuation === undefined) throw refusal(400, 'The provided continuation token is not valid.')
    const { parameters, after } = continuation
    const { versions, unknown } = findMatches(store, type, parameters)
    const warnings = unsupported(type, unknown)
    if (strict && warnings.length > 0) throw refusal(400, warnings.join(' '))

    const size = pageSize(parameters)
    const countOnly = parameters.get('_summary') === 'count' || size === 0
    const rest = versions.filter(({ position }) => position > after)
    const page = countOnly ? [] : rest.slice(0, size)
    const last = page.at(-1)
    const link = [{ relation: 'self', url: `${baseUrl()}/${type}?${given.toString()}` }]
    if (last !== undefined && rest.length > page.length) {
      link.push({ relation: 'next', url: `${baseUrl()}/${type}?ct=${continueAt(parameters, last.position)}` })
    }
    const entry = page.map(({ id, resource }): BundleEntry => ({
      fullUrl: `${baseUrl()}/${type}/${id}`,
      resource: resource as NonNullable<BundleEntry['resource']>,
      search: { mode: 'match' },
    }))
    if (warnings.length > 0) {
      const issues = warnings.map((text) => ({ ...issue(400, text), severity: 'warning' as const }))
      entry.push({ resource: outcome(issues), search: { mode: 'outcome' } })
    }
    return {
      resourceType: 'Bundle',
      type: 'searchset',
      ...(countOnly || parameters.get('_total') === 'accurate' ? { total: versions.length } : {}),
      link,
      ...(entry.length > 0 ? { entry } : {}),
    }
  }
}
