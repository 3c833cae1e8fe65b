import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import { type Read, absent, invalid, isLonger, kept, moreThanOne, trimPadding, unreadableText, valid } from './vr'

/** One component group of a PN: the five components of PS3.5 §6.2.1, empty ones as ''. */
export interface NameGroup {
  readonly family: string
  readonly given: string
  readonly middle: string
  readonly prefix: string
  readonly suffix: string
  /** Of a name of more components, which has the order of HL7: what stands behind the middle name. */
  readonly rest: string
}

export interface PersonName {
  readonly alphabetic: O.Option<NameGroup>
  readonly ideographic: O.Option<NameGroup>
  readonly phonetic: O.Option<NameGroup>
}

const maxGroup = 64

const readGroup = (value: unknown): Read<NameGroup> => {
  if (value === undefined || value === null) return absent
  if (typeof value !== 'string' && typeof value !== 'number') return invalid('not a person name (PN)')
  const text = trimPadding(String(value))
  const reason = unreadableText(text)
  if (reason !== undefined) return invalid(reason)
  if (Buffer.byteLength(text) > maxNameBytes) return invalid('longer than FHIR allows')
  const components = text.split('^').map(trimPadding)
  if (components.every((component) => component === '')) return absent
  const [family = '', given = '', middle = '', prefix = '', suffix = '', ...further] = components
  if (further.some((component) => component !== '')) {
    const rest = components.slice(3).filter((component) => component !== '')
    return kept('more than five name components', {
      family,
      given,
      middle,
      prefix: '',
      suffix: '',
      rest: rest.join(' '),
    })
  }
  const group: NameGroup = { family, given, middle, prefix, suffix, rest: '' }
  return isLonger(text, maxGroup) ? kept('longer than PN allows', group) : valid(group)
}

// FHIR's `string`, with the blanks that join the components.
const maxNameBytes = 1_000_000

const keys = ['Alphabetic', 'Ideographic', 'Phonetic'] as const

/** The groups in their places: `=` parts them, and cannot stand in one. Those that have a key of their own win. */
const groupsOf = (value: unknown): { readonly groups: ReadonlyArray<unknown>; readonly isMore: boolean } => {
  const given =
    typeof value === 'object' && value !== null ? keys.map((key): unknown => Reflect.get(value, key)) : [value]
  const groups: Array<unknown> = [undefined, undefined, undefined]
  let isMore = false
  given.forEach((group, at) => {
    const parts: ReadonlyArray<unknown> = typeof group === 'string' && group.includes('=') ? group.split('=') : [group]
    parts.forEach((part, index) => {
      const isEmpty = part === undefined || part === null || part === ''
      if (at + index >= groups.length) isMore ||= !isEmpty
      else if (!isEmpty || index === 0) groups[at + index] = isEmpty ? groups[at + index] : part
    })
  })
  return { groups, isMore }
}

/** One name. A group that cannot be read is left out, and the others stay. */
const readName = (value: unknown): Read<PersonName> => {
  if (value === undefined || value === null) return absent
  if (typeof value === 'boolean' || Array.isArray(value)) return invalid('not a person name (PN)')
  const { groups, isMore } = groupsOf(value)
  const [alphabetic = absent, ideographic = absent, phonetic = absent] = groups.map(readGroup)
  const [reason] = [alphabetic, ideographic, phonetic].flatMap((read) => (TH.isRight(read) ? [] : [read.left]))
  const problem = reason ?? (isMore ? 'more than three name groups' : undefined)
  const groupOf = (read: Read<NameGroup>): O.Option<NameGroup> => (TH.isLeft(read) ? O.none : read.right)
  const name = { alphabetic: groupOf(alphabetic), ideographic: groupOf(ideographic), phonetic: groupOf(phonetic) }
  if (Object.values(name).every(O.isNone)) return problem === undefined ? absent : invalid(problem)
  return problem === undefined ? valid(name) : kept(problem, name)
}

const partsOf = (group: unknown): ReadonlyArray<unknown> =>
  typeof group === 'string' && group.includes('\\') ? group.split('\\') : [group]

/** A backslash parts values here, too (PS3.5 §6.4): the groups of each stand at the same place. */
const parted = (value: unknown): ReadonlyArray<unknown> => {
  if (typeof value === 'string') return partsOf(value).filter((part) => part !== '')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [value]
  const groups = keys.map((key) => partsOf(Reflect.get(value, key)))
  const count = Math.max(...groups.map(({ length }) => length))
  if (count === 1) return [value]
  const names: Array<unknown> = []
  for (let at = 0; at < count; at++) {
    const [Alphabetic, Ideographic, Phonetic] = groups.map((parts) => parts[at] || undefined)
    if (Alphabetic ?? Ideographic ?? Phonetic) names.push({ Alphabetic, Ideographic, Phonetic })
  }
  return names
}

/** PN of VM 1-n: each name for itself; absent ones are left out. */
export const readPNs = (values: ReadonlyArray<unknown>): ReadonlyArray<Read<PersonName>> =>
  values
    .flatMap(parted)
    .map(readName)
    .filter((read) => !TH.isRight(read) || O.isSome(read.right))

/** PN: in DICOM JSON the component groups are already split; a plain `A=I=P` string is read too. */
export const readPN = (values: ReadonlyArray<unknown>): Read<PersonName> => {
  const [first = absent, ...others] = readPNs(values)
  if (others.length === 0) return first
  const text = JSON.stringify(first)
  return others.every((other) => JSON.stringify(other) === text) ? first : invalid(moreThanOne)
}
