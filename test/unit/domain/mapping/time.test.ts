import { describe, expect, it } from '@jest/globals'
import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import { inZone, readStarted, startedAfter } from '../../../../lib/domain/mapping/time'
import { type Values, datasetOf } from '../../../support/world/domain-dataset'
import { invalid } from '../../../support/world/domain-mapping'

const read = (values: Values, zone?: string) => {
  const mapped = readStarted('StudyDate', 'StudyTime', zone)(datasetOf(values))
  return {
    value: TH.isLeft(mapped) ? undefined : O.toUndefined(mapped.right)?.value,
    issues: TH.isRight(mapped) ? [] : mapped.left,
  }
}

const date = 'not a date (DA)'
const time = 'not a time (TM)'
const offset = 'not an offset from UTC'

describe('DA + TM + offset', () => {
  it.each([
    ['all three', '20261123', '101530', '+0100', '2026-11-23T10:15:30+01:00'],
    ['fraction digits as given', '20261123', '101530.120', '+0100', '2026-11-23T10:15:30.120+01:00'],
    ['HH, zero-filled', '20261123', '10', '+0100', '2026-11-23T10:00:00+01:00'],
    ['HHMM, zero-filled', '20261123', '1015', '+0100', '2026-11-23T10:15:00+01:00'],
    ['second 60 as 59', '20261231', '235960', '+0000', '2026-12-31T23:59:59+00:00'],
    ['ACR-NEMA spellings', '1995.06.26', '11:20:00', '+0100', '1995-06-26T11:20:00+01:00'],
    ['±HH:MM', '20261123', '1015', '-05:00', '2026-11-23T10:15:00-05:00'],
    ['UTC±HH:MM', '20261123', '1015', 'UTC+01:00', '2026-11-23T10:15:00+01:00'],
    ['no offset: the date alone', '20261123', '101530', undefined, '2026-11-23'],
    ['no time', '20261123', undefined, '+0100', '2026-11-23'],
    ['an empty time', '20261123', [], '+0100', '2026-11-23'],
    ['a partial date: never with a time', '202611', '1015', '+0100', '2026-11'],
    ['no date: nothing', undefined, '1015', '+0100', undefined],
    ['an empty date: nothing', [], '1015', '+0100', undefined],
    ['nothing at all', undefined, undefined, undefined, undefined],
  ])('%s', (_what, StudyDate, StudyTime, TimezoneOffsetFromUTC, value) => {
    expect(read({ StudyDate, StudyTime, TimezoneOffsetFromUTC })).toEqual({ value, issues: [] })
  })

  it('writes the date and reports the tag when the TM beside it is invalid', () => {
    expect(read({ StudyDate: '20261123', StudyTime: '2400', TimezoneOffsetFromUTC: '+0100' })).toEqual({
      value: '2026-11-23',
      issues: [invalid('StudyTime', time)],
    })
  })

  it('writes the date alone when the offset is unreadable, and never takes the zone for it', () => {
    const values = { StudyDate: '20261123', StudyTime: '1015', TimezoneOffsetFromUTC: 'here' }
    expect(read(values, 'Europe/Berlin')).toEqual({
      value: '2026-11-23',
      issues: [invalid('TimezoneOffsetFromUTC', offset)],
    })
  })

  it('reports all three, and writes nothing without a date', () => {
    expect(read({ StudyDate: 'soon', StudyTime: 'noon', TimezoneOffsetFromUTC: 'here' })).toEqual({
      value: undefined,
      issues: [invalid('StudyDate', date), invalid('StudyTime', time), invalid('TimezoneOffsetFromUTC', offset)],
    })
  })

  it('prefers the offset of the instance to the zone', () => {
    const values = { StudyDate: '20261123', StudyTime: '1015', TimezoneOffsetFromUTC: '-0500' }
    expect(read(values, 'Europe/Berlin').value).toBe('2026-11-23T10:15:00-05:00')
  })
})

