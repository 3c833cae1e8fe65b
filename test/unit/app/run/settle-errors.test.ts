import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import type { Run } from '../../../../lib/app/context'
import type { FailRow, FailRowKey, Ports, RecordedRow } from '../../../../lib/app/ports'
import type { SettledRow } from '../../../../lib/app/run/fail-index'
import { settleErrors, settleUnderLease, takeBack } from '../../../../lib/app/run/settle-errors'
import { type EntryError, failTableOf } from '../../../../lib/domain/cast-error'
import { instanceKeyText } from '../../../../lib/domain/dicom/change-feed-entry'
import { failRowName } from '../../../../lib/domain/fail-row'

const written: ReadonlyArray<FailRowKey> = [
  { table: 'FhirFailToStoreExceptionTable', sequence: 4, code: 'FhirRejected', etag: 'e1' },
]

/** A run whose time is over, on a storage that fails so many times. */
const lateRun = (failures: number) => {
  const removed: Array<ReadonlyArray<FailRowKey>> = []
  const errors: Pick<Ports['errors'], 'takeBack'> = {
    takeBack: (rows) => () => {
      removed.push(rows)
      return Promise.resolve(
        removed.length > failures
          ? E.right(undefined)
          : E.left({ _tag: 'ServiceUnavailable', hop: 'storage', reason: 'busy', status: 503 }),
      )
    },
  }
  const clock: Ports['clock'] = { now: () => 0, sleep: () => Promise.resolve() }
  const run = { ports: { errors, clock } as Ports, deadline: -1 } as Run
  return { run, removed }
}

const key = { partition: 'p', studyInstanceUid: '1.2', seriesInstanceUid: '1.3', sopInstanceUid: '1.4' }
const mismatch = { _tag: 'PatientMismatch' } as const
const refused = { _tag: 'FhirRejected', status: 422, issues: [] } as const

const outOfTime = { _tag: 'ServiceUnavailable', hop: 'storage', reason: 'its time is over', outOfTime: true } as const

const settled = (sequence: number, changes: Partial<SettledRow> = {}): SettledRow => ({
  ...{ sequence, key, issues: [], error: undefined, settlement: 'Stored' },
  ...changes,
})

interface Settling {
  readonly settle?: typeof settleErrors
  /** Another run holds the lease when something was recorded. */
  readonly loses?: true
  /** The process ends when something was recorded. */
  readonly ends?: true
  /** Its time is over before rows of tags are recorded. */
  readonly isLate?: true
  /** What rejection notes say of the instance. */
  readonly notes?: Extract<EntryError, { _tag: 'Rejected' }>
}

/** What stands after these rows were settled on a table that had those: by sequence and code. */
const after = async (...given: Parameters<typeof annotatedAfter>): Promise<ReadonlyArray<readonly [number, string]>> =>
  (await annotatedAfter(...given)).map(([sequence, code]) => [sequence, code])

/** The same, and the note that each row tells of. */
const annotatedAfter = async (
  standing: ReadonlyArray<FailRow>,
  rows: ReadonlyArray<SettledRow>,
  { settle = settleErrors, loses, ends, isLate, notes }: Settling = {},
): Promise<ReadonlyArray<readonly [number, string, string]>> => {
  let isRecorded = false
  const tables = new Map<string, FailRowKey>()
  const idOf = (row: FailRowKey): string => `${row.table} ${failRowName(row)}`
  const keyOf = ({ sequence, key: each, error, rejected }: FailRow): FailRowKey => ({
    ...{ table: failTableOf(error), sequence, code: error._tag, etag: 'e', ...each },
    ...(error._tag === 'Rejected' ? { rejected: error } : rejected === undefined ? {} : { rejected }),
  })
  for (const row of standing) tables.set(idOf(keyOf(row)), keyOf(row))
  const errors: Partial<Ports['errors']> = {
    record: (fails) => () => {
      const recorded = fails.map(keyOf).map((row): RecordedRow => {
        const before = tables.get(idOf(row))
        return { ...row, ...(before === undefined ? {} : { before }) }
      })
      for (const row of fails) tables.set(idOf(keyOf(row)), keyOf(row))
      isRecorded = true
      return Promise.resolve(ends === true ? E.left({ _tag: 'LeaseLost' }) : E.right(recorded))
    },
    annotate: (annotations) => () => {
      isRecorded = true
      return Promise.resolve(
        E.right(
          annotations.map(({ row: { rejected: _rejected, ...row }, rejected: word }): RecordedRow => {
            const before = tables.get(idOf(row))
            const annotated = { ...row, ...(word === undefined ? {} : { rejected: word }) }
            tables.set(idOf(row), annotated)
            return { ...annotated, ...(before === undefined ? {} : { before }) }
          }),
        ),
      )
    },
    takeBack: (ours) => () => {
      for (const row of ours) {
        if (row.before === undefined) tables.delete(idOf(row))
        else tables.set(idOf(row), row.before as FailRowKey)
      }
      return Promise.resolve(E.right(undefined))
    },
    recordTags: () => () => Promise.resolve(isLate === true ? E.left(outOfTime) : E.right(undefined)),
    remove: (gone) => () => {
      for (const row of gone) tables.delete(idOf(row))
      return Promise.resolve(E.right(undefined))
    },
  }
  const lease = {
    confirm: () => () =>
      Promise.resolve(loses === true && isRecorded ? E.left({ _tag: 'LeaseLost' }) : E.right(undefined)),
  }
  const judge = { studyKeywords: new Set() }
  const rejected = new Map(notes === undefined ? [] : [[instanceKeyText(key), { key, error: notes }]])
  const run = { ports: { errors }, lease, judge, rejected } as unknown as Run
  const done = await settle(run, { rows: new Map(tables) }, rows, [])
  if (E.isLeft(done) && loses !== true && ends !== true && isLate !== true) throw new Error(done.left._tag)
  return [...tables.values()].map(({ sequence, code, rejected: word }) => [
    ...([sequence, code] as const),
    word?.notes[0]?.name ?? '',
  ])
}

