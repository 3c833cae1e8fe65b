import { describe, expect, it } from '@jest/globals'
import type { Basic } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { openSession } from '../../../../lib/app/cast/fhir-session'
import type { Run } from '../../../../lib/app/context'
import { type TransactionEntry, updateEntry } from '../../../../lib/domain/fhir/bundle'
import { settingsOf } from '../../../support/world/domain-settings'

const settings = settingsOf()
const entry: TransactionEntry = updateEntry(settings.fhirBase, { resourceType: 'Patient', id: 'p' }, '1')

/** Two transactions of one batch, on a server whose answers tell no versions; `meanwhile`: another one writes after the first. */
const sentTwice = async (meanwhile: boolean) => {
  let [version, stored]: [number, Basic | undefined] = [1, undefined]
  const sent: Array<string | undefined> = []
  const run = {
    ports: {
      fhir: {
        read: () => () => {
          const basic = stored ?? { resourceType: 'Basic', code: {} }
          return Promise.resolve(E.right(O.some({ ...basic, meta: { versionId: String(version) } })))
        },
        transact: (body: string) => () => {
          const [first] = (
            JSON.parse(body) as { entry: ReadonlyArray<{ request: { ifMatch?: string }; resource: Basic }> }
          ).entry
          sent.push(first?.request.ifMatch)
          ;[version, stored] = [version + 1, first?.resource]
          if (meanwhile) [version, stored] = [version + 1, { ...stored, identifier: [] } as unknown as Basic]
          const untold = { status: 200, etag: undefined, id: undefined }
          return Promise.resolve(E.right({ _tag: 'Committed', entries: [untold, untold] }))
        },
      },
      gate: { read: () => () => Promise.resolve(E.right(O.none)) },
      clock: { now: () => 0, sleep: () => Promise.resolve() },
      random: { fraction: () => 0, uuid: () => `u${sent.length}` },
    },
    settings,
    ...{ runId: 'r', deadline: Infinity, stopping: () => false, retries: 0 },
    lease: { check: () => E.right(undefined), confirm: () => () => Promise.resolve(E.right(undefined)) },
  } as unknown as Run
  const session = openSession(run, true)
  session.startBatch()
  await session.readPosition()
  const outcomes = [await session.send([entry], { from: 1, to: 1 }), await session.send([entry], { from: 2, to: 2 })]
  return { sent, outcomes: outcomes.map(({ _tag }) => _tag) }
}

describe('on a server whose answer to a transaction tells no version', () => {
  it('the next one of the batch carries the version that is read back', async () => {
    expect(await sentTwice(false)).toEqual({ sent: ['W/"1"', 'W/"2"'], outcomes: ['Committed', 'Committed'] })
  })

  it('nothing more is sent on what was read when somebody has written since', async () => {
    expect(await sentTwice(true)).toEqual({ sent: ['W/"1"'], outcomes: ['Committed', 'Reread'] })
  })
})
