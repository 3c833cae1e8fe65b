import { describe, expect, it } from '@jest/globals'
import { booleanOf, integerOf, readQuery } from '../../../../local/dicom/query'

const query = (text: string) => readQuery(new URLSearchParams(text))

describe('query parameters', () => {
  it('are found in any case; the first of several wins', () => {
    expect(query('OFFset=1&offset=2').get('Offset')).toBe('1')
  })

  it.each([
    ['', 10],
    ['limit=1', 1],
    ['limit=100', 100],
    ['limit=%2B7', 7],
  ])('%j is a limit of %i', (text, expected) => {
    expect(integerOf(query(text), 'limit', { default: 10, min: 1, max: 100 })).toBe(expected)
  })

  it.each(['limit=', 'limit=0', 'limit=101', 'limit=1.5', 'limit=1e1', 'limit=99999999999999999999'])(
    '%j is no limit',
    (text) => {
      expect(() => integerOf(query(text), 'limit', { default: 10, min: 1, max: 100 })).toThrow('limit')
    },
  )

  it('take an offset of up to 2^63 − 1', () => {
    const range = { default: 0, min: 0 }
    expect(integerOf(query('offset=9223372036854775807'), 'offset', range)).toBe(2 ** 63)
    expect(() => integerOf(query('offset=9223372036854775808'), 'offset', range)).toThrow('offset')
  })

  it('read true and false alone as booleans', () => {
    expect([booleanOf(query('a=True'), 'a', false), booleanOf(query(''), 'a', true)]).toEqual([true, true])
    expect(() => booleanOf(query('a=1'), 'a', true)).toThrow('not valid')
  })
})
