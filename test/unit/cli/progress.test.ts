import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { beginning, progressLine } from '../../../cli/progress'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

describe('a person who casts at a terminal', () => {
  it('is told at once what is cast where, and how to end it', () => {
    const env = { DicomWeb__Endpoint: 'https://dicom', Fhir__Endpoint: 'https://fhir' }
    expect([beginning(env), beginning(env, '0 * * * * *')]).toEqual([
      'Casting: https://dicom → https://fhir. Ctrl-C ends it after the batch in hand.',
      'Watching, on schedule 0 * * * * *: https://dicom → https://fhir. Ctrl-C ends it after the batch in hand.',
    ])
  })

  it('sees what is waited for until the first batch is there, and then the batches', () => {
    const written: string[] = []
    const line = progressLine(true, (text) => void written.push(text))
    jest.advanceTimersByTime(2_000)
    line.show({ syncedSequence: 10, head: 20, entries: 10, timestamp: undefined })
    jest.advanceTimersByTime(5_000)
    line.end()
    expect(written.map((text) => text.replace(/\r|[^\n -~]\[K/g, ''))).toEqual([
      'waiting for the first batch: 1 s',
      'waiting for the first batch: 2 s',
      expect.stringContaining('10 of 20, 5 entries/s'),
      '\n',
    ])
  })

  it('who is none, sees nothing', () => {
    const written: string[] = []
    const line = progressLine(false, (text) => void written.push(text))
    jest.advanceTimersByTime(5_000)
    line.end()
    expect(written).toEqual([])
  })
})
