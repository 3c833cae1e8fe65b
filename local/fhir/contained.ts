import { type Json, isObject } from './data-types'

// Resources that are contained in another: their ids, and who refers to them.

export type Report = (path: string, rule: string, message: string) => void

/** Every string that could point at a contained resource: references, and canonical or other URIs with a fragment. */
const fragmentsIn = (value: unknown, found: Set<string>): Set<string> => {
  if (typeof value === 'string' && value.startsWith('#')) found.add(value)
  else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) fragmentsIn(inner, found)
  }
  return found
}

/** dom-3, and that a contained resource can be referred to at all. */
export const checkContained = (report: Report, { contained, ...members }: Json, path: string): void => {
  if (!Array.isArray(contained)) return
  const fromOutside = fragmentsIn(members, new Set())
  const fromInside = contained.map((each) => fragmentsIn(each, new Set()))
  const ids = contained.map((each: unknown) => (isObject(each) ? each['id'] : undefined))
  ids.forEach((id, at) => {
    const place = `${path}.contained[${at}]`
    if (typeof id !== 'string') {
      report(`${place}.id`, 'cardinality', 'is required of a contained resource')
      return
    }
    if (ids.indexOf(id) < at) report(`${place}.id`, 'contained', 'another contained resource has the same id')
    const isReferred = [fromOutside, ...fromInside.toSpliced(at, 1)].some((fragments) => fragments.has(`#${id}`))
    if (!isReferred && fromInside[at]?.has('#') !== true) {
      report(place, 'dom-3', 'nothing refers to this contained resource, and it does not refer to its container')
    }
  })
}

export const containedIn = ({ contained }: Json): ReadonlyMap<string, string> =>
  new Map(
    (Array.isArray(contained) ? contained : []).flatMap((each: unknown): ReadonlyArray<[string, string]> => {
      const { id, resourceType } = isObject(each) ? each : {}
      return typeof id === 'string' && typeof resourceType === 'string' ? [[id, resourceType]] : []
    }),
  )
