import { describe, expect, it } from '@jest/globals'
import { jsonLog } from '../../../lib/adapters/log'

const lineOf = (fields?: Record<string, unknown>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  jsonLog((line, level) => lines.push(`${level} ${line}`))('warn', 'said', fields)
  return lines
}

describe('jsonLog', () => {
  it('writes one line of JSON a call', () => {
    expect(lineOf({ from: 1n, deep: { a: { b: { c: 'two\nlines' } } } })).toEqual([
      'warn {"level":"warn","message":"said","from":"1","deep":{"a":{"b":{"c":"two\\nlines"}}}}',
    ])
  })

  it('keeps level and message whatever the fields are called', () => {
    expect(lineOf({ level: 'x', message: 'y', z: 1 })).toEqual(['warn {"level":"warn","message":"said","z":1}'])
  })

  it('never throws', () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    expect(lineOf(circle)).toEqual(['warn {"level":"warn","message":"said"}'])
    expect(lineOf()).toEqual(['warn {"level":"warn","message":"said"}'])
  })
})
