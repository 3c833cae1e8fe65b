import { describe, expect, it } from '@jest/globals'
import { parseBackfill, parseStudyLines } from '../../../lib/requests/backfill'

const left = (...problems: ReadonlyArray<string>) => ({ _tag: 'Left', left: problems })
const expected = 'expected a StudyInstanceUID, or partition/StudyInstanceUID'

describe('the studies of a backfill', () => {
  it('are UIDs, each with its partition or of the default one', () => {
    expect(parseBackfill({ studies: ['1.2.3', 'north/1.2.4'] }, true)).toMatchObject({
      right: {
        scope: {},
        studies: [
          { partition: 'Microsoft.Default', studyInstanceUid: '1.2.3' },
          { partition: 'north', studyInstanceUid: '1.2.4' },
        ],
      },
    })
    const hostile = ['', '1.2/', '/1.2', 'a/b/1.2', '../1.2', '1..2', 'P1', `${'1.'.repeat(40)}1`, 5, null, ['1.2']]
    for (const each of hostile) {
      expect([each, parseBackfill({ studies: [each] }, true)]).toEqual([each, left(`studies.0: ${expected}`)])
    }
  })

  it('are one at least, a hundred thousand at the most, and nothing beside them', () => {
    expect(parseBackfill({ studies: [] }, true)).toEqual(left('studies: expected one at least'))
    const many = (count: number) =>
      parseBackfill({ studies: Array.from({ length: count }, (_, at) => `1.${at}`) }, true)
    expect(many(100_000)).toMatchObject({ _tag: 'Right' })
    expect(many(100_001)).toEqual(left('studies: expected a list of at most 100000'))
    for (const more of [{ partitions: ['north'] }, { since: '2026-01-01T00:00:00Z' }]) {
      expect(parseBackfill({ studies: ['1.2'], ...more }, true)).toMatchObject({ _tag: 'Left' })
    }
    expect(parseBackfill({ studies: ['1.2'] }, false)).toEqual(left('confirm: must be true'))
  })

  it('stand in a file line by line, and a line that is none is told by its number alone', () => {
    expect(parseStudyLines(' 1.2.3\r\n\r\nnorth/1.2\n')).toEqual({ _tag: 'Right', right: ['1.2.3', 'north/1.2'] })
    expect(parseStudyLines('1.2\nDoe^Jane\n\n1.2 1.3')).toEqual(
      left(`studies: line 2: ${expected}`, `studies: line 4: ${expected}`),
    )
  })
})
