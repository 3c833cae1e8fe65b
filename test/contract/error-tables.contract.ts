import * as O from 'fp-ts/Option'
import { describe, expect, it } from '@jest/globals'
import type { ErrorTables, FailRow, FailRowKey, TagRow } from '../../lib/app/ports'
import { succeed } from './storage-results'

/** What an operator sees of it. */
export interface SeenTag {
  readonly study: string
  readonly series: string | undefined
  readonly code: string
  readonly text: string
  readonly first: number
  readonly last: number
  readonly count: number
}

export interface SeenStuck {
  readonly sequence: number
  readonly attempts: number
  readonly firstSeen: number
  readonly lastSeen: number
  readonly text: string
}

export interface ErrorTablesPlace {
  readonly open: () => ErrorTables
  readonly setNow: (ms: number) => void
  readonly tags: () => Promise<ReadonlyArray<SeenTag>>
  readonly stuck: () => Promise<ReadonlyArray<SeenStuck>>
}

export const key = (instance: number) => ({
  partition: 'Microsoft.Default',
  studyInstanceUid: '1.2.3',
  seriesInstanceUid: '1.2.3.4',
  sopInstanceUid: `1.2.3.4.${instance}`,
})

const malformed = (sequence: number): FailRow => ({
  sequence,
  key: {},
  error: { _tag: 'EntryMalformed', paths: ['State'] },
})
const mismatch = (sequence: number): FailRow => ({ sequence, key: key(sequence), error: { _tag: 'PatientMismatch' } })
const refused = (sequence: number): FailRow => ({
  sequence,
  key: key(sequence),
  error: { _tag: 'FhirRejected', status: 422, issues: ['invariant at ImagingStudy.series[0]'] },
})
const outlasted = (sequence: number): FailRow => ({
  sequence,
  key: key(sequence),
  error: { _tag: 'OutlastedRetries', hop: 'dicom', status: undefined },
})

const ofInstance = (instance: number): FailRow => ({
  sequence: 0,
  key: key(instance),
  error: { _tag: 'PatientMismatch' },
})

const withdrawn = (name: string, code: '113001' | '113037') => ({
  ...{ _tag: 'Rejected' as const, code, isHidden: code === '113037' },
  notes: [{ name, code, isHiding: code === '113037' }],
})

const tag = (changes: Partial<TagRow>): TagRow => ({
  partition: 'Microsoft.Default',
  studyInstanceUid: '1.2.3',
  seriesInstanceUid: undefined,
  sopInstanceUid: '1.2.3.4.1',
  issue: { _tag: 'TagInvalid', keyword: 'PatientBirthDate', reason: 'not a DA' },
  firstSequence: 1,
  lastSequence: 10,
  count: 10,
  ...changes,
})

const seenTag = (changes: Partial<SeenTag>): SeenTag => ({
  study: '1.2.3',
  series: undefined,
  code: 'TagInvalid',
  text: 'PatientBirthDate is invalid: not a DA',
  first: 1,
  last: 10,
  count: 10,
  ...changes,
})

const sorted = (rows: ReadonlyArray<FailRowKey>): ReadonlyArray<FailRowKey> =>
  [...rows].sort((a, b) => a.sequence - b.sequence)

/** Which rows there are. How often each was tried, and when it was written, is told in failure-tables.test.ts. */
export const rowsOf = async (tables: ErrorTables): Promise<ReadonlyArray<FailRowKey>> =>
  (await succeed(tables.failRows())).map(({ attempts: _attempts, writtenAt: _writtenAt, ...row }) => row)

