import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import type { Run } from '../../../../lib/app/context'
import type { FailRowKey, Ports } from '../../../../lib/app/ports'
import { takeBack } from '../../../../lib/app/run/settle-errors'

const written: ReadonlyArray<FailRowKey> = [
  { table: 'FhirFailToStoreExceptionTable', sequence: 4, code: 'FhirRejected', etag: 'e1' },
]

/** A run whose time is over, on a storage that fails so many times. */
const lateRun = (failures: number) => {
  const removed: Array<ReadonlyArray<FailRowKey>> = []
  const errors: Pick<Ports['errors'], 'remove'> = {
    remove: (rows) => () => {
      removed.push(rows)
      return Promise.resolve(
        removed.length > failures
          ? E.right(undefined)
          : E.left({ _tag: 'ServiceUnavailable', hop: 'storage', reason: 'busy', status: 503 }),
      )
    },
  }
  const clock: Ports['clock'] = { now: () => 0, sleep: () => Promise.resolve() }
  const run = { ports: { errors, clock } as Ports, deadline: -1 } as Run
  return { run, removed }
}

describe('what a run recorded, and was not its to record', () => {
  it('is taken back though storage fails, and though the time of the run is over', async () => {
    const { run, removed } = lateRun(2)
    await takeBack(run, { failed: {}, codes: {}, written })
    expect(removed).toEqual([written, written, written])
  })

  it('does not hold the run for ever', async () => {
    const { run, removed } = lateRun(Infinity)
    await takeBack(run, { failed: {}, codes: {}, written })
    expect(removed).toHaveLength(4)
  })

  it('is nothing, and asks for nothing, when nothing was recorded', async () => {
    const { run, removed } = lateRun(0)
    await takeBack(run, { failed: {}, codes: {}, written: [] })
    expect(removed).toEqual([])
  })
})