describe('DicomCast__DefaultTimeZone', () => {
  it.each([
    ['winter', '2026-01-15T10:15:00', 'Europe/Berlin', '2026-01-15T10:15:00+01:00'],
    ['summer', '2026-07-15T10:15:00', 'Europe/Berlin', '2026-07-15T10:15:00+02:00'],
    ['UTC', '2026-07-15T10:15:00', 'UTC', '2026-07-15T10:15:00+00:00'],
    ['a quarter of an hour', '2026-07-15T10:15:00.5', 'Asia/Kathmandu', '2026-07-15T10:15:00.5+05:45'],
    ['the last minute before the gap', '2026-03-08T01:59:59', 'America/New_York', '2026-03-08T01:59:59-05:00'],
    ['the gap: shifted forward', '2026-03-08T02:30:00.25', 'America/New_York', '2026-03-08T03:30:00.25-04:00'],
    ['the first minute after the gap', '2026-03-08T03:00:00', 'America/New_York', '2026-03-08T03:00:00-04:00'],
    ['the overlap: the first of the two', '2026-11-01T01:30:00', 'America/New_York', '2026-11-01T01:30:00-04:00'],
    ['after the overlap', '2026-11-01T02:00:00', 'America/New_York', '2026-11-01T02:00:00-05:00'],
    ['the gap of half an hour', '2026-10-04T02:15:00', 'Australia/Lord_Howe', '2026-10-04T02:45:00+11:00'],
    ['a day that never was', '2011-12-30T10:00:00', 'Pacific/Apia', '2011-12-31T10:00:00+14:00'],
  ])('%s', (_what, local, zone, expected) => {
    expect(inZone(local, zone)).toBe(expected)
  })
})

describe('what is there, and what comes', () => {
  it.each([
    ['the earlier date', '2026-11-23', '2026-11-22', '2026-11-22'],
    [
      'the earlier instant of a date',
      '2026-11-23T11:00:00+01:00',
      '2026-11-23T10:30:00+00:00',
      '2026-11-23T11:00:00+01:00',
    ],
    ['the more precise of one date', '2026-11-23', '2026-11-23T10:00:00+01:00', '2026-11-23T10:00:00+01:00'],
    ['the more precise, the other way round', '2026-11-23T10:00:00+01:00', '2026-11-23', '2026-11-23T10:00:00+01:00'],
    ['the more precise of partial dates', '2026', '2026-11', '2026-11'],
    ['the earlier of partial dates', '2026-11-23', '2025', '2025'],
  ])('%s stays', (_what, existing, value, expected) => {
    expect(startedAfter(existing, { value }, 'follow')).toBe(expected)
  })

  it.each(['replace', 'correct'] as const)('an Update row (%s) replaces', (mode) => {
    expect(startedAfter('2026-11-22', { value: '2026-11-23' }, mode)).toBe('2026-11-23')
  })

  it.each(['2026-11-23T10:15:00+00:00', '2026-11-23T10:15:00Z', '2026-11-23T10:15:00.000Z'])(
    'the invented UTC %s is replaced by the same local time',
    (existing) => {
      const next = { value: '2026-11-23', local: '2026-11-23T10:15:00' }
      expect(startedAfter(existing, next, 'adopt')).toBe('2026-11-23')
      // On a study of ours an instance of ours has said it.
      expect(startedAfter(existing, next, 'follow')).toBe(existing)
    },
  )

  it.each([
    ['another offset', '2026-11-23T10:15:00+01:00', '2026-11-23T10:15:00'],
    ['another time', '2026-11-23T10:14:00Z', '2026-11-23T10:15:00'],
  ])('%s is no invention', (_what, existing, local) => {
    expect(startedAfter(existing, { value: '2026-11-23', local }, 'follow')).toBe(existing)
  })

  it('an instance that names +0000 invents nothing', () => {
    const existing = '2026-11-23T10:15:00+00:00'
    expect(startedAfter(existing, { value: '2026-11-23T10:15:00+00:00' }, 'follow')).toBe(existing)
  })
})
