import { narrativeProblem } from './narrative'
import { isAbsoluteUri } from './primitives'
import type { Terminology } from './terminology'

/** A JSON object whose members are not yet known to be right. */
export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A problem with a member of the value that was looked at; '' is the value itself. */
export interface Finding {
  readonly member: string
  readonly rule: string
  readonly message: string
}

export interface DataTypeContext {
  readonly terminology: Terminology
  readonly isResource: (type: string) => boolean
  /** The resource that holds the contained resources; ids and types of these. */
  readonly contained: ReadonlyMap<string, string>
  /** What a Reference at this place may point to; undefined: everything. */
  readonly targets: ReadonlySet<string> | undefined
  /** An extension of an extension may have a relative URL. */
  readonly isNested: boolean
}

const finding = (member: string, rule: string, message: string): Finding => ({ member, rule, message })

const absoluteUri = (value: Json, member: string): ReadonlyArray<Finding> => {
  const uri = value[member]
  return typeof uri !== 'string' || isAbsoluteUri(uri) ? [] : [finding(member, 'absolute-uri', 'not an absolute URI')]
}

/** A code or value whose system says that it is a URI, and one of DICOM's that it is an OID. */
const uriAsValue = (value: Json, member: string): ReadonlyArray<Finding> => {
  const { system } = value
  const text = value[member]
  if (typeof text !== 'string' || (system !== 'urn:ietf:rfc:3986' && system !== 'urn:dicom:uid')) return []
  // Real UIDs have components with leading zeros, which no OID has; servers take them here.
  if (/^urn:oid:\d+(\.\d+)*$/.test(text)) return []
  if (text.startsWith('urn:oid:')) return [finding(member, 'oid', 'not an OID')]
  if (system === 'urn:dicom:uid') return [finding(member, 'oid', 'not urn:oid: and a UID')]
  return isAbsoluteUri(text) ? [] : [finding(member, 'absolute-uri', 'not an absolute URI, as its system demands')]
}

const coding = (value: Json, { terminology }: DataTypeContext): ReadonlyArray<Finding> => {
  const { system, code } = value
  const unknown = typeof system === 'string' && typeof code === 'string' && terminology.isUnknown(system, code)
  return [
    ...absoluteUri(value, 'system'),
    ...uriAsValue(value, 'code'),
    ...(unknown ? [finding('code', 'unknown-code', 'the code system has no such code')] : []),
  ]
}

const extension = (value: Json, { isNested }: DataTypeContext): ReadonlyArray<Finding> => {
  const hasValue = Object.keys(value).some((member) => /^_?value[A-Z]/.test(member))
  const hasExtensions = value['extension'] !== undefined
  return [
    ...(isNested ? [] : absoluteUri(value, 'url')),
    ...(hasValue === hasExtensions ? [finding('', 'ext-1', 'must have either extensions or a value, not both')] : []),
  ]
}

// https://hl7.org/fhir/R4/references.html#literal
const restful = /^(?:https?:\/\/\S+\/)?([A-Z][A-Za-z]+)\/[A-Za-z0-9.-]{1,64}(?:\/_history\/[A-Za-z0-9.-]{1,64})?$/

/** The type that a literal reference shows; 'invalid' when it is none; undefined when it does not tell. */
const referencedType = (literal: string, { contained, isResource }: DataTypeContext): string | undefined => {
  if (literal.startsWith('#')) return contained.get(literal.slice(1))
  const [, type] = restful.exec(literal) ?? []
  if (type !== undefined && isResource(type)) return type
  return isAbsoluteUri(literal) ? undefined : 'invalid'
}

const reference = (value: Json, context: DataTypeContext): ReadonlyArray<Finding> => {
  const { reference: literal, type: declared } = value
  const { targets, contained } = context
  const isAllowed = (type: unknown): boolean => targets === undefined || typeof type !== 'string' || targets.has(type)
  const wrongTarget = (member: string): ReadonlyArray<Finding> => [
    finding(member, 'reference-target', `only ${[...(targets ?? [])].join(', ')} can be referred to here`),
  ]
  const ofDeclared =
    typeof declared !== 'string'
      ? []
      : !context.isResource(declared)
        ? [finding('type', 'reference-type', 'not a resource type')]
        : isAllowed(declared)
          ? []
          : wrongTarget('type')
  if (typeof literal !== 'string') return ofDeclared
  const type = referencedType(literal, context)
  if (type === 'invalid') return [...ofDeclared, finding('reference', 'reference', 'neither Type/id nor a URL')]
  if (literal.length > 1 && literal.startsWith('#') && !contained.has(literal.slice(1))) {
    return [...ofDeclared, finding('reference', 'ref-1', 'no contained resource has this id')]
  }
  if (!isAllowed(type)) return [...ofDeclared, ...wrongTarget('reference')]
  if (type !== undefined && typeof declared === 'string' && declared !== type) {
    return [...ofDeclared, finding('type', 'reference-type', 'not the type of what is referred to')]
  }
  return ofDeclared
}

const narrative = ({ div }: Json): ReadonlyArray<Finding> => {
  const problem = typeof div === 'string' ? narrativeProblem(div) : undefined
  return problem === undefined ? [] : [finding('div', 'txt-1', problem)]
}

/** What the standard says of a data type in prose, or in a way that FHIRPath can't run fast or at all. */
export const dataTypeFindings = (type: string, value: Json, context: DataTypeContext): ReadonlyArray<Finding> => {
  switch (type) {
    case 'Coding':
      return coding(value, context)
    case 'Identifier':
      return [...absoluteUri(value, 'system'), ...uriAsValue(value, 'value')]
    case 'Age':
    case 'Count':
    case 'Distance':
    case 'Duration':
    case 'Quantity':
      return absoluteUri(value, 'system')
    case 'Extension':
      return extension(value, context)
    case 'Reference':
      return reference(value, context)
    case 'Narrative':
      return narrative(value)
    default:
      return []
  }
}
