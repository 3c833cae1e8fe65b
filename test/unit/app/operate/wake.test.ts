import { describe, expect, it } from '@jest/globals'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { whyNoRun } from '../../../../lib/app/operate/wake'
import type { Heartbeat, OperatorPorts, RunRecord } from '../../../../lib/app/ports-operator'

/** It began at 1,000 and ended at 21,000. */
const inVain: RunRecord = {
  ...{ runId: 'r', by: 'event', kind: 'wake', ended: 'OutOfTime', startedAt: 1_000, durationMs: 20_000 },
  ...{ from: 7, to: 7, head: 9, entries: 0, stored: 0, recorded: 0 },
}

const askedAfter = (run: RunRecord, beat: Heartbeat = {}) => {
  const ports = {
    checkpoints: { read: () => TE.right(O.none) },
    gate: { read: () => TE.right(O.none) },
    history: { list: () => TE.right([run]), lastBeat: () => TE.right(beat) },
  }
  return whyNoRun(ports as unknown as OperatorPorts, 9)
}

describe('after a wake that ran out of time', () => {
  it('and got nowhere, the next run is the timer, which has more', async () => {
    expect(await askedAfter(inVain)).toBe('LastRunIll')
    // That tick found the lease held by this very wake.
    expect(await askedAfter(inVain, { timerAt: 9_000 })).toBe('LastRunIll')
    expect(await askedAfter(inVain, { timerAt: 60_000 })).toBeUndefined()
  })

  it.each([
    ['it moved the checkpoint', { to: 8 }],
    ['it settled a late row', { entries: 1 }],
    ['it was no wake', { kind: 'timer' }],
    ['it had time enough', { ended: 'CaughtUp' }],
  ] as const)('another may follow when %s', async (_, other) => {
    expect(await askedAfter({ ...inVain, ...other })).toBeUndefined()
  })
})
