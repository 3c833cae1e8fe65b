import { createHash } from 'node:crypto'
import type { CodeableConcept, Identifier } from 'fhir/r4'
import { codeSystems } from './code-systems'

/** An absolute URI that a strict server takes as a `system`: an OID needs at least four arcs. */
export const isAbsoluteUri = (text: string): boolean => {
  if (text.length > 512 || !/^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]+$/.test(text)) return false
  const lower = text.toLowerCase()
  if (lower.startsWith('urn:oid:')) return /^urn:oid:[0-2](\.(0|[1-9][0-9]*)){3,}$/.test(text)
  if (lower.startsWith('urn:uuid:')) return /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
  return true
}

export const typed = (code: 'MR' | 'ACSN'): CodeableConcept => ({
  coding: [{ system: codeSystems.identifierType, code }],
})

export const hasType = (identifier: Identifier, code: 'MR' | 'ACSN'): boolean =>
  (identifier.type?.coding ?? []).some((coding) => coding.system === codeSystems.identifierType && coding.code === code)

/** The original wrote `system: ""`: for us that is no system. */
export const matches = (identifier: Identifier, system: string | undefined, value: string): boolean =>
  (identifier.system || undefined) === system && identifier.value === value

/** It was valid once. `today`: YYYY-MM-DD; a partial date is over when all of it is. */
export const isOver = ({ use, period }: Identifier, today: string | undefined): boolean => {
  const end = period?.end?.slice(0, 10)
  return use === 'old' || (end !== undefined && today !== undefined && end < today.slice(0, end.length))
}

/** Whether a day lies inside the period of an identifier that is over; without a period it is not known. */
export const wasValidOn = ({ period }: Identifier, day: string): boolean => {
  if (period?.start === undefined && period?.end === undefined) return false
  const [start, end] = [period.start?.slice(0, 10) ?? '', period.end?.slice(0, 10)]
  return day.slice(0, start.length) >= start && (end === undefined || day.slice(0, end.length) <= end)
}

export const hasIdentifier = (
  resource: { readonly identifier?: ReadonlyArray<Identifier> | undefined } | undefined,
  system: string | undefined,
  value: string,
): boolean => (resource?.identifier ?? []).some((each) => matches(each, system, value))

export const studyIdentifier = (studyInstanceUid: string): Identifier => ({
  system: codeSystems.dicomUid,
  value: `urn:oid:${studyInstanceUid}`,
})

/** Escapes a value of a search parameter (R4 §3.1.1.4.0.1); percent-encoding comes on top. */
export const escapeSearchValue = (value: string): string => value.replace(/[\\,|$]/g, (character) => `\\${character}`)

/** `system|value`; `|value` finds only identifiers without a system. */
export const identifierToken = (system: string | undefined, value: string): string =>
  `${escapeSearchValue(system ?? '')}|${escapeSearchValue(value)}`

/**
 * Whether every server tells its value from any other: case, marks, scripts and what must be escaped are compared in
 * many ways, digits and capitals in one.
 */
export const isPlainToken = (token: string): boolean => /(^|[^\\])\|[0-9A-Z.-]*$/.test(token)

/** What servers that compare loosely may make of a token's value: without case, marks and signs, or what stands before a separator. */
const likenesses = (token: string): ReadonlyArray<string> => {
  const value = token.replace(/^([^|\\]|\\.)*\|/, '')
  return [value, ...value.split(/[\\,|$]+/)].map((each) =>
    each
      .normalize('NFKD')
      .toLowerCase()
      .replaceAll('\u00df', 'ss')
      .replace(/[^0-9a-z]/g, ''),
  )
}

/** Whether some server may take a token for another, or for one of these. */
export const confusableWith = (tokens: Iterable<string>): ((token: string) => boolean) => {
  const odd = new Set([...tokens].filter((each) => !isPlainToken(each)).flatMap(likenesses))
  return (token) => !isPlainToken(token) || likenesses(token).some((each) => odd.has(each))
}

/** A name-based UUID: the same text gives the same one, so that output is deterministic. */
export const uuidOf = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  const variant = ((parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`
}

/** UUIDv5 (RFC 9562 §5.5): the SHA-1 of the namespace's octets and the name in UTF-8. */
export const uuidV5 = (namespace: string, name: string): string => {
  const octets = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
  octets[6] = ((octets[6] ?? 0) & 0x0f) | 0x50
  octets[8] = ((octets[8] ?? 0) & 0x3f) | 0x80
  return octets.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5')
}
