import { readDefinitions } from './definitions'

interface Concept {
  readonly code: string
  readonly concept?: ReadonlyArray<Concept>
}
interface CodeSystem {
  readonly resourceType: 'CodeSystem'
  readonly url: string
  readonly content: string
  readonly concept?: ReadonlyArray<Concept>
}
interface Include {
  readonly system?: string
  readonly concept?: ReadonlyArray<Concept>
  readonly filter?: ReadonlyArray<unknown>
  readonly valueSet?: ReadonlyArray<string>
}
interface ValueSet {
  readonly resourceType: 'ValueSet'
  readonly url: string
  readonly compose?: { readonly include: ReadonlyArray<Include> }
}

export interface Terminology {
  /**
   * Whether the value set has the code; without a system, of whichever system. True for a value set that can't be
   * expanded.
   */
  readonly isMember: (valueSet: string, code: string, system?: string) => boolean
  /** Whether one of HL7's own, complete code systems lacks the code. */
  readonly isUnknown: (system: string, code: string) => boolean
}

/** Code systems that are defined by a grammar or too large to be listed: what their codes look like. */
const grammars: ReadonlyMap<string, RegExp> = new Map([
  // CapabilityStatement.format may be a shorthand.
  [
    'urn:ietf:bcp:13',
    /^(xml|json|ttl|[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+(\s*;\s*[a-z0-9-]+=("[^"]*"|[^\s;"]+))*)$/i,
  ],
  ['urn:ietf:bcp:47', /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/],
  ['urn:iso:std:iso:4217', /^[A-Z]{3}$/],
  ['http://unitsofmeasure.org', /^[\x21-\x7e]+$/],
])

const isHl7s = (system: string): boolean =>
  system.startsWith('http://terminology.hl7.org/') || system.startsWith('http://hl7.org/fhir/')

const codesBelow = (concepts: ReadonlyArray<Concept> = []): ReadonlyArray<string> =>
  concepts.flatMap(({ code, concept }) => [code, ...codesBelow(concept)])

type Membership = (code: string, system: string | undefined) => boolean

export const loadTerminology = (): Terminology => {
  const complete = new Map<string, ReadonlySet<string>>()
  const valueSets = new Map<string, ValueSet>()
  for (const name of ['valuesets', 'v3-codesystems', 'v2-tables']) {
    for (const each of readDefinitions<CodeSystem | ValueSet>(name)) {
      if (each.resourceType === 'ValueSet') valueSets.set(each.url, each)
      else if (each.content === 'complete') complete.set(each.url, new Set(codesBelow(each.concept)))
    }
  }

  const includes = ({ system, concept, filter, valueSet = [] }: Include): Membership => {
    const listed = concept && new Set(codesBelow(concept))
    const all = system === undefined ? undefined : complete.get(system)
    const grammar = grammars.get(system ?? '')
    const nested = valueSet.map(membership)
    return (code, from) => {
      if (system !== undefined && from !== undefined && from !== system) return false
      if (!nested.every((isMember) => isMember(code, from))) return false
      if (listed !== undefined) return listed.has(code)
      if (grammar !== undefined) return grammar.test(code)
      // A filter is read as "all of them": no required binding of R4 has one.
      return system === undefined || filter !== undefined || all === undefined || all.has(code)
    }
  }
  const memberships = new Map<string, Membership>()
  const membership = (versioned: string): Membership => {
    const [url = ''] = versioned.split('|')
    const known = memberships.get(url)
    if (known !== undefined) return known
    const parts = valueSets.get(url)?.compose?.include.map(includes)
    const isMember: Membership = (code, system) => parts?.some((part) => part(code, system)) ?? true
    memberships.set(url, isMember)
    return isMember
  }
  return {
    isMember: (valueSet, code, system) => membership(valueSet)(code, system),
    isUnknown: (system, code) => isHl7s(system) && complete.get(system)?.has(code) === false,
  }
}
