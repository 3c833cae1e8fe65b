import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import type { TagIssue } from '../../cast-error'
import type { DicomDataset } from '../../dicom/dataset'
import { type ContentItem, dateTimeOf } from '../../dicom/structured-report'
import { readValue } from '../../dicom/read'
import { dateTime, inZone } from '../time'

export interface ReadTime {
  /** A FHIR dateTime. */
  readonly value: string | undefined
  readonly issues: ReadonlyArray<TagIssue>
}

const invalid = (keyword: TagIssue['keyword'], reason: string): TagIssue => ({ _tag: 'TagInvalid', keyword, reason })

/**
 * DT → dateTime, by the rules of DA and TM: its own offset, else that of the instance (0008,0201), else the configured
 * zone, else the date alone. An unreadable offset never gets the zone.
 */
export const readDateTime =
  (dataset: DicomDataset, zone: string | undefined) =>
  (item: ContentItem): ReadTime => {
    const read = dateTimeOf(item)
    if (TH.isLeft(read)) return { value: undefined, issues: [invalid('DateTime', read.left)] }
    if (O.isNone(read.right)) return { value: undefined, issues: [] }
    const { date, time, offset: own } = read.right.value
    const isOwn = TH.isLeft(own) || O.isSome(own.right)
    const offset = isOwn ? own : readValue(dataset, 'TimezoneOffsetFromUTC')
    const issues = [
      ...(TH.isLeft(time) ? [invalid('DateTime', time.left)] : []),
      ...(TH.isLeft(offset) ? [invalid(isOwn ? 'DateTime' : 'TimezoneOffsetFromUTC', offset.left)] : []),
    ]
    if (date.length < 10 || TH.isLeft(time) || O.isNone(time.right) || TH.isLeft(offset)) return { value: date, issues }
    const local = `${date}T${time.right.value}`
    if (O.isSome(offset.right)) return { value: dateTime(local, offset.right.value), issues }
    return { value: zone === undefined ? date : inZone(local, zone), issues }
  }

/** The earliest of several, and what is wrong with any of them. */
export const earliest = (times: ReadonlyArray<ReadTime>): ReadTime => ({
  value: times
    .map(({ value }) => value)
    .filter((value) => value !== undefined)
    .reduce<string | undefined>(
      (first, value) => (first === undefined || Date.parse(value) < Date.parse(first) ? value : first),
      undefined,
    ),
  issues: times.flatMap(({ issues }) => issues),
})
