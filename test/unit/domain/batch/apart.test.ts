import { describe, expect, it } from '@jest/globals'
import { areApart } from '../../../../lib/domain/batch/apart'
import type { LiveRow } from '../../../../lib/domain/batch/judge'
import { rowOf } from '../../../support/world/domain-feed'
import { settingsOf } from '../../../support/world/domain-settings'

const settings = settingsOf()

/** One image of a study, of this PatientID. */
const image = (study: string, patientId: string, partition = 'Microsoft.Default'): ReadonlyArray<LiveRow> => [
  rowOf(settings, { partition, values: { StudyInstanceUID: study, PatientID: patientId } }),
]
const deletion = (study: string): ReadonlyArray<LiveRow> => [
  rowOf(settings, { action: 'delete', values: { StudyInstanceUID: study } }),
]

describe('two batches', () => {
  it('are apart when they share neither a study nor a Patient', () => {
    expect(areApart(image('1.2.3', 'P1'), image('1.2.4', 'P2'))).toBe(true)
    expect(areApart(deletion('1.2.3'), deletion('1.2.4'))).toBe(true)
  })

  it('share a study, also that of another partition and one that is only deleted', () => {
    expect(areApart(image('1.2.3', 'P1'), image('1.2.3', 'P2'))).toBe(false)
    expect(areApart(image('1.2.3', 'P1'), image('1.2.3', 'P2', 'clinic'))).toBe(false)
    expect(areApart(deletion('1.2.3'), image('1.2.3', 'P2'))).toBe(false)
  })

  it.each([
    ['P1', 'P1'],
    ['P1', 'p1'],
    ['P-1', 'P 1'],
    ['P|1', 'P2'],
    ['Ärzte 1', 'P2'],
    ['P2', '患者'],
  ])('share a Patient that a server may take for one: %s and %s', (one, other) => {
    expect(areApart(image('1.2.3', one), image('1.2.4', other))).toBe(false)
    expect(areApart(image('1.2.3', one), deletion('1.2.4'))).toBe(true)
  })
})
