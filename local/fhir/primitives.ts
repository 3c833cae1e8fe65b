// The lexical rules of R4's primitive types: https://hl7.org/fhir/R4/datatypes.html#primitive

const oid = /^[0-2](\.(0|[1-9]\d*))+$/
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const time = /^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?$/
const offset = /(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))$/
const base64 = /^([0-9a-zA-Z+/]{4})*([0-9a-zA-Z+/]{2}==|[0-9a-zA-Z+/]{3}=)?$/
const maxStringBytes = 1024 * 1024
const maxInteger = 2147483647

export const isOid = (text: string): boolean => oid.test(text)

/** A scheme and something after it; a `urn:oid:` or `urn:uuid:` must hold one. */
export const isAbsoluteUri = (text: string): boolean => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text) && isUri(text)

const isUri = (text: string): boolean => {
  if (text === '' || /\s/.test(text)) return false
  // HAPI wants so much of an OID that it is more than an arc of a registry: its last dot is at or after the fifth
  // place.
  if (text.startsWith('urn:oid:')) return isOid(text.slice(8)) && text.lastIndexOf('.') - 8 >= 5
  return !text.startsWith('urn:uuid:') || uuid.test(text.slice(9))
}

/** yyyy, yyyy-mm or yyyy-mm-dd, a day that the calendar has, and no year 0. */
const isDate = (text: string): boolean => {
  const [, year, month = '01', day = '01'] = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/.exec(text) ?? []
  if (year === undefined || year === '0000') return false
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${year}-${month}-${day}`)
}

const isInstant = (text: string): boolean => {
  const [date = '', rest = ''] = text.split(/T(.*)/s)
  return date.length === 10 && isDate(date) && offset.test(rest) && time.test(rest.replace(offset, ''))
}

const isControlled = (text: string): boolean =>
  [...text].some((character) => character < ' ' && !'\t\r\n'.includes(character))

const isString = (text: string): boolean =>
  text.trim() !== '' && !isControlled(text) && Buffer.byteLength(text) <= maxStringBytes

const texts: Readonly<Record<string, (text: string) => boolean>> = {
  string: isString,
  markdown: isString,
  // Its content is looked at as narrative.
  xhtml: (text) => text.trim() !== '',
  code: (text) => /^[^\s]+(\s[^\s]+)*$/.test(text) && !isControlled(text),
  id: (text) => /^[A-Za-z0-9.-]{1,64}$/.test(text),
  uri: isUri,
  url: isUri,
  canonical: isUri,
  oid: (text) => text.startsWith('urn:oid:') && isOid(text.slice(8)),
  uuid: (text) => text.startsWith('urn:uuid:') && uuid.test(text.slice(9)),
  date: isDate,
  dateTime: (text) => (text.includes('T') ? isInstant(text) : isDate(text)),
  instant: isInstant,
  time: (text) => time.test(text),
  base64Binary: (text) => text !== '' && base64.test(text.replace(/\s/g, '')),
}

const isInteger =
  (from: number) =>
  (value: number): boolean =>
    Number.isInteger(value) && value >= from && value <= maxInteger

const numbers: Readonly<Record<string, (value: number) => boolean>> = {
  integer: isInteger(-maxInteger - 1),
  unsignedInt: isInteger(0),
  positiveInt: isInteger(1),
  decimal: Number.isFinite,
}

/**
 * Why the value is none of the primitive type; undefined when it is one. Never repeats the value: it may be patient
 * data.
 */
export const primitiveProblem = (type: string, value: unknown): 'type' | 'lexical' | undefined => {
  const text = texts[type]
  if (text !== undefined) return typeof value !== 'string' ? 'type' : text(value) ? undefined : 'lexical'
  const number = numbers[type]
  if (number !== undefined) return typeof value !== 'number' ? 'type' : number(value) ? undefined : 'lexical'
  return typeof value === 'boolean' ? undefined : 'type'
}
