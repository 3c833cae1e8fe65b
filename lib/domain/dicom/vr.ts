import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'

/**
 * Readers of single values by VR (PS3.5 §6.2). Three answers: absent, valid, invalid. The reason of an invalid value
 * never repeats the value: it may be patient data.
 */
export type Read<A> = E.Either<string, O.Option<A>>
export type Reader<A> = (values: ReadonlyArray<unknown>) => Read<A>

const absent: Read<never> = E.right(O.none)
const valid = <A>(value: A): Read<A> => E.right(O.some(value))
const invalid = (reason: string): Read<never> => E.left(reason)

/** Padding is a trailing blank or NUL by the standard; real files pad on both sides. */
export const trimPadding = (text: string): string =>
  isGraphic(text.charCodeAt(0)) && isGraphic(text.charCodeAt(text.length - 1))
    ? text
    : text.replace(/^[\s\0]+|[\s\0]+$/g, '')

/** Of ASCII: most text has no padding, and need not be searched for it. */
const isGraphic = (code: number): boolean => code > 0x20 && code < 0x7f

/** The first value as text. Numbers stand where strings belong, and the other way round. */
const textOf = (values: ReadonlyArray<unknown>): E.Either<string, string> => {
  const value = values[0]
  if (value === undefined || value === null) return E.right('')
  if (typeof value === 'string') return E.right(trimPadding(value))
  if (typeof value === 'number' && Number.isFinite(value)) return E.right(String(value))
  return E.left('not a text')
}

const reading =
  <A>(read: (text: string) => Read<A>): Reader<A> =>
  (values) => {
    const text = textOf(values)
    if (E.isLeft(text)) return text
    return text.right === '' ? absent : read(text.right)
  }

const controlCharacter = /[\x00-\x1F\x7F]/
// A surrogate without its other half cannot be written as UTF-8.
const loneSurrogate = /\p{Surrogate}/u

const readText =
  (maxLength: number) =>
  (text: string): Read<string> => {
    if (controlCharacter.test(text) || loneSurrogate.test(text)) return invalid('contains control characters')
    return [...text].length > maxLength ? invalid(`longer than ${maxLength} characters`) : valid(text)
  }

/** LO: at most 64 characters. */
export const readLO: Reader<string> = reading(readText(64))
/** SH: at most 16 characters. */
export const readSH: Reader<string> = reading(readText(16))
/** ST, where a title is expected: one line. */
export const readST: Reader<string> = reading(readText(1024))
/** UT, where an identifier is expected: one line. */
export const readUT: Reader<string> = reading(readText(1024))

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

/** DS: a decimal (PS3.5 §6.2). In DICOM JSON it is a number, or a string; more digits than DS has are read. */
export const readDS: Reader<number> = reading((text) =>
  text.length <= 64 && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/.test(text) && Number.isFinite(Number(text))
    ? valid(Number(text) + 0)
    : invalid('not a decimal (DS)'),
)

/** FHIR's `date`: YYYY, YYYY-MM or YYYY-MM-DD. */
export type PartialDate = string

const daysInMonth = (year: number, month: number): number =>
  new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()

/** DA: YYYYMMDD; the older YYYY.MM.DD of ACR-NEMA, YYYYMM and YYYY are read. */
export const readDA: Reader<PartialDate> = reading((text) => {
  const match = /^(\d{4})(?:(\d{2})(\d{2})?)?$/.exec(text) ?? /^(\d{4})\.(\d{2})\.(\d{2})$/.exec(text)
  const [, year, month, day] = match ?? []
  if (year === undefined || year === '0000') return invalid('not a date (DA)')
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
  return E.isLeft(date) || O.isNone(date.right)
    ? invalid('not a date and time (DT)')
    : valid({ date: date.right.value, time: readTM([digits.slice(8)]), offset: readUtcOffset([offset]) })
})

/** One component group of a PN: the five components of PS3.5 §6.2.1, empty ones as ''. */
export interface NameGroup {
  readonly family: string
  readonly given: string
  readonly middle: string
  readonly prefix: string
  readonly suffix: string
}

export interface PersonName {
  readonly alphabetic: O.Option<NameGroup>
  readonly ideographic: O.Option<NameGroup>
  readonly phonetic: O.Option<NameGroup>
}

const readNameGroup = (value: unknown): Read<NameGroup> => {
  if (value === undefined || value === null) return absent
  if (typeof value !== 'string' && typeof value !== 'number') return invalid('not a person name (PN)')
  const text = E.chain(readText(64))(E.right(trimPadding(String(value))))
  if (E.isLeft(text)) return text
  const components = trimPadding(String(value)).split('^').map(trimPadding)
  const [family = '', given = '', middle = '', prefix = '', suffix = '', ...further] = components
  if (further.some((component) => component !== '')) return invalid('more than five name components')
  return components.every((component) => component === '') ? absent : valid({ family, given, middle, prefix, suffix })
}

/** PN: in DICOM JSON the component groups are already split; a plain `A=I=P` string is read too. */
export const readPN: Reader<PersonName> = (values) => {
  const value = values[0]
  if (value === undefined || value === null) return absent
  if (typeof value === 'boolean' || Array.isArray(value)) return invalid('not a person name (PN)')
  const groups =
    typeof value === 'object'
      ? [Reflect.get(value, 'Alphabetic'), Reflect.get(value, 'Ideographic'), Reflect.get(value, 'Phonetic')]
      : String(value).split('=')
  if (groups.length > 3) return invalid('more than three name groups')
  const [alphabetic, ideographic, phonetic] = [0, 1, 2].map((index) => readNameGroup(groups[index]))
  if (alphabetic === undefined || E.isLeft(alphabetic)) return alphabetic ?? absent
  if (ideographic === undefined || E.isLeft(ideographic)) return ideographic ?? absent
  if (phonetic === undefined || E.isLeft(phonetic)) return phonetic ?? absent
  const name = { alphabetic: alphabetic.right, ideographic: ideographic.right, phonetic: phonetic.right }
  return Object.values(name).every(O.isNone) ? absent : valid(name)
}
