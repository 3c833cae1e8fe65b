import { describe, expect, it } from '@jest/globals'
import type { Facts, LastCast } from '../../../../lib/app/operate/facts'
import { verdictOn } from '../../../../lib/app/operate/verdict'

const at = '2026-11-28T03:00:00.000Z'
const now = Date.parse(at) + 60_000
const answers = { healthy: true, ms: 1 } as const
const facts: Facts = {
  timer: { state: 'running', schedule: '0 * * * * *', pausedBy: [] },
  lease: { held: false },
  failures: {},
  health: { dicom: answers, fhir: answers, storage: answers },
}
const ended = (how: string, reason: string): LastCast => ({
  ...{ at, ended: how, kind: 'timer', by: 'timer', ill: true, reason },
})
const told = (how: string, reason: string): string => `the last cast (timer) ended ${how} at ${at}: ${reason}`

describe('the verdict', () => {
  it('of an installation that works is fine, and has no reason', () => {
    expect(verdictOn(facts, now)).toEqual({ state: 'fine', reasons: [] })
  })

  it.each([
    ['WaitingForHoles', '500 holes are open'],
    ['GateClosed', 'nothing is written: a backfill is at work'],
  ])('of a last cast that ended %s is that it needs a look, and tells why: no service is at fault', (how, reason) => {
    expect(verdictOn({ ...facts, lastCast: ended(how, reason) }, now)).toEqual({
      state: 'behind',
      reasons: [told(how, reason)],
    })
  })

  it('has what does not work before what is waited for', () => {
    const down = { ...facts.health, dicom: { healthy: false, ms: 1, reason: 'dicom: it does not answer' } } as const
    expect(
      verdictOn({ ...facts, health: down, lastCast: ended('WaitingForHoles', '500 holes are open') }, now),
    ).toEqual({
      state: 'broken',
      reasons: ['dicom: it does not answer', told('WaitingForHoles', '500 holes are open')],
    })
  })

  it('of a closed gate is paused, with what the gate says first', () => {
    const timer = { ...facts.timer, state: 'paused', pausedBy: ['a backfill is at work'] } as const
    const lastCast = ended('GateClosed', 'nothing is written: a backfill is at work')
    expect(verdictOn({ ...facts, timer, lastCast }, now)).toEqual({
      state: 'paused',
      reasons: ['it is paused: a backfill is at work', told('GateClosed', 'nothing is written: a backfill is at work')],
    })
  })

  it('of any other bad ending is broken, whatever the services answer now, and is not told twice', () => {
    const reason = 'fhir: it refuses this identity (403)'
    const lastCast = ended('AccessDenied', reason)
    const fhir = { healthy: false, ms: 1, reason } as const
    expect(verdictOn({ ...facts, lastCast }, now)).toEqual({ state: 'broken', reasons: [told('AccessDenied', reason)] })
    expect(verdictOn({ ...facts, health: { ...facts.health, fhir }, lastCast }, now)).toEqual({
      state: 'broken',
      reasons: [told('AccessDenied', reason)],
    })
  })

  it('does not hold against it what a later cast has mended', () => {
    expect(verdictOn({ ...facts, lastCast: { ...ended('GateClosed', 'paused'), ill: false } }, now).state).toBe('fine')
  })
})
