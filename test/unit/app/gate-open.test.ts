import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Run } from '../../../lib/app/context'
import { gateOpen } from '../../../lib/app/gate-open'
import type { GateState } from '../../../lib/app/ports-gate'

const ask = (stored: GateState | undefined, own?: GateState) => {
  const row = stored === undefined ? O.none : O.some({ state: stored, by: 'operator', since: 0, etag: 'e' })
  const gate = { read: () => () => Promise.resolve(E.right(row)) }
  return gateOpen({ ports: { gate }, ...(own === undefined ? {} : { gateState: own }) } as unknown as Run)
}

describe('the gate', () => {
  it('is open when nobody has said otherwise, and when it runs', async () => {
    expect([await ask(undefined), await ask('running')]).toEqual([E.right(undefined), E.right(undefined)])
  })

  it.each(['paused', 'renaming', 'backfill'] as const)('is closed to a cast while the row says %s', async (state) => {
    expect(await ask(state)).toMatchObject(E.left({ _tag: 'GateClosed', state }))
  })

  it('is open to the work that closed it, and to no other', async () => {
    expect(await ask('backfill', 'backfill')).toEqual(E.right(undefined))
    expect(await ask('paused', 'backfill')).toMatchObject(E.left({ _tag: 'GateClosed', state: 'paused' }))
    expect(await ask('running', 'backfill')).toMatchObject(E.left({ _tag: 'GateClosed', state: 'running' }))
  })
})
