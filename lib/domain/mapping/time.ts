import * as O from 'fp-ts/Option'
import { pipe } from 'fp-ts/function'
import * as RNEA from 'fp-ts/ReadonlyNonEmptyArray'
import * as TH from 'fp-ts/These'
import type { TagIssue } from '../cast-error'
import { type DicomDataset } from '../dicom/dataset'
import { type Mapped, type MergeMode, readTag } from './mapped'

type Dated = 'Study' | 'Series' | 'Content'

/** A FHIR dateTime; `local` is its DA and TM where the instance names no offset from UTC. */
export interface Started {
  readonly value: string
  readonly local?: string
}

const formatters = new Map<string, Intl.DateTimeFormat>()

const formatterOf = (zone: string): Intl.DateTimeFormat => {
  const known = formatters.get(zone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  formatters.set(zone, made)
  return made
}

const offsetMinutesAt = (zone: string, instantMs: number): number => {
  const name = formatterOf(zone)
    .formatToParts(instantMs)
    .find(({ type }) => type === 'timeZoneName')?.value
  const [, sign, hours, minutes] = /([+-])(\d{2}):(\d{2})/.exec(name ?? '') ?? []
  return sign === undefined ? 0 : Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes))
}

const offsetText = (minutes: number): string => {
  const two = (value: number): string => String(value).padStart(2, '0')
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

/**
 * A local time with its offset. An instant outside the years 1 to 9999 in UTC is written as its date alone: databases
 * are full of .NET's smallest date, and a server on .NET cannot hold it an hour earlier.
 */
export const dateTime = (local: string, offset: string): string => {
  const text = `${local}${offset}`
  const instant = Date.parse(text)
  return instant >= firstInstant && instant <= lastInstant ? text : local.slice(0, 10)
}

const firstInstant = Date.parse('0001-01-01T00:00:00Z')
const lastInstant = Date.parse('9999-12-31T23:59:59.999Z')

/**
 * A local time of an IANA zone as a FHIR dateTime, daylight saving by date. A time that the clocks skip in spring
 * shifts forward; of one that they pass twice in autumn the first is taken.
 */
export const inZone = (local: string, zone: string): string => {
  const asUtc = Date.parse(`${local}Z`)
  const before = offsetMinutesAt(zone, asUtc - 86_400_000)
  const after = offsetMinutesAt(zone, asUtc + 86_400_000)
  const fits = [before, after].find((minutes) => offsetMinutesAt(zone, asUtc - minutes * 60_000) === minutes)
  if (fits !== undefined) return dateTime(local, offsetText(fits))
  const fraction = /\.\d+$/.exec(local)?.[0] ?? ''
  const shifted = new Date(Date.parse(`${local.slice(0, 19)}Z`) + (after - before) * 60_000).toISOString().slice(0, 19)
  return dateTime(`${shifted}${fraction}`, offsetText(after))
}

/**
 * DA + TM + offset (0008,0201) → dateTime. FHIR forbids a time without an offset, and DICOM leaves a missing one
 * undefined: then the configured zone counts, else the date alone is written. An unreadable offset never gets the zone.
 */
export const readStarted =
  (dateKeyword: `${Dated}Date`, timeKeyword: `${Dated}Time`, zone: string | undefined) =>
  (dataset: DicomDataset): Mapped<O.Option<Started>> => {
    const date = readTag(dateKeyword)(dataset)
    const time = readTag(timeKeyword)(dataset)
    const offset = readTag('TimezoneOffsetFromUTC')(dataset)
    const value = (part: Mapped<O.Option<string>>): string | undefined =>
      pipe(TH.getRight(part), O.flatten, O.toUndefined)
    const problems = [date, time, offset].flatMap((part): ReadonlyArray<TagIssue> => (TH.isLeft(part) ? part.left : []))
    const started = combine(value(date), value(time), TH.isLeft(offset) ? 'invalid' : value(offset), zone)
    return RNEA.fromReadonlyArray(problems)._tag === 'Some'
      ? TH.both(problems as unknown as RNEA.ReadonlyNonEmptyArray<TagIssue>, O.fromNullable(started))
      : TH.right(O.fromNullable(started))
  }

const combine = (
  date: string | undefined,
  time: string | undefined,
  offset: string | undefined,
  zone: string | undefined,
): Started | undefined => {
  if (date === undefined) return undefined
  if (date.length < 10 || time === undefined || offset === 'invalid') return { value: date }
  const local = `${date}T${time}`
  if (offset !== undefined) return { value: dateTime(local, offset) }
  return { value: zone === undefined ? date : inZone(local, zone), local }
}

// More precise sorts first within a date: `~` comes after every character of a dateTime.
const orderOf = (value: string): readonly [string, number] =>
  value.length > 10 ? [value.slice(0, 10), Date.parse(value)] : [`${value}~`, 0]

const earlier = (left: string, right: string): string => {
  const [[leftDate, leftInstant], [rightDate, rightInstant]] = [orderOf(left), orderOf(right)]
  if (leftDate !== rightDate) return leftDate < rightDate ? left : right
  return leftInstant <= rightInstant ? left : right
}

/** The original wrote UTC where DICOM names no offset. On a study with our mark an instance of ours has said it. */
const isInvented = (existing: string, { local }: Started): boolean =>
  local !== undefined && /(Z|\+00:00)$/.test(existing) && Date.parse(existing) === Date.parse(`${local}Z`)

/** The earliest of the Create rows; an Update row replaces it. */
export const startedAfter = (existing: string | undefined, next: Started, mode: MergeMode): string => {
  if (existing === undefined || mode === 'replace' || mode === 'correct') return next.value
  return mode === 'adopt' && isInvented(existing, next) ? next.value : earlier(existing, next.value)
}
