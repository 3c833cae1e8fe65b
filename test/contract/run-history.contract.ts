import { describe, expect, it } from '@jest/globals'
import type { RunHistory, RunRecord } from '../../lib/app/ports-operator'
import { succeed } from './storage-results'

export const run = (number: number): RunRecord => ({
  runId: `run-${number}`,
  startedAt: Date.UTC(2026, 10, 23, 20, 0, number),
  kind: 'timer',
  by: 'timer',
  ended: 'CaughtUp',
  from: number * 10,
  to: Number.MAX_SAFE_INTEGER,
  head: Number.MAX_SAFE_INTEGER,
  lagS: 0,
  entries: 10,
  stored: 9,
  recorded: 1,
  durationMs: 1_234,
})

/** `open` is a process of its own; `keep` is how many runs are kept. */
export const runHistoryContract = (
  name: string,
  arrange: (keep?: number) => Promise<{ readonly open: () => RunHistory }>,
): void => {
  describe(`${name}: run history`, () => {
    it('has none at first', async () => {
      const { open } = await arrange()
      expect(await succeed(open().list(10))).toEqual([])
    })

    it('gives back every part of a run, the newest first', async () => {
      const { open } = await arrange()
      const { lagS: _, ...unknownLag } = run(2)
      const stopped: RunRecord = {
        ...unknownLag,
        kind: 'catch-up',
        by: 'ana',
        ended: 'AccessDenied',
        reason: 'fhir: 403',
        version: '0.1.0+abc',
      }
      for (const each of [run(1), run(3), stopped]) await succeed(open().add(each))
      expect(await succeed(open().list(10))).toEqual([run(3), stopped, run(1)])
      expect(await succeed(open().list(2))).toEqual([run(3), stopped])
    })

    it('gives back a rename', async () => {
      const { open } = await arrange()
      const rename: RunRecord = { ...run(1), kind: 'rename' }
      await succeed(open().add(rename))
      expect(await succeed(open().list(10))).toEqual([rename])
    })

    it('counts a run once, however often it is added', async () => {
      const { open } = await arrange()
      await succeed(open().add(run(1)))
      await succeed(open().add(run(1)))
      expect(await succeed(open().list(10))).toEqual([run(1)])
    })

    it('keeps the heartbeat: what is told last of each part, and none at first', async () => {
      const { open } = await arrange()
      expect(await succeed(open().lastBeat())).toEqual({})
      await succeed(open().beat({ timerAt: 5_000, schedule: '0 * * * * *', succeededAt: 4_000 }))
      await succeed(open().beat({ timerAt: 9_000 }))
      expect(await succeed(open().lastBeat())).toEqual({ timerAt: 9_000, schedule: '0 * * * * *', succeededAt: 4_000 })
      expect(await succeed(open().list(10))).toEqual([])
    })

    it('forgets the oldest runs', async () => {
      const { open } = await arrange(3)
      for (let number = 1; number <= 6; number++) await succeed(open().add(run(number)))
      expect((await succeed(open().list(10))).map(({ runId }) => runId)).toEqual(['run-6', 'run-5', 'run-4'])
    })
  })
}
