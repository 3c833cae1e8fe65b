import type { FhirResource } from 'fhir/r4'
import { sameJson } from '../json'

/**
 * What others said about a value goes with the value. A change that would leave their words standing beside another
 * value takes them along: extensions of a primitive that state it, a narrative that was generated from it, a contained
 * resource that nothing refers to any more.
 */

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Extensions that say the value again, more exactly, in other words, or say that there is none. */
const aboutTheValue: ReadonlySet<unknown> = new Set(
  [
    'data-absent-reason',
    'iso21090-nullFlavor',
    'originalText',
    'patient-birthTime',
    'rendered-value',
    'rendering-markdown',
    'rendering-xhtml',
    'translation',
  ].map((name) => `http://hl7.org/fhir/StructureDefinition/${name}`),
)

/** The sibling of a primitive without what states its value; none when nothing is left of it. */
const withoutOldValue = (sibling: unknown): unknown => {
  const extensions = isRecord(sibling) ? sibling['extension'] : undefined
  if (!isRecord(sibling) || !Array.isArray(extensions)) return sibling
  const { extension: _all, ...rest } = sibling
  const others = extensions.filter((each) => !isRecord(each) || !aboutTheValue.has(each['url']))
  if (others.length === extensions.length) return sibling
  if (others.length > 0) return { ...rest, extension: others }
  return Object.keys(rest).length === 0 ? undefined : rest
}

const namedLike = (list: unknown, like: Json): Json | undefined =>
  Array.isArray(list) ? list.find((each) => isRecord(each) && each['uid'] === like['uid']) : undefined

/** Series and instances of a study are the same ones by their UIDs. */
const listsByUid = ['series', 'instance'] as const

const withSiblings = (before: Json, after: Json): Json => {
  if (before === after) return after
  let next: Record<string, unknown> | undefined
  for (const key of Object.keys(after)) {
    if (!key.startsWith('_') || after[key] !== before[key] || sameJson(before[key.slice(1)], after[key.slice(1)]))
      continue
    const sibling = withoutOldValue(after[key])
    if (sibling === after[key]) continue
    next ??= { ...after }
    if (sibling === undefined) delete next[key]
    else next[key] = sibling
  }
  for (const key of listsByUid) {
    const list = after[key]
    if (list === before[key] || !Array.isArray(list) || !hasSiblings(list)) continue
    next ??= { ...after }
    next[key] = list.map((each: unknown) =>
      isRecord(each) ? withSiblings(namedLike(before[key], each) ?? each, each) : each,
    )
  }
  return next ?? after
}

/** Most lists have none, and are not walked twice. */
const hasSiblings = (list: ReadonlyArray<unknown>): boolean =>
  list.some(
    (each) =>
      isRecord(each) &&
      (Object.keys(each).some((key) => key.startsWith('_')) ||
        (Array.isArray(each['instance']) && hasSiblings(each['instance'] as ReadonlyArray<unknown>))),
  )

/** Ids of the contained resources that it refers to; '' for the container itself. */
const referredTo = (value: unknown, found: Set<string>): void => {
  if (Array.isArray(value)) for (const item of value) referredTo(item, found)
  else if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'reference' && typeof inner === 'string' && inner.startsWith('#')) found.add(inner.slice(1))
      else referredTo(inner, found)
    }
  }
}

const referencesOf = (value: unknown): ReadonlySet<string> => {
  const found = new Set<string>()
  referredTo(value, found)
  return found
}

/** One that refers to its container (`#`) is about it, and stays. */
const staysAlone = (contained: unknown): boolean => referencesOf(contained).has('')

const idOf = (contained: unknown): unknown => (isRecord(contained) ? contained['id'] : undefined)

/** Those that the change leaves without a reference go (dom-3), and what only they referred to. */
const withContained = (before: Json, after: Json): Json => {
  const { contained, ...rest } = after
  if (!Array.isArray(contained) || contained.length === 0) return after
  const { contained: _old, ...restBefore } = before
  const lost = referencesOf(restBefore)
  const held = referencesOf(rest)
  if ([...lost].every((id) => held.has(id))) return after
  // What is reachable stays; what nobody referred to before is not of our doing.
  const reachable = reach(contained, held)
  const reachableBefore = reach(contained, lost)
  const kept = contained.filter((each) => {
    const id = idOf(each)
    return typeof id !== 'string' || reachable.has(id) || !reachableBefore.has(id) || staysAlone(each)
  })
  return kept.length === 0 ? rest : { ...rest, contained: kept }
}

/** Everything that is referred to, over however many contained resources. */
const reach = (contained: ReadonlyArray<unknown>, from: ReadonlySet<string>): ReadonlySet<string> => {
  const reached = new Set<string>()
  const waiting = [...from, ...contained.filter(staysAlone).map((each) => String(idOf(each)))]
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (reached.has(id)) continue
    reached.add(id)
    for (const each of contained) if (idOf(each) === id) waiting.push(...referencesOf(each))
  }
  return reached
}

const withNarrative = (before: Json, after: Json): Json => {
  const { text, ...rest } = after
  const status = isRecord(text) ? text['status'] : undefined
  return (status === 'generated' || status === 'extensions') && text === before['text'] ? rest : after
}

/** `after`, a change of `before`, without what it would make untrue. */
export const withoutUntrue = <R extends FhirResource>(before: R, after: R): R => {
  const [old, changed] = [before as unknown as Json, after as unknown as Json]
  return withNarrative(old, withContained(old, withSiblings(old, changed))) as unknown as R
}

/** It says all of that, and what others may have added: an id, a period, a reference. Values in a list keep their order. */
export const saysAll = (held: unknown, said: unknown): boolean => {
  if (Array.isArray(said)) {
    if (!Array.isArray(held)) return false
    return said.every(isRecord) ? said.every((one) => held.some((each) => saysAll(each, one))) : sameJson(held, said)
  }
  return isRecord(said)
    ? isRecord(held) && Object.entries(said).every(([key, value]) => value === undefined || saysAll(held[key], value))
    : sameJson(held, said)
}

/** What is said now, each as it stands there already when that says all of it. */
export const asHeld = <A>(held: ReadonlyArray<A>, said: ReadonlyArray<A>): ReadonlyArray<A> =>
  said.map((one) => held.find((each) => saysAll(each, one)) ?? one)
