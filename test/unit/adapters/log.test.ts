import { describe, expect, it } from '@jest/globals'
import { hostLog, jsonLog } from '../../../lib/adapters/log'

const lineOf = (fields?: Record<string, unknown>): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const now = () => Date.UTC(2026, 10, 28, 3, 0, 0)
  jsonLog((line, level) => lines.push(`${level} ${line}`), now)('warn', 'said', fields)
  return lines
}

describe('jsonLog', () => {
  it('writes one line of JSON a call', () => {
    expect(lineOf({ from: 1n, deep: { a: { b: { c: 'two\nlines' } } } })).toEqual([
      'warn {"level":"warn","message":"said","time":"2026-11-28T03:00:00.000Z","from":"1","deep":{"a":{"b":{"c":"two\\nlines"}}}}',
    ])
  })

  it('keeps level, message and time whatever the fields are called', () => {
    expect(lineOf({ level: 'x', message: 'y', time: 'w', z: 1 })).toEqual([
      'warn {"level":"warn","message":"said","time":"2026-11-28T03:00:00.000Z","z":1}',
    ])
  })

  it('never throws', () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    expect(lineOf(circle)).toEqual(['warn {"level":"warn","message":"said","time":"2026-11-28T03:00:00.000Z"}'])
    expect(lineOf()).toEqual(['warn {"level":"warn","message":"said","time":"2026-11-28T03:00:00.000Z"}'])
  })
})

it('hostLog tells the host at which level a line is: Application Insights stores the host’s', () => {
  const told: Array<string> = []
  const context = {
    error: (line: string) => told.push(`error ${line}`),
    warn: (line: string) => told.push(`warn ${line}`),
    log: (line: string) => told.push(`log ${line}`),
  }
  const log = hostLog(context)
  for (const level of ['info', 'warn', 'error'] as const) log(level, 'said')
  expect(told.map((line) => line.replace(/,"message.*/, ''))).toEqual([
    'log {"level":"info"',
    'warn {"level":"warn"',
    'error {"level":"error"',
  ])
})
