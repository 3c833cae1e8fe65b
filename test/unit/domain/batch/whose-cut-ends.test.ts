import { describe, expect, it } from '@jest/globals'
import type { FhirResource, ImagingStudy } from 'fhir/r4'
import type { InstanceKey } from '../../../../lib/domain/dicom/change-feed-entry'
import type { JudgeSettings } from '../../../../lib/domain/batch/judge'
import { memoryFhir } from '../../../support/fhir/domain-fhir'
import { castBatch, noLimits } from '../../../support/world/domain-cast'
import type { Values } from '../../../support/world/domain-dataset'
import {
  foreignPatient,
  foreignStudy,
  originalEndpoint,
  originalPatient,
} from '../../../support/world/domain-residents'
import { originalStudy } from '../../../support/world/domain-residents'
import { settingsOf } from '../../../support/world/domain-settings'
import { type Happening, dicomWorld } from '../../../support/world/domain-world'

// Histories to which the property of convergence.test.ts was shrunk: the ends of two cuts were not one.

const place = (uid: string, partition = 0) => {
  const [study = 0, series = 0, instance = 0] = uid.split('.').map(Number)
  return { partition, study, series, instance }
}
const image = (uid: string, PatientID: string, partition = 0): Happening => ({
  _tag: 'Store',
  place: place(uid, partition),
  values: { Modality: 'CT', PatientID },
})
const bulk = (study: number, values: Values): Happening => ({
  _tag: 'BulkUpdate',
  place: place(`${study}.1.1`),
  values,
})

interface Story {
  readonly settings: JudgeSettings
  readonly resident?: ReadonlyArray<FhirResource>
  readonly earlier?: ReadonlyArray<Happening>
  readonly later: ReadonlyArray<Happening>
}

const shown = ({ identifier, subject, series = [] }: ImagingStudy): string => {
  const uids = series.flatMap(({ instance = [] }) => instance.map(({ uid }) => uid.slice('1.2.'.length)))
  return `${identifier?.[0]?.value?.slice('urn:oid:1.2.'.length)} of ${subject.reference}: ${uids.sort().join(' ')}`
}

/** What FHIR holds in the end, and which rows are recorded; `size` rows a batch, `entries` a transaction. */
const endOf = ({ settings, resident = [], earlier = [], later }: Story, size: number, entries: number) => {
  const [dicom, fhir] = [dicomWorld(), memoryFhir(resident)]
  const mismatched = new Map<string, Map<string, InstanceKey>>()
  const options = { readStudy: dicom.readStudy, mismatched, limits: { ...noLimits, entries } }
  earlier.forEach(dicom.happen)
  castBatch(fhir, settings, dicom.rowsAfter(0), options)
  const head = dicom.head()
  later.forEach(dicom.happen)
  const rows = dicom.rowsAfter(head)
  const recorded: Array<string> = []
  for (let start = 0; start < rows.length; start += size) {
    const report = castBatch(fhir, settings, rows.slice(start, start + size), options)
    recorded.push(...report.recorded.map(({ sequence, error }) => `${sequence} ${error._tag}`))
  }
  const patients = fhir.all('Patient').map(({ id, identifier = [] }) => ({
    reference: `Patient/${id}`,
    identifier: identifier.map(({ system, value }) => `${system ?? ''}|${value ?? ''}`).join(),
  }))
  const named = (text: string): string =>
    patients.reduce((all, { reference, identifier }) => all.replace(`${reference}:`, `${identifier}:`), text)
  const studies = fhir.all('ImagingStudy').map((study) => named(shown(study)))
  return { studies: studies.sort(), patients: patients.map(({ identifier }) => identifier).sort(), recorded }
}

const end = (story: Story) => {
  const whole = endOf(story, 1_000, noLimits.entries)
  for (const [size, entries] of [
    [1, noLimits.entries],
    [2, noLimits.entries],
    [1_000, 2],
  ] as const) {
    expect({ size, entries, ...endOf(story, size, entries) }).toEqual({ size, entries, ...whole })
  }
  return whole
}

describe('any cut', () => {
  it('leaves what the original stored, though another partition has an updated instance of the same UID', () => {
    const { studies } = end({
      settings: settingsOf({}),
      resident: [originalEndpoint, originalPatient, originalStudy],
      earlier: [image('1.1.2', 'P1', 1)],
      later: [image('1.2.1', 'P1'), image('1.1.2', 'P1'), bulk(1, {})],
    })
    expect(studies).toEqual(['1 of |P1: 1.1.1 1.1.2 1.2.1', '1 of |P1: 1.1.2'])
  })

  it('takes over no Patient for the study of another system to which an image was added', () => {
    const { studies, patients } = end({
      settings: settingsOf({ patient: { systemId: 'urn:oid:1.2.3.4' } }),
      resident: [foreignPatient, foreignStudy],
      later: [image('2.1.1', 'P1'), image('1.1.1', 'P2')],
    })
    expect([studies, patients]).toEqual([
      ['1 of urn:oid:1.2.3.4|P2: 1.1.1', '2 of |P2: 2.1.1'],
      ['urn:oid:1.2.3.4|P2', '|P2'],
    ])
  })

  it('lets a straggler be no witness for the correction before it, in as many transactions as it takes', () => {
    const { studies, recorded } = end({
      settings: settingsOf({}),
      earlier: [image('2.1.1', 'P2')],
      later: [bulk(2, { PatientID: 'P1' }), image('2.2.1', 'P2'), image('1.1.1', 'P1')],
    })
    expect([studies, recorded]).toEqual([['1 of |P1: 1.1.1', '2 of |P1: 2.1.1'], ['3 PatientMismatch']])
  })
})
