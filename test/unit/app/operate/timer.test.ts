import { describe, expect, it } from '@jest/globals'
import { type Seen, type TimerSettings, timerOf } from '../../../../lib/app/operate/timer'
import type { RunRecord } from '../../../../lib/app/ports-operator'

const minute = 60_000
const now = Date.UTC(2026, 10, 28, 3, 0, 0)
const ago = (minutes: number): number => now - minutes * minute

const settings: TimerSettings = {
  app: { startedAt: ago(60) },
  schedule: '0 * * * * *',
  pausedBy: [],
  missedAt: (_, since) => since + 3 * minute,
  budgetMs: 4 * minute,
}
const seen: Seen = { beat: {}, runs: [], leaseHeld: false, now }
const stateOf = (more: Partial<Seen>, set: Partial<TimerSettings> = {}) =>
  timerOf({ ...settings, ...set }, { ...seen, ...more }).state

const run = (kind: RunRecord['kind'], minutes: number): RunRecord => ({
  ...{ runId: 'r', startedAt: ago(minutes), kind, by: kind, ended: 'CaughtUp', from: 0, to: 0, head: 0 },
  ...{ entries: 0, stored: 0, recorded: 0, durationMs: 0 },
})

describe('the timer', () => {
  it('is late when three ticks are over since its last run ended', () => {
    expect([stateOf({ beat: { timerAt: ago(2) } }), stateOf({ beat: { timerAt: ago(4) } })]).toEqual([
      'running',
      'late',
    ])
  })

  it('may take its budget while a run is at work, and no longer: one that dies each time is late, too', () => {
    const held = { leaseHeld: true }
    expect([stateOf({ ...held, beat: { timerAt: ago(6) } }), stateOf({ ...held, beat: { timerAt: ago(8) } })]).toEqual([
      'running',
      'late',
    ])
  })

  it('that never ran is late when the app has run for three ticks, and unknown where nobody knows since when', () => {
    expect([stateOf({}), stateOf({}, { app: { startedAt: ago(1) } })]).toEqual(['late', 'unknown'])
    const { app: _, ...elsewhere } = settings
    expect(timerOf(elsewhere, seen).state).toBe('unknown')
  })

  it('of a version that left no heartbeat is known by its runs, not by those of others', () => {
    expect(stateOf({ runs: [run('catch-up', 1), run('timer', 9)] })).toBe('late')
    expect(stateOf({ runs: [run('timer', 1)] })).toBe('running')
  })

  it('is not late while it is paused, and missing without a schedule whatever it left', () => {
    const beat = { timerAt: ago(90) }
    expect(stateOf({ beat }, { pausedBy: ['a setting'] })).toBe('paused')
    expect(stateOf({ beat }, { schedule: undefined })).toBe('missing')
  })

  it('is judged by the schedule that it ran on where its settings are not at hand', () => {
    const { app: _, ...elsewhere } = settings
    const beat = { timerAt: ago(4), schedule: '0 0 * * * *' }
    expect(timerOf({ ...elsewhere, schedule: undefined }, { ...seen, beat })).toMatchObject({
      state: 'late',
      schedule: '0 0 * * * *',
    })
  })

  it('is unknown when what it left cannot be read', () => {
    expect(stateOf({ beat: undefined })).toBe('unknown')
  })
})
