import { expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { FhirSession } from '../../../../lib/app/cast/fhir-session'
import { type Listing, listStep } from '../../../../lib/app/backfill/list-studies'

it('the Endpoint of a partition comes before its first part, also when a whole page names no study', async () => {
  const all = [...Array.from({ length: 200 }, (_, at) => `none${at}`), '1.2.1']
  const page = (_partition: string, offset: number, limit: number) =>
    TE.right(
      all.slice(offset, offset + limit).map((studyInstanceUid) => ({ studyInstanceUid, patientId: 'P', instances: 1 })),
    )
  // Whoever would write the Endpoint is told so.
  const told = E.left({ _tag: 'LeaseLost' } as const)
  const session = { startBatch: () => undefined, readPosition: () => Promise.resolve(told) }
  const clock = { now: () => 0 }
  const listing: Listing = {
    run: { ports: { clock }, deadline: Infinity, stopping: () => false } as unknown as Listing['run'],
    ports: {
      ...{ clock, studyList: { page } },
      backfills: { part: () => TE.right(O.none), enter: () => TE.left({ _tag: 'CheckpointMoved' }) },
    } as unknown as Listing['ports'],
    session: session as unknown as FhirSession,
  }
  const stepped = await listStep(listing, {
    ...{ id: 'b', by: 'anna', startedAt: 0, state: 'listing', lanes: 1, scope: {}, isFresh: true, etag: 'e' },
    ...{ parts: [0], listed: { studies: 0, images: 0 }, unlistable: 0, leftOver: { cast: 0, failed: 0 } },
    cursor: { partitions: ['p'], at: 0, offset: 0 },
  })
  expect(stepped).toEqual(told)
})
