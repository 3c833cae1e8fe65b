import { expect, it } from '@jest/globals'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { readProgress } from '../../../../lib/app/backfill/progress'
import type { BackfillPorts } from '../../../../lib/app/ports-backfill-store'
import { type Backfill, type LaneRow, newPart, noCounts, withSettled } from '../../../../lib/domain/backfill/backfill'

const backfill: Backfill = {
  ...{ id: 'b', by: 'anna', startedAt: 0, state: 'working', lanes: 2, scope: {}, isFresh: true, listFrom: 0 },
  ...{
    parts: [1, 1],
    listed: { studies: 4, images: 200 },
    unlistable: 0,
    leftOver: { cast: 0, failed: 0 },
    listedAt: 1,
  },
}
const study = (studyInstanceUid: string, instances: number) => ({ studyInstanceUid, patientId: 'P', instances })
const part = newPart({ lane: 0, part: 1, partition: 'p', touchedAt: 0 }, [study('1.1', 60), study('1.2', 40)])

const progressAt = async (now: number, rows: ReadonlyArray<LaneRow | undefined>) => {
  const backfills = {
    read: () => TE.right(O.some({ ...backfill, etag: 'e' })),
    lane: (_id: string, lane: number) => TE.right(O.fromNullable(rows[lane])),
  }
  const read = await readProgress({ backfills, clock: { now: () => now } } as unknown as BackfillPorts)
  return read._tag === 'Right' ? read.right : undefined
}

it('what is left is told by what was listed: a study that is gone, or has fewer images, is behind us all the same', async () => {
  const counts = { ...noCounts, studies: 2, images: 40 }
  const row = withSettled({ lane: 0, settled: 0, counts: noCounts }, { ...part, isSettled: true, counts })
  expect(await progressAt(50_000, [row, undefined])).toMatchObject({
    ...{ settled: { studies: 2, images: 100 }, done: { studies: 2, images: 40 }, lanesAtWork: 1 },
    ...{ imagesPerS: 0.8, secondsLeft: 50 },
  })
})

it('a lane of an older version, which counts no listed images, is told by what it came to', async () => {
  const row = { lane: 0, settled: 1, counts: { ...noCounts, studies: 2, images: 50 } }
  expect(await progressAt(50_000, [row, undefined])).toMatchObject({
    ...{ settled: { studies: 2, images: 50 }, secondsLeft: 150 },
  })
})

it('a lane that waits since a service asked for less is told apart, until it is due', async () => {
  const row = { lane: 0, settled: 0, counts: noCounts, dueAt: 60_000, pauseS: 15 }
  expect(await progressAt(59_999, [row, undefined])).toMatchObject({ lanesAtWork: 2, lanesWaiting: 1 })
  expect(await progressAt(60_000, [row, undefined])).toMatchObject({ lanesAtWork: 2, lanesWaiting: 0 })
  expect(await progressAt(59_999, [{ ...row, settled: 1 }, undefined])).toMatchObject({ lanesWaiting: 0 })
})
