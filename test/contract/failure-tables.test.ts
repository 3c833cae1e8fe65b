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

describe('failure tables', () => {
  it('are empty while there is no table', async () => {
    const { failures } = place()
    expect(await succeed(failures.list(table, {}, 10))).toEqual({ rows: [] })
    expect(await succeed(failures.get(table, '1'))).toEqual(O.none)
    expect(await succeed(failures.count(table))).toEqual({ rows: 0, more: false, codes: {} })
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

  it('count up to a thousand rows, and tell that there are more', async () => {
    const { errors, failures } = place()
    await succeed(errors.record(Array.from({ length: 1_001 }, (_, index) => mismatch(index + 1))))
    expect(await succeed(failures.count(table))).toEqual({
      ...{ rows: 1_000, more: true },
      codes: { PatientMismatch: 1_000 },
    })
  })
})
