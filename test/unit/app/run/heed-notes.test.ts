import { expect, it } from '@jest/globals'
import { workOf } from '../../../../lib/app/run/heed-notes'
import type { RejectedInstance } from '../../../../lib/domain/batch/rejected'
import { instanceKeyText } from '../../../../lib/domain/dicom/change-feed-entry'

const keyOf = (sopInstanceUid: string) => ({
  ...{ partition: 'p', studyInstanceUid: '1.2', seriesInstanceUid: '1.3', sopInstanceUid },
})

/** For quality reasons: it is only told. */
const listed = (instance: string, note: string): readonly [string, RejectedInstance] => [
  instanceKeyText(keyOf(instance)),
  {
    key: keyOf(instance),
    error: {
      ...{ _tag: 'Rejected', code: '113001', isHidden: false },
      notes: [{ name: `1.2 ${note}`, code: '113001', isHiding: false }],
    },
  },
]

it('tells again what a note in hand says, also when it stands: whoever told it may be about to take it back', () => {
  const known = new Map([listed('1.4', '1.8'), listed('1.5', '1.9')])
  const notes = [{ sequence: 3, key: keyOf('1.8'), note: undefined }]
  expect(workOf({ before: known, notes, rows: [] }, known, new Map())).toMatchObject({
    ...{ out: [], back: [] },
    told: [{ key: { sopInstanceUid: '1.4' } }],
  })
})