describe('a row whose reason becomes another while nobody tells it again', () => {
  const standing: ReadonlyArray<FailRow> = [{ sequence: 5, key, error: refused }]
  const rows = [settled(5, { error: mismatch, settlement: 'Recorded' })]

  it('stands with the new one', async () => {
    expect(await after(standing, rows, { settle: settleUnderLease })).toEqual([[5, 'PatientMismatch']])
  })

  it('stands with the old one when the lease is lost meanwhile', async () => {
    expect(await after(standing, rows, { settle: settleUnderLease, loses: true })).toEqual([[5, 'FhirRejected']])
  })

  it('is taken back also where a run that lost its lease hears first that its time is over', async () => {
    const tag = { keyword: 'StudyDate', problem: 'it is no date' }
    const late = rows.map((row) => ({ ...row, issues: [tag] })) as unknown as typeof rows
    for (const settle of [settleErrors, settleUnderLease]) {
      expect(await after(standing, late, { settle, loses: true, isLate: true })).not.toContainEqual([
        5,
        'PatientMismatch',
      ])
    }
  })

  it('stands with both when the process ends between the two', async () => {
    const both = await after(standing, rows, { settle: settleUnderLease, ends: true })
    expect(both).toEqual([
      [5, 'FhirRejected'],
      [5, 'PatientMismatch'],
    ])
  })

  it('stands with the newer one when something else is settled after that', async () => {
    const other = settled(9, { key: { ...key, sopInstanceUid: '1.9' } })
    const both = [...standing, { sequence: 5, key, error: mismatch }]
    expect(await after(both, [other])).toEqual([[5, 'PatientMismatch']])
  })
})

describe('the rows of one instance', () => {
  const ofEntry: FailRow = { sequence: 5, key, error: mismatch }
  const ofInstance: FailRow = { sequence: 0, key, error: mismatch }

  it('goes when the instance is stored as it is now', async () => {
    expect(await after([ofEntry, ofInstance], [settled(0)])).toEqual([])
  })

  it('is one of the instance when no entry stands recorded', async () => {
    const rows = [settled(0, { error: mismatch, settlement: 'Recorded' })]
    expect(await after([], rows)).toEqual([[0, 'PatientMismatch']])
    expect(await after([ofInstance], rows)).toEqual([[0, 'PatientMismatch']])
  })

  it('stays that of the entry, with the reason of now, when the instance is found without one', async () => {
    const rows = [settled(0, { error: refused, settlement: 'Recorded' })]
    expect(await after([ofEntry], rows)).toEqual([[5, 'FhirRejected']])
    expect(await after([{ ...ofEntry, sequence: 3 }, ofEntry, ofInstance], rows)).toEqual([[5, 'FhirRejected']])
  })

  it('is that of the entry when the feed tells of it later', async () => {
    expect(await after([ofInstance], [settled(9, { error: refused, settlement: 'Recorded' })])).toEqual([
      [9, 'FhirRejected'],
    ])
    expect(await after([ofInstance], [settled(9)])).toEqual([])
  })

  it('is not taken away by an entry that was superseded: that says nothing about now', async () => {
    expect(await after([ofInstance], [settled(9, { settlement: 'Superseded' })])).toEqual([[0, 'PatientMismatch']])
  })

  it('is not that of an instance of the same UID elsewhere', async () => {
    for (const elsewhere of [{ partition: 'q' }, { studyInstanceUid: '1.9' }, { seriesInstanceUid: '1.9' }]) {
      expect(await after([ofInstance], [settled(9, { key: { ...key, ...elsewhere } })])).toHaveLength(1)
    }
  })

  it('is told once in a table, where two of a study tell no UID', async () => {
    const unnamed = { partition: 'p', studyInstanceUid: '1.2' }
    const rows = [1, 2].map(() =>
      settled(0, { key: unnamed, error: { _tag: 'EntryMalformed', paths: ['metadata'] }, settlement: 'Recorded' }),
    )
    expect(await after([], rows)).toEqual([[0, 'EntryMalformed']])
  })
})

