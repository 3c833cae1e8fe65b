import { expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import { walkSince } from '../../../../lib/app/backfill/list-since'
import type { Listing } from '../../../../lib/app/backfill/list-studies'
import type { Stored } from '../../../../lib/app/ports-backfill-store'
import type { Backfill } from '../../../../lib/domain/backfill/backfill'

const entry = (sequence: number, studyInstanceUid: string) => ({ sequence, studyInstanceUid, partition: 'P' })

/** A feed whose pages have an entry each: two steps. Nothing of it is in the archive. */
const walkOf = (entries: ReadonlyArray<ReturnType<typeof entry>>) => {
  const marks = new Map<string, number>()
  const clock = { now: () => 0 }
  const run = {
    ...{ judge: { decode: E.right }, deadline: Infinity, stopping: () => false },
    lease: { check: () => E.right(undefined) },
    ports: { clock, dicom: { window: (_: string, at: number) => TE.right({ elements: entries.slice(at, at + 1) }) } },
  }
  const backfills = {
    entered: () => TE.right([]),
    enter: (_id: string, _partition: string, wanted: ReadonlyArray<{ studyInstanceUid: string; part: number }>) => {
      const known = wanted.filter(({ studyInstanceUid }) => marks.has(studyInstanceUid))
      for (const { studyInstanceUid: uid, part } of wanted) if (!marks.has(uid)) marks.set(uid, part)
      return TE.right(known.map((each) => ({ ...each, lane: 0, part: marks.get(each.studyInstanceUid) ?? 0 })))
    },
    write: (row: Backfill) => TE.right({ ...row, etag: 'e' }),
  }
  const listing = { run, ports: { clock, backfills } } as unknown as Listing
  return async (stored: Stored<Backfill>): Promise<Stored<Backfill>> => {
    const walked = await walkSince(listing, stored)
    if (E.isLeft(walked)) throw new Error(walked.left._tag)
    return walked.right
  }
}

const begun: Stored<Backfill> = {
  ...{ id: 'b', by: 'anna', startedAt: 0, state: 'walking', lanes: 1, scope: { since: 1 }, isFresh: false, etag: 'e' },
  ...{ parts: [0], listed: { studies: 0, images: 0 }, unlistable: 0, leftOver: { cast: 0, failed: 0 }, maxGone: 2 },
  ...{ cursor: { partitions: ['p'], at: 0, offset: 0 }, head: { sequence: 100 } },
}

it('a study that is gone is counted once, in whatever step it is named again, also when a step is repeated', async () => {
  const walk = walkOf(Array.from({ length: 40 }, (_, at) => entry(at + 1, at % 2 === 0 ? '1.1' : '1.2')))
  const first = await walk(begun)
  expect(first.walk).toEqual({ at: 25, unlisted: 2 })
  expect(await walk(begun)).toEqual(first)
  expect((await walk(first)).walk).toEqual({ at: 0, isCounted: true })
})

it('what is younger than the head that was noted is the feed’s to tell', async () => {
  const walk = walkOf([entry(100, '1.1'), ...['1.2', '1.3', '1.4'].map((uid) => entry(101, uid))])
  expect(await walk(begun)).toMatchObject({ state: 'walking', walk: { isCounted: true } })
})
