import { describe, expect, it } from '@jest/globals'
import { beginDelivery, evolve } from '../../../../lib/domain/batch/delivery'
import type { DeleteRow } from '../../../../lib/domain/batch/judge'
import { studyKeyText } from '../../../../lib/domain/dicom/change-feed-entry'
import { type Unit, emptyUnit } from '../../../../lib/domain/batch/units'
import { type Fate, down, now, play, totalRetryDurationMs } from './delivery-world'

const patienceOver = now - totalRetryDurationMs
const stored = (count: number): ReadonlyArray<string> => Array<string>(count).fill('Stored')

describe('a batch that nothing is wrong with', () => {
  it('is one transaction', () => {
    const { ends, transactions } = play({ studies: { '1': ['ok', 'ok'], '2': ['ok'] } })
    expect([ends, transactions.length]).toEqual([stored(3), 1])
  })

  it('moves our position also when nothing has to be written', () => {
    const { transactions, stop } = play({ studies: { '1': ['ok'] }, script: { 0: 'lost' } })
    // What the lost transaction wrote is found unchanged; only a transaction of our own proves that it stays.
    expect([transactions.at(-1), stop]).toEqual([[], undefined])
  })

  it('has no position to move on a server without Basic', () => {
    const { transactions, ends } = play({ studies: { '1': ['ok'] }, script: { 0: 'lost' }, hasPosition: false })
    expect([transactions.length, ends]).toEqual([1, ['Stored']])
  })
})

describe('an instance that comes in with its study', () => {
  const keyOf = (sopInstanceUid: string) => ({
    ...{ partition: 'Microsoft.Default', studyInstanceUid: '1.2' },
    ...{ seriesInstanceUid: '1.2.1', sopInstanceUid },
  })
  const rowOf = (sequence: number): DeleteRow => ({
    ...{ _tag: 'Delete', sequence, key: keyOf(`1.2.1.${sequence}`), late: false },
  })
  const [asked, written, synced] = [rowOf(1), rowOf(2), keyOf('1.2.1.9')]
  const study = studyKeyText(written.key)
  const unit: Unit = { ...emptyUnit, rows: [written], writes: [study] }
  const plan = {
    ...{ recorded: [], doubts: [], agesWanted: [], leaving: [], verdicts: new Map() },
    ...{ units: [unit], unchanged: [asked], syncedInstances: [synced], writes: new Set([study]) },
  }
  const begun = beginDelivery({
    ...{ live: [asked, written], superseded: [], limits: { entries: 100, bytes: 1_000_000 } },
    ...{ stuckSince: undefined, totalRetryDurationMs, rejectedStudies: [], hasPosition: true, hasMoved: false },
  })
  const planned = evolve(begun, { _tag: 'Planned', plan, endpoint: undefined, isRowsAlone: false })

  it('is not in FHIR before that is written, though a row of the study needs no write', () => {
    expect(planned.ledger.synced).toEqual([])
    const sent = { _tag: 'Committed', found: new Set<never>() } as const
    expect(evolve(planned, { _tag: 'Sent', sent, now }).ledger.synced).toEqual([synced])
  })

  it('is in FHIR when the study is written, whatever is still to be written of its doses', () => {
    const first: Unit = { ...emptyUnit, deferred: [written], writes: [study] }
    const split = { ...plan, units: [first], unchanged: [] }
    const open = evolve(begun, { _tag: 'Planned', plan: split, endpoint: undefined, isRowsAlone: false })
    expect(open.ledger.synced).toEqual([])
    const sent = { _tag: 'Committed', found: new Set<never>() } as const
    expect(evolve(open, { _tag: 'Sent', sent, now }).ledger.synced).toEqual([synced])
  })

  it('is in FHIR when nothing of its study is left to write, also for a row that is recorded', () => {
    const recorded = [{ row: asked, error: { _tag: 'PatientMismatch' } as const }]
    const written = { ...plan, units: [], unchanged: [], recorded, writes: new Set<string>() }
    const { ledger } = evolve(begun, { _tag: 'Planned', plan: written, endpoint: undefined, isRowsAlone: false })
    expect(ledger.synced).toEqual([synced])
  })
})