describe('what a run recorded, and was not its to record', () => {
  it('is taken back though storage fails, and though the time of the run is over', async () => {
    const { run, removed } = lateRun(2)
    await takeBack(run, written)
    expect(removed).toEqual([written, written, written])
  })

  it('does not hold the run for ever', async () => {
    const { run, removed } = lateRun(Infinity)
    await takeBack(run, written)
    expect(removed).toHaveLength(4)
  })

  it('is nothing, and asks for nothing, when nothing was recorded', async () => {
    const { run, removed } = lateRun(0)
    await takeBack(run, [])
    expect(removed).toEqual([])
  })
})

describe('the row of an instance that a rejection note lists', () => {
  const said = (isHiding: boolean): Settling['notes'] & object => ({
    ...{ _tag: 'Rejected', code: '113001', isHidden: isHiding },
    notes: [{ name: '1.2 1.9', code: '113001', isHiding }],
  })
  const [quality, hiding] = [said(false), said(true)]
  const failing: ReadonlyArray<SettledRow> = [settled(5, { error: refused, settlement: 'Recorded' })]
  const unowned: ReadonlyArray<SettledRow> = [settled(5, { error: mismatch, settlement: 'Recorded' })]

  it('tells it when the instance is stored, deleted, or looked at with its study', async () => {
    expect(await after([], [settled(5)], { notes: quality })).toEqual([[5, 'Rejected']])
    expect(await after([{ sequence: 3, key, error: quality }], [settled(5)], { notes: quality })).toEqual([
      [5, 'Rejected'],
    ])
    expect(await after([], [settled(5, { settlement: 'Superseded' })], { notes: quality })).toEqual([])
  })

  it('says why the instance is not in FHIR, if a note alone would leave it there', async () => {
    expect(await after([], failing, { notes: quality })).toEqual([[5, 'FhirRejected']])
    expect(await after([], unowned, { notes: quality })).toEqual([[5, 'PatientMismatch']])
  })

  it('says that it is withdrawn, unless FHIR does not let it go', async () => {
    expect(await after([], failing, { notes: hiding })).toEqual([[5, 'FhirRejected']])
    expect(await after([], unowned, { notes: hiding })).toEqual([[5, 'Rejected']])
  })

  it('has it beside the reason that it stands for, which stays: when that is over, the note has the word', async () => {
    const word = [settled(0, { error: quality, settlement: 'Recorded' })]
    const standing: ReadonlyArray<FailRow> = [{ sequence: 5, key, error: refused }]
    const loses: Settling = { settle: settleUnderLease, loses: true }
    expect(await annotatedAfter(standing, word, { notes: quality })).toEqual([[5, 'FhirRejected', '1.2 1.9']])
    expect(await annotatedAfter(standing, word, { ...loses, notes: quality })).toEqual([[5, 'FhirRejected', '']])
    const known = standing.map((row): FailRow => ({ ...row, rejected: quality }))
    expect(await annotatedAfter(known, word, {})).toEqual([[5, 'FhirRejected', '']])
    // What is known of it now says more than what a note elsewhere says.
    expect(await annotatedAfter(standing, [...word, settled(0)], { notes: quality })).toEqual([
      [5, 'Rejected', '1.2 1.9'],
    ])
  })

  it('is taken back when somebody else settles this, and the row that told it before stays', async () => {
    const late: Settling = { settle: settleUnderLease, loses: true, notes: hiding }
    expect(await after([], unowned, late)).toEqual([])
    expect(await after([{ sequence: 0, key, error: hiding }], unowned, late)).toEqual([[0, 'Rejected']])
    // Also where a checkpoint is stored behind it: that is somebody else's now.
    expect(await after([{ sequence: 0, key, error: hiding }], unowned, { loses: true, notes: hiding })).toEqual([
      [0, 'Rejected'],
    ])
    const ofNote = [settled(0, { error: hiding, settlement: 'Recorded' })]
    expect(await after([], ofNote, late)).toEqual([])
    expect(await after([{ sequence: 0, key, error: quality }], ofNote, late)).toEqual([[0, 'Rejected']])
  })

  it('is there at every moment: no other row tells what the note says', async () => {
    const standing: ReadonlyArray<FailRow> = [{ sequence: 0, key, error: hiding }]
    expect(await after(standing, unowned, { notes: hiding, ends: true })).toEqual([
      [0, 'Rejected'],
      [5, 'Rejected'],
    ])
    expect(await after(standing, unowned, { notes: hiding })).toEqual([[5, 'Rejected']])
  })
})
