import { type Report, checkContained, containedIn } from './contained'
import { type DataTypeContext, type Json, dataTypeFindings, isObject } from './data-types'
import { type Definitions, type Member, type Shape, loadDefinitions } from './definitions'
import { holds, isEvaluated } from './invariants'
import { primitiveProblem } from './primitives'
import { type Terminology, loadTerminology } from './terminology'

/**
 * What is wrong with a resource: where, by which rule of R4, and why. The message never repeats a value: it may be
 * patient data.
 */
export interface Problem {
  readonly path: string
  readonly rule: string
  readonly message: string
}

interface Walk {
  readonly definitions: Definitions
  readonly terminology: Terminology
  readonly report: Report
  /** The resource that is walked, and the one that contains it, if one does. */
  readonly resource: Json
  readonly rootResource: Json
  readonly contained: ReadonlyMap<string, string>
}

/** Where an object is found. */
interface Place {
  readonly member?: Member
  /** In an Extension. */
  readonly isNested?: boolean
  /** It holds the id and the extensions of a primitive that has a value, too. */
  readonly isBesideValue?: boolean
}

let loaded: Pick<Walk, 'definitions' | 'terminology'> | undefined

const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [value])

const isPresent = (value: unknown): boolean => value !== undefined && value !== null

/**
 * A primitive's value is in the member, its id and extensions in the member with an underscore; lists run in parallel.
 */
const checkPrimitive = (walk: Walk, member: Member, value: unknown, sibling: unknown, path: string): void => {
  if (sibling !== undefined && sibling !== null) {
    const isBesideValue = value !== undefined && value !== null
    walkObject(walk, walk.definitions.shapeOf('Element'), 'Element', sibling, path, { member, isBesideValue })
  }
  if (value === null) {
    if (sibling === undefined || sibling === null) walk.report(path, 'empty', 'null stands for nothing here')
    return
  }
  if (value === undefined) return
  const problem = primitiveProblem(member.type, value)
  if (problem !== undefined) walk.report(path, problem, `not a valid ${member.type}`)
  else if (member.requiredValueSet !== undefined) checkCodes(walk, member, [{ code: value }], path)
}

/** A required binding: one of the codings is of the value set. */
const checkCodes = (walk: Walk, member: Member, codings: ReadonlyArray<unknown>, path: string): void => {
  const valueSet = member.requiredValueSet ?? ''
  const isMember = codings.some((each) => {
    if (!isObject(each) || typeof each['code'] !== 'string') return false
    return walk.terminology.isMember(
      valueSet,
      each['code'],
      member.isPrimitive ? undefined : String(each['system'] ?? ''),
    )
  })
  if (!isMember) walk.report(path, 'binding', `not a code of ${valueSet}`)
}

const checkComplex = (walk: Walk, member: Member, value: unknown, path: string, isNested: boolean): void => {
  if (walk.definitions.isResource(member.type) || member.type === 'Resource') {
    walkResource(walk, value, path, member.name === 'contained' ? walk : undefined)
    return
  }
  const shape = member.shape?.() ?? walk.definitions.shapeOf(member.type)
  walkObject(walk, shape, member.type, value, path, { member, isNested })
  if (member.requiredValueSet === undefined || !isObject(value)) return
  if (member.type === 'CodeableConcept') checkCodes(walk, member, listOf(value['coding']), path)
  if (member.type === 'Coding') checkCodes(walk, member, [value], path)
}

const checkMember = (walk: Walk, member: Member, object: Json, path: string, isNested: boolean): void => {
  const { name, isList } = member
  const sibling = object[`_${name}`]
  const value = object[name]
  const given = [value, sibling].filter((each) => each !== undefined)
  if (given.length === 0) return
  if (given.some((each) => Array.isArray(each) !== isList)) {
    walk.report(path, 'type', isList ? 'must be a list' : 'must not be a list')
    return
  }
  if (given.some((each) => Array.isArray(each) && each.length === 0)) walk.report(path, 'empty', 'an empty list')
  const check = (item: unknown, itemSibling: unknown, at: string): void => {
    if (member.isPrimitive) checkPrimitive(walk, member, item, itemSibling, at)
    else checkComplex(walk, member, item, at, isNested)
  }
  if (!isList) {
    check(value, sibling, path)
    return
  }
  const values = Array.isArray(value) ? value : []
  const siblings = Array.isArray(sibling) ? sibling : []
  if (sibling !== undefined && value !== undefined && values.length !== siblings.length) {
    walk.report(path, 'type', `the list and _${name} are not equally long`)
  }
  for (let at = 0; at < Math.max(values.length, siblings.length); at++) {
    const item = member.isPrimitive && values[at] === undefined ? null : values[at]
    check(item, siblings[at], `${path}[${at}]`)
  }
}

