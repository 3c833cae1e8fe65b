import { describe, expect, it } from '@jest/globals'
import { type InstanceKey, instanceKeyText } from '../../../../lib/domain/dicom/change-feed-entry'
import type { Values } from '../../../support/world/domain-dataset'
import { rowOf } from '../../../support/world/domain-feed'
import { holding, person, planOf, requestsOf, resourcesOf, settings, studyOf } from '../../../support/world/domain-plan'

const row = (sequence: number, sop: number, values: Values = {}) =>
  rowOf(settings, { sequence, values: { SOPInstanceUID: `1.2.3.1.${sop}`, ...values } })

const remove = (sequence: number, sop: number) =>
  rowOf(settings, { sequence, action: 'delete', values: { SOPInstanceUID: `1.2.3.1.${sop}` } })

/** An instance of a study that is read whole: it has no sequence. */
const read = (sop: number, values: Values = {}) => ({ ...row(1, sop, values), sequence: 0 })

const study = 'Microsoft.Default/1.2.3'
/** P3 is two Patients. */
const snapshot = holding({
  patients: [person('1', 'P1'), person('2', 'P2'), person('3', 'P3'), person('4', 'P3')],
  studies: [studyOf('7', 'Patient/1')],
})
const ambiguous = { _tag: 'PatientAmbiguous' }
const votes = (key: InstanceKey, vote: { hasNoVote?: true } = {}) =>
  [instanceKeyText(key), { ...key, ...vote }] as const
const mismatchedOf = (key: InstanceKey) => new Map([[study, new Map([votes(key)])]])

describe('an instance that stands recorded as somebody else’s', () => {
  const [right, strange] = [read(1), read(1, { PatientID: 'P3' })]

  it('is told of when what it was at odds with goes, though an earlier part of the batch has brought it in', () => {
    const planned = planOf([remove(5, 2)], {
      ...{ snapshot, mismatched: mismatchedOf(right.key), reading: { [study]: [right] } },
    })
    expect([planned.syncedInstances, planned.units]).toEqual([[right.key], []])
  })

  it('is told of no more when a later row takes it out again', () => {
    const rows = [remove(5, 2), row(6, 1, { PatientID: 'P3' })]
    const planned = planOf(rows, {
      ...{ snapshot, mismatched: mismatchedOf(right.key), reading: { [study]: [right] } },
    })
    expect([planned.syncedInstances, requestsOf(planned.units)]).toEqual([[], ['DELETE ImagingStudy/7']])
    expect(planned.units.flatMap(({ recorded }) => recorded)).toMatchObject([{ row: rows[1], error: ambiguous }])
  })

  it('comes in behind what was told before it, so that its study says what the newest says', () => {
    const described = (sop: number, recordedAs: number) => {
      const each = read(sop, { PatientID: 'P2', StudyDescription: `told as ${recordedAs}` })
      return { each, vote: [instanceKeyText(each.key), { ...each.key, recordedAs }] as const }
    }
    const both = [described(2, 9), described(3, 4)]
    const planned = planOf([remove(12, 1)], {
      ...{ snapshot, mismatched: new Map([[study, new Map(both.map(({ vote }) => vote))]]) },
      reading: { [study]: both.map(({ each }) => each) },
    })
    expect(resourcesOf(planned.units, 'ImagingStudy')).toMatchObject([
      { subject: { reference: 'Patient/2' }, description: 'told as 9', numberOfInstances: 2 },
    ])
  })

  it('has no row when it comes in within the same batch', () => {
    const rows = [row(5, 2, { PatientID: 'P2' }), row(6, 1, { PatientID: 'P3' })]
    const planned = planOf(rows, {
      ...{ snapshot, reading: { [study]: [strange, read(2, { PatientID: 'P2' })] } },
    })
    const [unit] = planned.units
    expect(planned.recorded).toEqual([])
    expect([unit?.rows, unit?.recorded]).toMatchObject([[rows[0]], [{ row: rows[1], error: ambiguous }]])
  })
})

describe('an instance whose own Patient cannot be told', () => {
  const [right, strange] = [read(2), read(1, { PatientID: 'P3' })]
  const without = holding({ patients: [person('1', 'P1'), person('3', 'P3'), person('4', 'P3')] })
  const known = { snapshot: without, reading: { [study]: [strange, right] } }

  it('is no witness: what stood recorded beside it comes in, with it in the batch or behind it', () => {
    const rows = [row(5, 1, { PatientID: 'P3' }), row(6, 2)]
    const together = planOf(rows, { ...known, mismatched: mismatchedOf(right.key) })
    expect(together.recorded).toMatchObject([{ row: rows[0], error: ambiguous }])
    const mismatched = new Map([[study, new Map([votes(right.key), votes(strange.key, { hasNoVote: true })])]])
    const behind = planOf(rows.slice(1), { ...known, mismatched })
    expect(behind.recorded).toEqual([])
    expect(requestsOf(behind.units)).toEqual(requestsOf(together.units))
  })

  it('that nothing is told of yet has one: the study was lost, and is not given to a stray', () => {
    const behind = planOf([row(6, 2)], { ...known, mismatched: mismatchedOf(right.key) })
    expect(behind.recorded).toMatchObject([{ error: { _tag: 'PatientMismatch' } }])
  })
  it('nor is a study that was lost given to it when another image of it is deleted', () => {
    const reading = { [study]: [read(1), read(2, { PatientID: 'P2' })] }
    const planned = planOf([remove(7, 3)], { snapshot: without, mismatched: mismatchedOf(right.key), reading })
    expect([planned.units, planned.syncedInstances]).toEqual([[], []])
  })
})
