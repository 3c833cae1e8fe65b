import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { FhirResource } from 'fhir/r4'
import type { LookUp } from '../../../../lib/app/cast/ahead'
import { openSession } from '../../../../lib/app/cast/fhir-session'
import type { Run } from '../../../../lib/app/context'
import type { FhirSearch, TransactOutcome } from '../../../../lib/app/ports'
import type { ServiceError } from '../../../../lib/domain/cast-error'
import { type TransactionEntry, createEntry, deleteEntry, updateEntry } from '../../../../lib/domain/fhir/bundle'
import { settingsOf } from '../../../support/world/domain-settings'

type Answer = E.Either<ServiceError, TransactOutcome>

const searches: ReadonlyArray<FhirSearch> = [{ type: 'Patient', parameters: [['identifier', '|P2']] }]
const patient = (id: string): FhirResource => ({ resourceType: 'Patient', id, meta: { versionId: '1' } })
const lookUp: LookUp = { searches, found: E.right([[patient('2')]]) }

const lost: ServiceError = { _tag: 'ServiceUnavailable', hop: 'fhir', reason: 'no answer', answerLost: true }
const committed = (etag: string | undefined): Answer =>
  E.right({ _tag: 'Committed', entries: [{ status: 200, etag, id: undefined }] } as unknown as TransactOutcome)

/** A batch sends this, and the next asks for what was looked up beside it. */
const sentThenAsked = async ({
  entries = [],
  answers = [committed('W/"2"')],
  offersBasic = true,
  standsAlone = false,
  asked = searches,
  made = lookUp,
}: {
  readonly entries?: ReadonlyArray<TransactionEntry>
  readonly answers?: ReadonlyArray<Answer>
  readonly offersBasic?: boolean
  readonly standsAlone?: boolean
  readonly asked?: ReadonlyArray<FhirSearch>
  readonly made?: LookUp | undefined
}) => {
  const told: Array<string> = []
  const left = [...answers]
  const basic = { resourceType: 'Basic', id: 'p', code: {}, meta: { versionId: '1' } }
  const run = {
    ports: {
      fhir: {
        read: () => () => Promise.resolve(E.right(O.some(basic))),
        transact: () => () => {
          told.push('sent')
          return Promise.resolve(left.shift() ?? committed('W/"9"'))
        },
      },
      gate: { read: () => () => Promise.resolve(E.right(O.none)) },
      clock: { now: () => 0, sleep: () => Promise.resolve() },
      random: { fraction: () => 0, uuid: () => 'u' },
    },
    ...{ settings: settingsOf(), runId: 'r', deadline: Infinity, stopping: () => false, retries: 0 },
    lease: { check: () => E.right(undefined), confirm: () => () => Promise.resolve(E.right(undefined)) },
  } as unknown as Run
  const session = openSession(run, offersBasic)
  session.startBatch(undefined, () => {
    told.push('looked up')
    return Promise.resolve(made)
  })
  await session.readPosition()
  if (standsAlone) session.standAlone()
  await session.send([createEntry('Patient |P1', patient('1'), 'identifier=|P1'), ...entries], { from: 1, to: 1 })
  session.startBatch()
  await session.readPosition()
  const found = await session.foundAhead(asked)
  return { told, found, again: await session.foundAhead(asked) }
}

describe('a look-up beside a transaction', () => {
  it('begins before that is sent, and serves once', async () => {
    const { told, found, again } = await sentThenAsked({})
    expect(told).toEqual(['looked up', 'sent'])
    expect([found, again]).toEqual([lookUp.found, undefined])
  })

  it('that failed is told as it failed: it was the first attempt', async () => {
    const made = { searches, found: E.left(lost) }
    expect((await sentThenAsked({ made })).found).toEqual(E.left(lost))
  })

  it('is not made on a server without Basic, nor beside a batch whose writes its rows do not tell', async () => {
    expect(await sentThenAsked({ offersBasic: false })).toMatchObject({ told: ['sent'], found: undefined })
    expect(await sentThenAsked({ standsAlone: true })).toMatchObject({ told: ['sent'], found: undefined })
  })

  it.each([
    ['what it found is updated', updateEntry('https://fhir.example', patient('2'), '1')],
    ['what it found is deleted', deleteEntry('https://fhir.example', patient('2'))],
    ['an Endpoint is updated', updateEntry('https://fhir.example', { ...endpoint(), id: '3' }, '1')],
    ['an Endpoint is created', createEntry('Endpoint https://dicom.example', endpoint(), 'identifier=x')],
  ])('is thrown away when %s', async (_what, entry) => {
    expect((await sentThenAsked({ entries: [entry] })).found).toBeUndefined()
    const other = updateEntry('https://fhir.example', patient('7'), '1')
    expect((await sentThenAsked({ entries: [other] })).found).toBe(lookUp.found)
  })

  it.each([
    ['the answer is lost', E.left(lost)],
    ['somebody else was first', E.left({ _tag: 'FhirConflict', status: 412 } as const)],
    ['the answer tells no version', committed(undefined)],
  ])('is thrown away when the version must be read anew: %s', async (_what, answer) => {
    expect((await sentThenAsked({ answers: [answer] })).found).toBeUndefined()
  })

  it('is thrown away when something else is asked for', async () => {
    const asked: typeof searches = [{ type: 'Patient', parameters: [['identifier', '|P3']] }]
    expect((await sentThenAsked({ asked })).found).toBeUndefined()
  })
})

function endpoint(): Extract<FhirResource, { resourceType: 'Endpoint' }> {
  return {
    ...{ resourceType: 'Endpoint', status: 'active', address: 'https://dicom.example' },
    ...{ connectionType: { code: 'dicom-wado-rs' }, payloadType: [] },
  }
}