export const errorTablesContract = (name: string, arrange: () => Promise<ErrorTablesPlace>): void => {
  describe(`${name}: fail rows`, () => {
    it('has none at first', async () => {
      const { open } = await arrange()
      expect(await rowsOf(open())).toEqual([])
    })

    it('lists what was recorded, each row in the table that its error belongs to', async () => {
      const { open, setNow } = await arrange()
      setNow(77_000)
      const stored = { etag: expect.any(String), judgedAt: 77_000 }
      const recorded = await succeed(open().record([malformed(1), mismatch(2), refused(3), outlasted(4)]))
      const listed = sorted(await rowsOf(open()))
      expect(listed).toEqual(sorted(recorded))
      expect(listed).toEqual([
        { table: 'DicomFailToStoreExceptionTable', sequence: 1, code: 'EntryMalformed', ...stored },
        {
          table: 'DicomFailToStoreExceptionTable',
          sequence: 2,
          code: 'PatientMismatch',
          ...stored,
          ...key(2),
        },
        {
          table: 'FhirFailToStoreExceptionTable',
          sequence: 3,
          code: 'FhirRejected',
          ...stored,
          ...key(3),
        },
        {
          table: 'TransientFailureExceptionTable',
          sequence: 4,
          code: 'OutlastedRetries',
          ...stored,
          ...key(4),
        },
      ])
    })

    it('records twice as once', async () => {
      const { open } = await arrange()
      const rows = [mismatch(2), refused(3)]
      await succeed(open().record(rows))
      const recorded = await succeed(open().record(rows))
      const listed = await rowsOf(open())
      expect(sorted(listed).map((row) => ({ ...row, before: expect.any(Object) }))).toEqual(sorted(recorded))
    })

    it('records one row when a batch names a sequence twice', async () => {
      const { open } = await arrange()
      const recorded = await succeed(open().record([mismatch(2), malformed(2)]))
      expect(await rowsOf(open())).toEqual(recorded)
    })

    it('knows an instance that no entry told of by its UIDs, beside the row of an entry', async () => {
      const { open } = await arrange()
      await succeed(open().record([ofInstance(1), ofInstance(2), mismatch(1)]))
      await succeed(open().record([ofInstance(1)]))
      const listed = sorted(await rowsOf(open()))
      expect(listed.map(({ sequence, sopInstanceUid }) => [sequence, sopInstanceUid]).sort()).toEqual([
        [0, '1.2.3.4.1'],
        [0, '1.2.3.4.2'],
        [1, '1.2.3.4.1'],
      ])
      await succeed(open().remove(listed.filter(({ sequence }) => sequence === 0)))
      expect((await rowsOf(open())).map(({ sequence }) => sequence)).toEqual([1])
    })

    it('keeps instances of one UID in two studies, series and partitions apart', async () => {
      const { open } = await arrange()
      const { error, key: one } = ofInstance(1)
      const others = [{ studyInstanceUid: '1.2.9' }, { seriesInstanceUid: '1.2.9' }, { partition: 'clinic' }, {}]
      await succeed(open().record(others.map((other) => ({ sequence: 0, error, key: { ...one, ...other } }))))
      expect(await rowsOf(open())).toHaveLength(4)
    })

    it('tells whom an entry names, and when that was judged last', async () => {
      const { open, setNow } = await arrange()
      setNow(5_000)
      await succeed(open().record([{ ...mismatch(2), identity: 'abc123' }]))
      setNow(9_000)
      await succeed(open().record([{ ...mismatch(2), identity: 'abc123' }]))
      expect(await rowsOf(open())).toMatchObject([{ sequence: 2, identity: 'abc123', judgedAt: 9_000 }])
    })

    it('records nothing of nothing', async () => {
      const { open } = await arrange()
      expect(await succeed(open().record([]))).toEqual([])
      expect(await rowsOf(open())).toEqual([])
    })

    it('records, lists and removes 250 rows', async () => {
      const { open } = await arrange()
      const rows = Array.from({ length: 250 }, (_, index) => mismatch(index + 1))
      const recorded = await succeed(open().record(rows))
      const listed = sorted(await rowsOf(open()))
      expect(listed).toEqual(recorded)
      await succeed(open().remove(listed))
      expect(await rowsOf(open())).toEqual([])
    })

    it('keeps the order of the feed up to the largest sequence', async () => {
      const { open } = await arrange()
      await succeed(open().record([mismatch(Number.MAX_SAFE_INTEGER), mismatch(10), mismatch(9)]))
      const listed = await rowsOf(open())
      expect(listed.map((row) => row.sequence)).toEqual([9, 10, Number.MAX_SAFE_INTEGER])
    })

    it('keeps a row that was changed since, and removes the others', async () => {
      const { open } = await arrange()
      const stale = await succeed(open().record([mismatch(1), mismatch(2), mismatch(3)]))
      const changed = await succeed(open().record([mismatch(2)]))
      await succeed(open().remove(stale))
      const listed = await rowsOf(open())
      expect(listed.map((row) => ({ ...row, before: expect.any(Object) }))).toEqual(changed)
    })

    it('takes back what was recorded: what stood there before stands there again, and what others wrote since stays', async () => {
      const { open } = await arrange()
      await succeed(open().record([mismatch(1), mismatch(2)]))
      const before = await rowsOf(open())
      const recorded = await succeed(open().record([malformed(1), malformed(2), malformed(3), malformed(4)]))
      const newest = await succeed(open().record([malformed(4)]))
      await succeed(open().takeBack(recorded))
      await succeed(open().takeBack(recorded))
      const known = ({ sequence, code }: FailRowKey) => [sequence, code]
      expect((await rowsOf(open())).map(known)).toEqual([...before, ...newest].map(known))
    })

    describe('writes what a note says beside the reason of a row', () => {
      const [before, now] = [withdrawn('1.2 1.8', '113037'), withdrawn('1.2 1.9', '113001')]

      it('and leaves the rest of it as it is', async () => {
        const { open, setNow } = await arrange()
        setNow(5_000)
        const [row] = await succeed(open().record([{ ...refused(3), identity: 'abc', rejected: before }]))
        setNow(9_000)
        const annotated = await succeed(open().annotate([{ row: row as FailRowKey, rejected: now }]))
        const listed = await rowsOf(open())
        expect(annotated).toEqual(listed.map((each) => ({ ...each, before: expect.any(Object) })))
        expect(listed).toEqual([{ ...row, etag: expect.any(String), rejected: now }])
        expect(listed).not.toMatchObject([{ etag: row?.etag }])
      })

      it('or takes it away', async () => {
        const { open } = await arrange()
        const [row] = await succeed(open().record([{ ...mismatch(2), rejected: before }]))
        await succeed(open().annotate([{ row: row as FailRowKey, rejected: undefined }]))
        const { rejected: _rejected, ...rest } = row as FailRowKey
        expect(await rowsOf(open())).toEqual([{ ...rest, etag: expect.any(String) }])
      })

      it('once, when the answer was lost and it is asked again, and takes it back', async () => {
        const { open } = await arrange()
        const recorded = await succeed(open().record([mismatch(2)]))
        const annotations = recorded.map((row) => ({ row, rejected: now }))
        const first = await succeed(open().annotate(annotations))
        const again = await succeed(open().annotate(annotations))
        expect(again.map(({ etag }) => etag)).toEqual(first.map(({ etag }) => etag))
        await succeed(open().takeBack(first))
        expect(await rowsOf(open())).toEqual(recorded.map((row) => ({ ...row, etag: expect.any(String) })))
      })

      it('but not in one that was changed since, or is gone', async () => {
        const { open } = await arrange()
        const stale = await succeed(open().record([mismatch(1), mismatch(2)]))
        await succeed(open().remove(stale.filter(({ sequence }) => sequence === 1)))
        const changed = await succeed(open().record([{ ...mismatch(2), rejected: before }]))
        expect(await succeed(open().annotate(stale.map((row) => ({ row, rejected: now }))))).toEqual([])
        expect(await rowsOf(open())).toMatchObject(changed.map(({ etag }) => ({ etag, rejected: before })))
      })
    })

    it('finds nothing wrong with a row that is gone', async () => {
      const { open } = await arrange()
      const recorded = await succeed(open().record([mismatch(1), refused(2)]))
      await succeed(open().remove(recorded))
      await succeed(open().remove(recorded))
      expect(await rowsOf(open())).toEqual([])
    })

    it('finds nothing wrong with a row of a table that was never made', async () => {
      const { open } = await arrange()
      const { open: elsewhere } = await arrange()
      const recorded = await succeed(elsewhere().record([mismatch(1)]))
      expect(await succeed(open().remove(recorded))).toBeUndefined()
    })
  })

  describe(`${name}: rows of tags`, () => {
    it('keeps one row a tag and place', async () => {
      const { open, tags } = await arrange()
      const series = { seriesInstanceUid: '1.2.3.4', issue: { _tag: 'TagMissing', keyword: 'Modality' } } as const
      await succeed(open().recordTags([tag({}), tag(series), tag({ ...series, seriesInstanceUid: '1.2.3.5' })]))
      const modality = { code: 'TagMissing', text: 'Modality is missing' }
      expect(await tags()).toEqual([
        seenTag({}),
        seenTag({ ...modality, series: '1.2.3.4' }),
        seenTag({ ...modality, series: '1.2.3.5' }),
      ])
    })

    it('keeps the partitions apart', async () => {
      const { open, tags } = await arrange()
      await succeed(open().recordTags([tag({}), tag({ partition: 'clinic-2' })]))
      expect(await tags()).toEqual([seenTag({}), seenTag({})])
    })

    it('records twice as once', async () => {
      const { open, tags } = await arrange()
      await succeed(open().recordTags([tag({})]))
      await succeed(open().recordTags([tag({})]))
      expect(await tags()).toEqual([seenTag({})])
    })

    it('adds a later batch', async () => {
      const { open, tags } = await arrange()
      await succeed(open().recordTags([tag({})]))
      await succeed(open().recordTags([tag({ firstSequence: 11, lastSequence: 15, count: 3 })]))
      expect(await tags()).toEqual([seenTag({ last: 15, count: 13 })])
    })

    it('counts nothing twice when a batch was cut anew', async () => {
      const { open, tags } = await arrange()
      await succeed(open().recordTags([tag({})]))
      await succeed(open().recordTags([tag({ firstSequence: 5, lastSequence: 15, count: 11 })]))
      expect(await tags()).toEqual([seenTag({ last: 15, count: 10 })])
    })

    it('leaves the row alone when an older entry is replayed', async () => {
      const { open, tags } = await arrange()
      await succeed(open().recordTags([tag({})]))
      await succeed(open().recordTags([tag({ firstSequence: 4, lastSequence: 4, count: 1 })]))
      expect(await tags()).toEqual([seenTag({})])
    })

    it('joins two issues of one tag and place in one batch', async () => {
      const { open, tags } = await arrange()
      const missing = tag({
        issue: { _tag: 'TagMissing', keyword: 'PatientBirthDate' },
        firstSequence: 3,
        lastSequence: 12,
        count: 2,
      })
      await succeed(open().recordTags([tag({}), missing]))
      expect(await tags()).toEqual([
        seenTag({ code: 'TagMissing', text: 'PatientBirthDate is missing', last: 12, count: 12 }),
      ])
    })

    it('lists the places of one study and partition, and takes them away', async () => {
      const { open, tags } = await arrange()
      const series = { seriesInstanceUid: '1.2.3.4', issue: { _tag: 'TagMissing', keyword: 'Modality' } } as const
      const others = [{ studyInstanceUid: '1.2.3.4' }, { studyInstanceUid: '1.2' }, { partition: 'clinic-2' }]
      await succeed(open().recordTags([tag({}), tag(series), ...others.map(tag)]))
      const study = { partition: 'Microsoft.Default', studyInstanceUid: '1.2.3' }
      const listed = await succeed(open().tagRows(study))
      const place = { ...study, lastSequence: 10, etag: expect.any(String) }
      expect([...listed].sort((a, b) => a.keyword.localeCompare(b.keyword))).toEqual([
        { ...place, seriesInstanceUid: '1.2.3.4', keyword: 'Modality' },
        { ...place, seriesInstanceUid: undefined, keyword: 'PatientBirthDate' },
      ])
      await succeed(open().removeTags(listed))
      expect(await succeed(open().tagRows(study))).toEqual([])
      expect(await tags()).toHaveLength(3)
    })

    it('lists the places of many studies at once, and of none between them', async () => {
      const { open } = await arrange()
      const uids = ['1.2', '1.2.3', '1.2.3.4', '1.2.30', '1.2.4']
      await succeed(
        open().recordTags([
          ...uids.map((studyInstanceUid) => tag({ studyInstanceUid })),
          tag({ partition: 'clinic-2' }),
        ]),
      )
      const studies = ['1.2.3', '1.2', '1.2.30'].map((studyInstanceUid) => ({
        ...{ partition: 'Microsoft.Default', studyInstanceUid },
      }))
      const listed = O.toUndefined(await succeed(open().tagRowsAmong(studies))) ?? []
      expect(listed.map((row) => [row.partition, row.studyInstanceUid]).sort()).toEqual(
        ['1.2', '1.2.3', '1.2.30'].map((uid) => ['Microsoft.Default', uid]),
      )
      expect(await succeed(open().tagRowsAmong([]))).toEqual(O.some([]))
    })

    it('keeps a row of a tag that was changed since it was listed', async () => {
      const { open, tags } = await arrange()
      await succeed(open().recordTags([tag({})]))
      const listed = await succeed(open().tagRows({ partition: 'Microsoft.Default', studyInstanceUid: '1.2.3' }))
      await succeed(open().recordTags([tag({ firstSequence: 11, lastSequence: 15, count: 3 })]))
      await succeed(open().removeTags(listed))
      expect(await tags()).toEqual([seenTag({ last: 15, count: 13 })])
    })

    it('tells the places of many studies one by one where there are too many', async () => {
      const { open } = await arrange()
      const studies = Array.from({ length: 1_001 }, (_, at) => `1.2.${at}`)
      await succeed(open().recordTags(studies.map((studyInstanceUid) => tag({ studyInstanceUid }))))
      const some = (uids: ReadonlyArray<string>) =>
        uids.map((studyInstanceUid) => ({ partition: 'Microsoft.Default', studyInstanceUid }))
      expect(await succeed(open().tagRowsAmong(some(studies)))).toEqual(O.none)
      expect(await succeed(open().tagRowsAmong(some(['1.2.998', '1.2.999'])))).toMatchObject({ value: { length: 2 } })
    })

    it('records the tags of 250 studies', async () => {
      const { open, tags } = await arrange()
      const rows = Array.from({ length: 250 }, (_, index) => tag({ studyInstanceUid: `1.2.3.${index + 1}` }))
      await succeed(open().recordTags(rows))
      await succeed(open().recordTags(rows))
      expect((await tags()).map((row) => row.count)).toEqual(rows.map(() => 10))
    })
  })

  describe(`${name}: stuck positions`, () => {
    it('counts the runs that stood at a position', async () => {
      const { open, setNow, stuck } = await arrange()
      const row = { syncedSequence: 7, hop: 'fhir', status: 503, reason: 'the service is busy' } as const
      setNow(1_000)
      await succeed(open().recordStuck(row))
      setNow(61_000)
      await succeed(open().recordStuck({ ...row, reason: 'no connection', status: undefined }))
      expect(await stuck()).toEqual([
        { sequence: 7, attempts: 2, firstSeen: 1_000, lastSeen: 61_000, text: 'no connection' },
      ])
    })

    it('begins a row at the next position', async () => {
      const { open, setNow, stuck } = await arrange()
      const row = { hop: 'dicom', status: 500, reason: 'error' } as const
      setNow(1_000)
      await succeed(open().recordStuck({ ...row, syncedSequence: 7 }))
      await succeed(open().recordStuck({ ...row, syncedSequence: 8 }))
      expect((await stuck()).map(({ sequence, attempts }) => [sequence, attempts])).toEqual([
        [7, 1],
        [8, 1],
      ])
    })
  })
}
