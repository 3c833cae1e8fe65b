import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import { type WrittenNumber, isWrittenNumber, textOfNumber, valueOfNumber, writtenNumber } from '../json'

/**
 * Readers of single values by VR (PS3.5 §6.2). Left: invalid. Right: absent, or valid. Both: readable and not legal, so it
 * is kept and recorded. The reason never repeats the value: it may be patient data.
 */
export type Read<A> = TH.These<string, O.Option<A>>
export type Reader<A> = (values: ReadonlyArray<unknown>) => Read<A>

export const absent: Read<never> = TH.right(O.none)
export const valid = <A>(value: A): Read<A> => TH.right(O.some(value))
export const invalid = (reason: string): Read<never> => TH.left(reason)
export const kept = <A>(reason: string, value: A): Read<A> => TH.both(reason, O.some(value))

/** What can be read of it, legal or not. */
export const readable = <A>(read: Read<A>): A | undefined => (TH.isLeft(read) ? undefined : O.toUndefined(read.right))

const wideSpace = /[\s\u180E]/

const isPadding = (code: number): boolean =>
  code < 0x80 ? code === 0x20 || code === 0 || (code >= 9 && code <= 13) : wideSpace.test(String.fromCharCode(code))

/** Padding is a trailing blank or NUL by the standard; real files pad on both sides. */
export const trimPadding = (text: string): string => {
  let [from, to] = [0, text.length]
  while (from < to && isPadding(text.charCodeAt(from))) from++
  while (to > from && isPadding(text.charCodeAt(to - 1))) to--
  return to - from === text.length ? text : text.slice(from, to)
}

/** Numbers stand where strings belong, and the other way round. `asWritten`: with the digits that the number has. */
const textOf = (value: unknown, asWritten: boolean): string | undefined => {
  if (typeof value === 'string') return trimPadding(value)
  if (value === undefined || value === null) return ''
  if (isWrittenNumber(value)) return asWritten ? textOfNumber(value) : String(valueOfNumber(value))
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined
}

export const moreThanOne = 'more than one value'

interface Kind {
  /** A backslash parts values (PS3.5 §6.4); it does not in ST, UT and UR. */
  readonly parted?: boolean
  /** Of free text the parts were one text. */
  readonly free?: boolean
  readonly asWritten?: boolean
}

/** The one value of an attribute of VM 1: the first of several is never taken for all of them. */
const soleText = (values: ReadonlyArray<unknown>, kind: Kind): TH.These<string, string> => {
  const { parted = true, free = false, asWritten = false } = kind
  const [only] = values
  // Nearly all that is read of an image is so.
  if (values.length === 1 && typeof only === 'string' && !only.includes('\\')) return TH.right(trimPadding(only))
  const texts: Array<string> = []
  for (const value of values) {
    const text = textOf(value, asWritten)
    if (text === undefined) return TH.left('not a text')
    // One by one: a million arguments are more than a stack holds.
    if (parted && text.includes('\\')) for (const part of text.split('\\')) texts.push(trimPadding(part))
    else texts.push(text)
  }
  const said = texts.filter((text) => text !== '')
  const [first = ''] = said
  if (said.every((text) => text === first)) return TH.right(first)
  return free ? TH.both(moreThanOne, texts.join('\\')) : TH.left(moreThanOne)
}

const reading =
  <A>(read: (text: string) => Read<A>, kind: Kind = {}): Reader<A> =>
  (values) => {
    if (values.length === 0) return absent
    const text = soleText(values, kind)
    if (TH.isLeft(text)) return text
    if (text.right === '') return absent
    const value = read(text.right)
    return TH.isRight(text) || TH.isLeft(value) ? value : TH.both(text.left, value.right)
  }

// What XML 1.0 cannot carry, and what nobody typed. A surrogate without its other half cannot be written as UTF-8.
const unreadable = /[\x00-\x1F\x7F\uFFFE\uFFFF\p{Surrogate}]/u

/** Why a text cannot be read at all. */
export const unreadableText = (text: string): string | undefined =>
  unreadable.test(text) ? 'contains control characters' : undefined

/** In characters, not UTF-16 units. */
export const isLonger = (text: string, limit: number): boolean => {
  if (text.length <= limit) return false
  let left = limit
  for (const _character of text) if (--left < 0) return true
  return false
}

const legalLengths = { LO: 64, SH: 16, ST: 1024, UC: Infinity, UR: Infinity, UT: Infinity } as const
type TextVr = keyof typeof legalLengths

// FHIR's `string`: 1 MiB. An identifier that is longer than the other two is none.
const maxFreeBytes = 1_048_576
const maxName = 256
const maxLine = 1024

const readText =
  (vr: TextVr, free: boolean) =>
  (text: string): Read<string> => {
    const reason = unreadableText(text)
    if (reason !== undefined) return invalid(reason)
    const most = vr === 'LO' || vr === 'SH' ? maxName : maxLine
    if (free ? Buffer.byteLength(text) > maxFreeBytes : isLonger(text, most)) {
      return invalid(free ? 'longer than FHIR allows' : `longer than ${most} characters`)
    }
    return isLonger(text, legalLengths[vr]) ? kept(`longer than ${vr} allows`, text) : valid(text)
  }

const asLine = (text: string): string => text.replace(/[\s\0]+/g, ' ')

/** LO, SH, UC, UR, UT: one line. ST may have paragraphs, and becomes one: it is read where a title is expected. */
export const textReader = (vr: TextVr, free: boolean): Reader<string> => {
  const read = readText(vr, free)
  const kind = { free, parted: vr === 'LO' || vr === 'SH' }
  return reading(vr === 'ST' ? (text) => read(asLine(text)) : read, kind)
}

