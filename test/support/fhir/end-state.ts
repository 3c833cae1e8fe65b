import type { FhirResource } from 'fhir/r4'
import { substance } from './cast-fhir'

type Resources = ReadonlyArray<FhirResource>

const nameOf = (resource: FhirResource): string => {
  const identifiers = (Reflect.get(resource, 'identifier') ?? []) as ReadonlyArray<{ system?: string; value?: string }>
  const text = [identifiers].flat().map(({ system, value }) => `${system ?? ''}|${value ?? ''}`)
  return `${resource.resourceType} ${text.sort().join(' ')}`
}

const sorted = (value: unknown, names: ReadonlyMap<string, string>): unknown => {
  if (typeof value === 'string') return names.get(value) ?? value
  if (Array.isArray(value)) {
    return value.map((each) => sorted(each, names)).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each, names)]))
}

/** Without what only fences writers. */
const castIn = (resources: Resources): Resources => resources.filter(({ resourceType }) => resourceType !== 'Basic')

/** All of it by name, up to ids, versions and the order inside lists; without what only fences writers. */
const byName = (resources: Resources): ReadonlyArray<readonly [name: string, content: unknown]> => {
  const all = castIn(resources)
  const names = new Map(all.map((each) => [`${each.resourceType}/${each.id}`, nameOf(each)]))
  return all.map((each) => [nameOf(each), sorted(substance(each), names)])
}

export const endState = (resources: Resources): ReadonlyArray<unknown> =>
  byName(resources)
    .map(([, content]) => content)
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

export const namesOf = (resources: Resources): ReadonlyArray<string> => castIn(resources).map(nameOf)

/** By name. */
export interface Differing {
  readonly lost: ReadonlyArray<string>
  readonly doubled: ReadonlyArray<string>
  readonly strange: ReadonlyArray<string>
  readonly different: ReadonlyArray<string>
}

/** What is otherwise than wanted, in the manner of `endState`. */
export const differing = (found: Resources, wanted: Resources): Differing => {
  const [got, known] = [byName(found), new Map(byName(wanted))]
  const held = new Map(got)
  const counts = new Map<string, number>()
  for (const [name] of got) counts.set(name, (counts.get(name) ?? 0) + 1)
  const isSame = (name: string): boolean => JSON.stringify(held.get(name)) === JSON.stringify(known.get(name))
  return {
    lost: [...known.keys()].filter((name) => !held.has(name)),
    doubled: [...counts].flatMap(([name, count]) => (count > 1 ? [name] : [])),
    strange: [...held.keys()].filter((name) => !known.has(name)),
    different: [...known.keys()].filter((name) => held.has(name) && !isSame(name)),
  }
}