describe('a conflict', () => {
  it('is read and planned again', () => {
    expect(play({ studies: { '1': ['ok'] }, script: { 0: 'conflict' } })).toMatchObject({ ends: ['Stored'] })
  })

  it('that does not end is trouble of the service, and costs no entry', () => {
    const script = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [n, 'conflict' as const]))
    const { ends, stop, transactions } = play({ studies: { '1': ['ok'] }, script })
    expect([ends, stop, transactions.length]).toMatchObject([['open'], { _tag: 'ServiceUnavailable' }, 6])
  })

  it('over a resource that was only found there is never believed unread', () => {
    const { transactions, ends } = play({ studies: { '1': ['ok'] }, script: { 0: 'found' } })
    expect([ends, transactions.length]).toEqual([['Stored'], 1])
  })
})

describe('what a server refuses for good', () => {
  it('is recorded alone; its neighbours are stored', () => {
    const { ends } = play({ studies: { '1': ['ok', 'ok', 'refused', 'ok'], '2': ['ok'] } })
    expect(ends).toEqual(['Stored', 'Stored', 'FhirRejected', 'Stored', 'Stored'])
  })

  it('takes its study along when one image and one other are refused', () => {
    const { ends, transactions } = play({ studies: { '1': Array<Fate>(50).fill('refused'), '2': ['ok'] } })
    expect(ends).toEqual([...Array<string>(50).fill('FhirRejected'), 'Stored'])
    expect(transactions.length).toBeLessThan(10)
  })

  it('takes all images of a Patient along when that is refused, but no deletion', () => {
    const { ends } = play({ studies: { '1': ['ok', 'delete', 'ok'] }, refusedPatients: ['P1'] })
    expect(ends).toEqual(['FhirRejected', 'Stored', 'FhirRejected'])
  })

  it('is not passed by when twenty studies in a row are refused and none is stored', () => {
    const studies = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [String(n + 1), ['refused' as const]]))
    const { ends, stop } = play({ studies })
    expect([stop, new Set(ends)]).toMatchObject([{ _tag: 'FhirRejectsAll' }, new Set(['open'])])
  })
})

describe('what fails', () => {
  it('ends the run while there is patience', () => {
    const { ends, stop } = play({ studies: { '1': ['failing'], '2': ['ok'] } })
    expect([ends, stop]).toEqual([['open', 'open'], down])
  })

  it('is blamed by comparison when patience is over', () => {
    const { ends, stop } = play({ studies: { '1': ['ok', 'failing', 'ok'], '2': ['ok'] }, stuckSince: patienceOver })
    expect([ends, stop]).toEqual([['Stored', 'OutlastedRetries', 'Stored', 'Stored'], undefined])
  })

  it('is an outage when our position alone cannot be written', () => {
    const world = { studies: { '1': ['ok'], '2': ['ok'] }, stuckSince: patienceOver, outage: true } as const
    expect(play(world)).toMatchObject({ ends: ['open', 'open'], stop: down })
  })

  it('is an outage when studies of two people fail and none is stored', () => {
    const { ends, stop } = play({ studies: { '1': ['failing'], '2': ['failing'] }, stuckSince: patienceOver })
    expect([ends, stop]).toEqual([['open', 'open'], down])
  })

  it('is blamed when it is all of one person', () => {
    const world = { studies: { '1': ['failing'], '2': ['failing'] }, patients: { '1': 'A', '2': 'A' } } as const
    const { ends } = play({ ...world, stuckSince: patienceOver })
    expect(ends).toEqual(['OutlastedRetries', 'OutlastedRetries'])
  })
})

