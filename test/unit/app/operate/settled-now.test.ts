import { expect, it, jest } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import { nothingCast } from '../../../../lib/app/cast/cast-batch'
import type { Run } from '../../../../lib/app/context'
import type { StudyRows } from '../../../../lib/app/operate/resync'
import { settledNow } from '../../../../lib/app/operate/settled-now'
import type { FailRow, FailRowKey } from '../../../../lib/app/ports'
import { type FailIndex, idOf } from '../../../../lib/app/run/fail-index'
import { settleUnderLease } from '../../../../lib/app/run/settle-errors'
import { failTableOf } from '../../../../lib/domain/cast-error'

const keyOf = (study: number) => ({
  ...{ partition: 'p', studyInstanceUid: `1.2.${study}`, seriesInstanceUid: `1.3.${study}`, sopInstanceUid: '1.4' },
})
const error = { _tag: 'TagsRejected', keywords: ['PatientID'] } as unknown as FailRow['error']

const readOf = (study: number, isStill: boolean): StudyRows => ({
  ...{ rows: [], rejected: isStill ? [{ key: keyOf(study), error, issues: [] }] : [] },
  ...{ liveInstances: 1, withdrawn: 0, heldInstances: 0, readInstances: 1, unknown: false },
})

const rowOf = ({ key, error: of, sequence }: FailRow): FailRowKey => ({
  ...{ ...key, sequence, table: failTableOf(of), code: of._tag, etag: 'e' },
})

const run = {
  judge: { studyKeywords: new Set() },
  lease: { confirm: () => TE.right(undefined) },
  ports: {
    errors: {
      record: (rows: ReadonlyArray<FailRow>) => TE.right(rows.map(rowOf)),
      remove: () => TE.right(undefined),
    },
  },
} as unknown as Run

it('who goes from study to study reads the rows of each, and not all rows for each', async () => {
  const studies = Array.from({ length: 1_000 }, (_, index) => index)
  const rows = studies.map((study) => rowOf({ key: keyOf(study), error, sequence: 0 }))
  const index: FailIndex = { rows: new Map(rows.map((row) => [idOf(row), row])) }
  const walks = ['values', 'entries', 'keys', Symbol.iterator] as const
  const spies = walks.map((walk) => jest.spyOn(index.rows, walk as 'values'))
  for (const study of studies) {
    // One of two can be cast now.
    const { partition, studyInstanceUid } = keyOf(study)
    const key = { partition, studyInstanceUid }
    const settled = settledNow(index, key, readOf(study, study % 2 === 0), nothingCast(), true)
    expect(E.isRight(await settleUnderLease(run, index, settled, []))).toBe(true)
  }
  const walked = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0)
  expect([index.rows.size, walked <= 2]).toEqual([500, true])
  // Nothing that was written or removed is overlooked afterwards.
  const again = settledNow(index, keyOf(0), readOf(0, false), nothingCast(), true)
  expect(again).toMatchObject([{ key: keyOf(0), error: undefined }])
  expect(settledNow(index, keyOf(1), readOf(1, false), nothingCast(), true)).toEqual([])
})
