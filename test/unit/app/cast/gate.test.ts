import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { castBatch } from '../../../../lib/app/cast/cast-batch'
import { openSession } from '../../../../lib/app/cast/fhir-session'
import type { Run } from '../../../../lib/app/context'
import type { FhirSearch } from '../../../../lib/app/ports'
import type { GateState } from '../../../../lib/app/ports-gate'
import type { ServiceError } from '../../../../lib/domain/cast-error'
import { settingsOf } from '../../../support/world/domain-settings'
import { rowOf } from '../../../support/world/domain-feed'

const settings = settingsOf()
const down: ServiceError = { _tag: 'AccessDenied', hop: 'fhir', status: 403, reason: 'forbidden' }

/** A batch of one image, and what was asked meanwhile, in order. */
const castWhile = async (state: GateState, isFhirDown = false) => {
  const told: Array<string> = []
  const position = { resourceType: 'Basic', id: 'p', code: {}, meta: { versionId: '1' } }
  const run = {
    ports: {
      fhir: {
        read: () => () => {
          told.push('position')
          return Promise.resolve(E.right(O.some(position)))
        },
        search: (searches: ReadonlyArray<FhirSearch>) => () => {
          told.push('looked up')
          return Promise.resolve(isFhirDown ? E.left(down) : E.right(searches.map(() => [])))
        },
        transact: () => () => {
          told.push('sent')
          return Promise.resolve(E.left(down))
        },
      },
      gate: {
        read: () => async () => {
          told.push('gate asked')
          await setImmediate()
          told.push('gate answers')
          return E.right(O.some({ state, by: 'operator', since: 0, etag: 'e' }))
        },
      },
      clock: { now: () => 0, sleep: () => Promise.resolve() },
      random: { fraction: () => 0, uuid: () => 'u' },
    },
    settings: {
      ...settings,
      batchSize: 1,
      maxBundleEntries: 100,
      maxBundleBytes: 100_000,
      totalRetryDurationMs: 1_000,
    },
    ...{ runId: 'r', deadline: Infinity, stopping: () => false, retries: 0 },
    lease: { check: () => E.right(undefined), confirm: () => () => Promise.resolve(E.right(undefined)) },
  } as unknown as Run
  const rows = [rowOf(settings, { sequence: 1 })]
  const { stop } = await castBatch(run, openSession(run, true), { rows, stuckSince: undefined })
  return { told, stop }
}

describe('the gate of a batch', () => {
  it('is asked when the position is known, and heard before anything is sent', async () => {
    const { told } = await castWhile('running')
    expect([...new Set(told)]).toEqual(['position', 'gate asked', 'looked up', 'gate answers', 'sent'])
  })

  it.each([false, true])('lets nothing be sent while it is closed; FHIR down: %s', async (isFhirDown) => {
    const { told, stop } = await castWhile('paused', isFhirDown)
    expect(told).not.toContain('sent')
    expect(stop).toMatchObject({ _tag: 'GateClosed', state: 'paused' })
  })
})