/** CS: at most 16 of upper case, digits, blank and underscore. */
export const readCS: Reader<string> = reading((text) =>
  /^[A-Z0-9_ ]{1,16}$/.test(text) ? valid(text) : invalid('not a code string (CS)'),
)

export const isUid = (text: string): boolean => text.length <= 64 && /^[0-9]+(\.[0-9]+)*$/.test(text)

/** UI: at most 64 digits and dots (PS3.5 §9). Leading zeros of a component are read: real files have them. */
export const readUI: Reader<string> = reading((text) => (isUid(text) ? valid(text) : invalid('not a UID')))

/** IS: a whole number of at most 12 characters. */
export const readIS: Reader<number> = reading((text) =>
  /^[+-]?[0-9]{1,12}$/.test(text) ? valid(Number(text)) : invalid('not a whole number (IS)'),
)

/** DS, FD: a decimal with its digits. In DICOM JSON it is a number, or a string; more digits than DS has are read. */
export const readDS: Reader<number | WrittenNumber> = reading(
  (text) =>
    text.length <= 64 && /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/.test(text) && Number.isFinite(Number(text))
      ? valid(writtenNumber(text))
      : invalid('not a decimal (DS)'),
  { asWritten: true },
)

/** FHIR's `date`: YYYY, YYYY-MM or YYYY-MM-DD. */
export type PartialDate = string

const daysInMonth = (year: number, month: number): number =>
  new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()

// A year and a month look like a year of two digits with month and day: 240301, 700102. The images of a century that
// has not begun are none.
const isYearOfImages = (year: string): boolean => year >= '1850' && year <= '2099'

/** DA: YYYYMMDD; the older YYYY.MM.DD of ACR-NEMA, YYYYMM and YYYY are read. */
export const readDA: Reader<PartialDate> = reading((text) => {
  const match = /^(\d{4})(?:(\d{2})(\d{2})?)?$/.exec(text) ?? /^(\d{4})\.(\d{2})\.(\d{2})$/.exec(text)
  const [, year, month, day] = match ?? []
  if (year === undefined || year === '0000') return invalid('not a date (DA)')
  if (day === undefined && !isYearOfImages(year)) return invalid('not a date (DA)')
  if (month === undefined) return valid(year)
  if (Number(month) < 1 || Number(month) > 12) return invalid('not a date (DA)')
  if (day === undefined) return valid(`${year}-${month}`)
  if (Number(day) < 1 || Number(day) > daysInMonth(Number(year), Number(month))) return invalid('not a date (DA)')
  return valid(`${year}-${month}-${day}`)
})

/** A local time `hh:mm:ss[.f{1,6}]`. */
export type LocalTime = string

/** TM: HH[MM[SS[.F]]]; hh:mm[:ss[.f]] of ACR-NEMA is read; a leap second becomes 59, because FHIR has none. */
export const readTM: Reader<LocalTime> = reading((text) => {
  const match =
    /^(\d{2})(?:(\d{2})(?:(\d{2})(\.\d{1,6})?)?)?$/.exec(text) ??
    /^(\d{2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?$/.exec(text)
  const [, hour, minute = '00', second = '00', fraction = ''] = match ?? []
  if (hour === undefined || hour > '23' || minute > '59' || second > '60') return invalid('not a time (TM)')
  return valid(`${hour}:${minute}:${second === '60' ? '59' : second}${fraction}`)
})

/** `±hh:mm` */
export type UtcOffset = string

/** (0008,0201): ±HHMM from -1200 to +1400 (PS3.3 C.12.1.1.8); ±HH:MM and UTC±HH:MM, which real scanners write, are read. */
export const readUtcOffset: Reader<UtcOffset> = reading((text) => {
  const [, sign, hours, minutes] =
    /^([+-])(\d{2})(\d{2})$/.exec(text) ?? /^(?:UTC)?([+-])(\d{2}):(\d{2})$/.exec(text) ?? []
  if (sign === undefined || hours === undefined || minutes === undefined) return invalid('not an offset from UTC')
  const total = Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes))
  if (Number(minutes) > 59 || total < -12 * 60 || total > 14 * 60) return invalid('not an offset from UTC')
  return valid(total === 0 ? '+00:00' : `${sign}${hours}:${minutes}`)
})

/** The parts of a DT. A date that can be read stands, also beside a time or an offset that cannot. */
export interface DateTimeParts {
  readonly date: PartialDate
  readonly time: Read<LocalTime>
  readonly offset: Read<UtcOffset>
}

/** DT: YYYY[MM[DD[HH[MM[SS[.F]]]]]], then perhaps ±HHMM. */
export const readDT: Reader<DateTimeParts> = reading((text) => {
  const [, digits = '', offset = ''] = /^(\d{4,14}(?:\.\d*)?)(\D.*)?$/.exec(text) ?? []
  const date = readDA([digits.slice(0, 8)])
  return TH.isLeft(date) || O.isNone(date.right)
    ? invalid('not a date and time (DT)')
    : valid({ date: date.right.value, time: readTM([digits.slice(8)]), offset: readUtcOffset([offset]) })
})

/** Upper case is meant where a code is in lower case. */
export const upperCase = (values: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  values.map((value) => (typeof value === 'string' && value.length <= 64 ? value.toUpperCase() : value))

/** A defined term, in whatever spelling: it is only looked up. */
export const readTerm: Reader<string> = reading((text) =>
  text.length > 64 ? invalid('longer than 64 characters') : valid(text),
)
