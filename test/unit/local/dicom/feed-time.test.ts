import { describe, expect, it } from '@jest/globals'
import { readTime } from '../../../../local/dicom/feed-time'

describe('readTime', () => {
  it.each([
    ['2026-11-23T20:01:39.5941234+00:00', '2026-11-23T20:01:39.5941234+00:00'],
    ['2026-11-23T20:01:39Z', '2026-11-23T20:01:39.0000000+00:00'],
    ['2026-11-23T20:01:39.5+02:00', '2026-11-23T18:01:39.5000000+00:00'],
    ['2026-11-23T20:01:39', '2026-11-23T20:01:39.0000000+00:00'],
    ['2026-11-23', '2026-11-23T00:00:00.0000000+00:00'],
  ])('reads %s as an instant in UTC, with seven digits', (text, expected) => {
    expect(readTime(text)).toBe(expected)
  })

  it.each(['', 'yesterday', '2026-13-01', '20261123', '2026-11-23T20:01:39 00:00'])('refuses %j', (text) => {
    expect(readTime(text)).toBeUndefined()
  })
})