const checkSlots = (walk: Walk, shape: Shape, object: Json, path: string): void => {
  for (const { name, names, min } of shape.slots) {
    const present = names.filter((each) => isPresent(object[each]) || isPresent(object[`_${each}`]))
    if (present.length < min) walk.report(`${path}.${name}`, 'cardinality', 'is required')
    if (present.length > 1) walk.report(`${path}.${name}`, 'choice', `only one of ${present.join(', ')} may be there`)
  }
}

const checkNames = (walk: Walk, shape: Shape, object: Json, path: string): void => {
  for (const name of Object.keys(object)) {
    if (object[name] === undefined || (name === 'resourceType' && object === walk.resource)) continue
    const member = shape.members.get(name.replace(/^_/, ''))
    if (member === undefined || (name.startsWith('_') && !member.isPrimitive)) {
      walk.report(`${path}.${name}`, 'unknown-member', `${shape.name} has no such member`)
    } else if (object[name] === null) walk.report(`${path}.${name}`, 'empty', 'null stands for nothing here')
  }
}

const walkObject = (
  walk: Walk,
  shape: Shape,
  type: string,
  object: unknown,
  path: string,
  { member: place, isNested = false, isBesideValue = false }: Place = {},
): void => {
  if (!isObject(object)) {
    walk.report(path, object === null ? 'empty' : 'type', 'must be an object')
    return
  }
  const names = Object.keys(object)
  if (
    !hasContent(
      names.filter((name) => object[name] !== undefined),
      isBesideValue,
    )
  ) {
    walk.report(path, 'empty', 'has no content (ele-1)')
  }
  checkNames(walk, shape, object, path)
  checkSlots(walk, shape, object, path)
  for (const member of membersIn(shape, names)) {
    if (object[member.name] !== null) {
      checkMember(walk, member, object, `${path}.${member.name}`, type === 'Extension')
    }
  }
  const context: DataTypeContext = {
    terminology: walk.terminology,
    isResource: walk.definitions.isResource,
    contained: walk.contained,
    targets: place?.targets,
    isNested,
  }
  for (const { member, rule, message } of dataTypeFindings(type, object, context)) {
    walk.report(member === '' ? path : `${path}.${member}`, rule, message)
  }
  for (const invariant of [...shape.invariants, ...(place?.isPrimitive === false ? place.invariants : [])]) {
    if (isEvaluated(invariant) && !holds(invariant, object, walk.resource, walk.rootResource)) {
      walk.report(path, invariant.key, invariant.human)
    }
  }
}

/** ele-1: an id alone is nothing, unless it is that of a primitive which has a value. */
const hasContent = (names: ReadonlyArray<string>, isBesideValue: boolean): boolean =>
  names.some((name) => isBesideValue || name !== 'id')

/** The members of the shape that the object has, each once, whether by its value or its extensions. */
const membersIn = (shape: Shape, names: ReadonlyArray<string>): ReadonlySet<Member> =>
  new Set(
    names.flatMap((name) => {
      const member = shape.members.get(name.replace(/^_/, ''))
      return member === undefined ? [] : [member]
    }),
  )

type Tools = Pick<Walk, 'definitions' | 'terminology' | 'report'>

const walkResource = (tools: Tools, resource: unknown, path: string, container?: Walk): void => {
  const type = isObject(resource) ? resource['resourceType'] : undefined
  if (!isObject(resource) || typeof type !== 'string' || !tools.definitions.isResource(type)) {
    tools.report(path, 'resource-type', 'not a resource of R4')
    return
  }
  const { definitions, terminology, report } = tools
  const { rootResource, contained } = container ?? { rootResource: resource, contained: containedIn(resource) }
  const walk: Walk = { definitions, terminology, report, resource, rootResource, contained }
  walkObject(walk, definitions.shapeOf(type), type, resource, path)
  checkContained(report, resource, path)
}

/**
 * Validates against HL7's own definitions of R4: structure, primitive types, required bindings, references, invariants.
 * Empty: the resource is valid. Never throws. The first call loads the definitions.
 */
export const validateResource = (resource: unknown): ReadonlyArray<Problem> => {
  const problems: Problem[] = []
  const report: Report = (path, rule, message) => void problems.push({ path, rule, message })
  loaded ??= { definitions: loadDefinitions(), terminology: loadTerminology() }
  const type =
    isObject(resource) && typeof resource['resourceType'] === 'string' ? resource['resourceType'] : 'Resource'
  try {
    walkResource({ ...loaded, report }, resource, type)
  } catch (error) {
    // Content that nests deeper than the stack goes.
    report(type, 'structure', `cannot be validated: ${(error as Error).name}`)
  }
  return problems
}
