import { describe, expect, it } from '@jest/globals'
import * as O from 'fp-ts/Option'
import { makeErrorTables } from '../../lib/adapters/storage/error-tables'
import { makeFailureTables } from '../../lib/adapters/storage/failure-tables'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { useAzurite } from '../support/world/azurite'
import { key } from './error-tables.contract'
import { succeed } from './storage-results'

const azurite = useAzurite()
const table = 'DicomFailToStoreExceptionTable'

let places = 0
const place = () => {
  const account = makeStorageAccount({ connectionString: azurite().connectionString })
  const prefix = `failures${++places}`
  return { errors: makeErrorTables(account, Date.now, prefix), failures: makeFailureTables(account, prefix) }
}
const mismatch = (sequence: number) => ({ sequence, key: key(sequence), error: { _tag: 'PatientMismatch' } as const })
const malformed = (sequence: number) => ({
  ...{ sequence, key: key(sequence) },
  error: { _tag: 'EntryMalformed', paths: ['action'] } as const,
})

describe('failure tables', () => {
  it('are empty while there is no table', async () => {
    const { failures } = place()
    expect(await succeed(failures.list(table, {}, 10))).toEqual({ rows: [] })
    expect(await succeed(failures.get(table, '1'))).toEqual(O.none)
    expect(await succeed(failures.count(table))).toEqual({
      ...{ rows: 0, more: false, codes: {} },
      identity: { rows: 0, more: false, codes: {} },
    })
  })

  it('keep the attempts that were counted, until the row is changed by somebody else', async () => {
    const { errors, failures } = place()
    const [row] = await succeed(errors.record([mismatch(7)]))
    if (row === undefined) throw new Error('one row was recorded')
    const count = async () => O.toUndefined(await succeed(failures.get(table, '7'.padStart(19, '0'))))?.count
    await succeed(failures.setAttempts(row, 4))
    expect(await count()).toBe(4)
    await succeed(failures.setAttempts(row, 9))
    expect(await count()).toBe(4)
  })

  it('count the rows that are there, and those about identity apart', async () => {
    const { errors, failures } = place()
    const mismatches = Array.from({ length: 1_001 }, (_, index) => mismatch(index + 1))
    await succeed(errors.record([...mismatches, malformed(2_000)]))
    expect(await succeed(failures.count(table))).toEqual({
      ...{ rows: 1_002, more: false, codes: { PatientMismatch: 1_001, EntryMalformed: 1 } },
      identity: { rows: 1_001, more: false, codes: { PatientMismatch: 1_001 } },
    })
  })

  it('say "at least" where they stop counting, and miss none of those about identity behind it', async () => {
    const { errors, failures } = place()
    const others = Array.from({ length: 5_001 }, (_, index) => malformed(index + 1))
    await succeed(errors.record([...others, mismatch(9_000), mismatch(9_001)]))
    expect(await succeed(failures.count(table))).toEqual({
      ...{ rows: 5_000, more: true, codes: { EntryMalformed: 5_000, PatientMismatch: 2 } },
      identity: { rows: 2, more: false, codes: { PatientMismatch: 2 } },
    })
  })

  it('tell how often a row was tried, and when it was written, to whoever replays it', async () => {
    const { errors, failures } = place()
    const [row] = await succeed(errors.record([mismatch(7)]))
    if (row === undefined) throw new Error('one row was recorded')
    await succeed(failures.setAttempts(row, 4))
    const [known] = await succeed(errors.failRows())
    expect([known?.attempts, Math.abs(Date.now() - (known?.writtenAt ?? 0)) < 60_000]).toEqual([4, true])
  })

  it('lose the rows of positions where a cast stood still, once one has succeeded', async () => {
    const { errors, failures } = place()
    const stuck = 'TransientRetryExceptionTable'
    await succeed(failures.forgetStuck())
    for (const syncedSequence of [4, 9]) {
      await succeed(errors.recordStuck({ syncedSequence, hop: 'fhir', status: 403, reason: 'fhir: no' }))
    }
    await succeed(failures.forgetStuck())
    expect(await succeed(failures.list(stuck, {}, 10))).toEqual({ rows: [] })
  })
})