describe('a delete that the server refuses', () => {
  it('is told from others only where that leaves less: a row that needs two studies is planned no more than twice', () => {
    const key = { partition: 'p', studyInstanceUid: '1.2', seriesInstanceUid: '1.3', sopInstanceUid: '1.4' }
    const row: DeleteRow = { _tag: 'Delete', sequence: 1, key, late: false }
    const units: ReadonlyArray<Unit> = [
      { ...emptyUnit, deferred: [row], deletes: [['Observation/4']] },
      { ...emptyUnit, rows: [row], deletes: [['ImagingStudy/6']] },
    ]
    const plan = {
      ...{ recorded: [], doubts: [], agesWanted: [], leaving: [], verdicts: new Map(), writes: new Set<string>() },
      ...{ units, unchanged: [], syncedInstances: [] },
    }
    let state = beginDelivery({
      ...{ live: [row], superseded: [], limits: { entries: 100, bytes: 1_000_000 } },
      ...{ stuckSince: undefined, totalRetryDurationMs, rejectedStudies: [], hasPosition: true, hasMoved: false },
    })
    for (const _time of ['once', 'again']) {
      state = evolve(state, { _tag: 'Planned', plan, endpoint: undefined, isRowsAlone: true })
      const conflict = { _tag: 'FhirConflict', status: 409 } as const
      state = evolve(state, { _tag: 'Sent', sent: { _tag: 'Reread', error: conflict, positionMoved: false }, now })
      state = evolve(state, { _tag: 'Waited', goOn: true, now })
    }
    expect([[...state.keep], state.stack.length]).toEqual([['Observation/4', 'ImagingStudy/6'], 1])
  })

  it('empties what it was about, and stops nothing', () => {
    const { ends, stop, emptied } = play({ studies: { '1': ['delete-refused'], '2': ['ok'], '3': ['delete'] } })
    expect([ends, stop, [...emptied]]).toEqual([stored(3), undefined, ['1']])
  })

  it('keeps no other from being deleted, though they went together', () => {
    const world = { studies: { '1': ['delete', 'delete-refused', 'delete'] }, patients: { '1': 'A' } } as const
    const { ends, emptied } = play(world)
    expect([ends, [...emptied]]).toEqual([stored(3), ['2']])
  })
})

describe('every small batch under every trouble', () => {
  const fates: ReadonlyArray<Fate> = ['ok', 'refused', 'failing']
  const triples = fates.flatMap((one) => fates.flatMap((two) => fates.map((three) => [one, two, three] as const)))
  const troubles = ['conflict', 'lost', 'down', 'found', 'endOfTime'] as const
  const scripts = [{}, ...[0, 1, 2, 3].flatMap((at) => troubles.map((trouble) => ({ [at]: trouble })))]
  const worlds = triples.flatMap((first) =>
    triples.flatMap((second) =>
      scripts.flatMap((script) =>
        [undefined, patienceOver].map((stuckSince) => ({
          studies: { '1': first, '2': second },
          script,
          ...(stuckSince === undefined ? {} : { stuckSince }),
        })),
      ),
    ),
  )

  it('comes to an end in which what is told as stored is stored, and what is recorded was to blame', () => {
    const wrong = worlds.flatMap((world) => {
      const { ends, made, stored: held, stop } = play(world)
      const isLie = made.some(
        ({ row }, index) => ['Stored', 'Unchanged'].includes(ends[index] ?? '') && !held.has(row.sequence),
      )
      const isOpen = stop === undefined && ends.includes('open')
      // A healthy image is recorded only beside two of its study that are refused, or fail, for one reason.
      const isUnjust = made.some(({ fate, row }, index) => {
        const own = world.studies[row.key.studyInstanceUid as '1' | '2']
        const isOneReason = own[0] !== 'ok' && own[0] === own[1]
        return fate === 'ok' && ['FhirRejected', 'OutlastedRetries'].includes(ends[index] ?? '') && !isOneReason
      })
      const isHasty = world.stuckSince === undefined && ends.includes('OutlastedRetries')
      return isLie || isOpen || isUnjust || isHasty ? [{ world, ends, stop }] : []
    })
    expect([worlds.length, wrong.slice(0, 3)]).toEqual([30_618, []])
  })
})
