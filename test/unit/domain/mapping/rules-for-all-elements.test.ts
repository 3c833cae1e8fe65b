import { describe, expect, it } from '@jest/globals'
import type { Patient } from 'fhir/r4'
import type { StudyFields } from '../../../../lib/domain/mapping/fields'
import type { MergeMode } from '../../../../lib/domain/mapping/mapped'
import { modeOf } from '../../../../lib/domain/mapping/merge-study'
import type { SeriesFields } from '../../../../lib/domain/mapping/fields'
import type { Values } from '../../../support/world/domain-dataset'
import {
  acsnType,
  dcm,
  emptyStudy,
  mapInstance,
  mapPatient,
  mapSeries,
  mapStudy,
  mrType,
  uidType,
} from '../../../support/world/domain-mapping'

const identifier = { type: mrType, value: 'P1' }
const patient: Patient = {
  resourceType: 'Patient',
  identifier: [identifier],
  name: [{ use: 'usual', text: 'Ana Rivera', family: 'Rivera', given: ['Ana'] }],
  gender: 'female',
  birthDate: '1970-01-02',
}
const study: StudyFields = {
  ...emptyStudy,
  identifier: [{ type: uidType, system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
  started: '2026-11-23',
  note: [{ text: 'Head' }],
  description: 'Head',
}
const series: SeriesFields = {
  uid: '1.2.3.1',
  modality: { system: dcm, code: 'CT', display: 'Computed Tomography' },
  number: 3,
  description: 'AX T1',
  started: '2026-11-23',
}
const instance = {
  uid: '1.2.3.1.1',
  sopClass: { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.840.10008.5.1.4.1.1.2' },
  number: 7,
}

/** The same tags for all four resources, each of which takes its own. */
const all = (value: unknown): Values => ({
  PatientName: value,
  PatientSex: value,
  PatientBirthDate: value,
  StudyDate: value,
  StudyTime: value,
  TimezoneOffsetFromUTC: value,
  StudyDescription: value,
  SeriesNumber: value,
  SeriesDescription: value,
  SeriesDate: value,
  SeriesTime: value,
  InstanceNumber: value,
})

const newValues: Values = {
  PatientName: 'Berg^Ole',
  PatientSex: 'M',
  PatientBirthDate: '19810101',
  StudyDate: '20261122',
  StudyDescription: 'Neck',
  SeriesNumber: 4,
  SeriesDescription: 'COR T2',
  SeriesDate: '20261122',
  InstanceNumber: 8,
}

const held = { patient, study, series, instance }

const next = {
  patient: {
    ...patient,
    name: [{ use: 'usual', text: 'Ole Berg', family: 'Berg', given: ['Ole'] }],
    gender: 'male',
    birthDate: '1981-01-01',
  },
  study: {
    ...study,
    started: '2026-11-22',
    note: [{ text: 'Neck' }],
    description: 'Neck',
  },
  series: { ...series, number: 4, description: 'COR T2', started: '2026-11-22' },
  instance: { ...instance, number: 8 },
}

const apply = (values: Values, mode: MergeMode) => ({
  patient: mapPatient()(values, mode, patient).resource,
  study: mapStudy()(values, mode, study).resource,
  series: mapSeries()(values, mode, series).resource,
  instance: mapInstance(values, mode, instance).resource,
})

const modes: ReadonlyArray<MergeMode> = ['follow', 'fill', 'replace', 'correct']

describe.each(modes)('in the mode %s', (mode) => {
  it('a tag that is absent leaves what FHIR holds', () => {
    expect(apply({}, mode)).toEqual(held)
  })

  it('a tag that is invalid leaves what FHIR holds', () => {
    expect(apply(all('\u0001'), mode)).toEqual(held)
  })

  it('the same values leave the very same resource: nothing is sent', () => {
    const same = { StudyDate: '20261123', StudyDescription: 'Head' }
    expect(mapStudy()(same, mode, study).resource).toBe(study)
    const ofSeries = { SeriesNumber: 3, SeriesDescription: 'AX T1', SeriesDate: '20261123' }
    expect(mapSeries()(ofSeries, mode, series).resource).toBe(series)
    expect(mapInstance({ InstanceNumber: 7 }, mode, instance).resource).toBe(instance)
  })
})

describe.each(['follow', 'fill', 'replace'] as const)('in the mode %s', (mode) => {
  it.each([[[]], [''], [' \0'], [null]])('a tag that is empty (%j) leaves what FHIR holds', (empty) => {
    expect(apply(all(empty), mode)).toEqual(held)
  })
})

describe('a Create row in feed order (follow)', () => {
  it('replaces with every valid value', () => {
    expect(apply(newValues, 'follow')).toEqual(next)
  })
})

describe('an Update row (replace, correct)', () => {
  it.each(['replace', 'correct'] as const)('replaces with every valid value: %s', (mode) => {
    expect(apply(newValues, mode)).toEqual(next)
  })

  it('on a resource of ours, removes the value of a tag that is present but empty', () => {
    expect(apply(all([]), 'correct')).toEqual({
      patient: { resourceType: 'Patient', identifier: [identifier] },
      study: { ...emptyStudy, identifier: [study.identifier?.[0]] },
      series: { uid: series.uid, modality: series.modality },
      instance: { uid: instance.uid, sopClass: instance.sopClass },
    })
  })

  it('removes no value of others beside ours', () => {
    const official = { use: 'official' as const, family: 'Rivera' }
    const issued = { type: acsnType, system: 'http://ris.example', value: '17' }
    const named = { ...patient, name: [...(patient.name ?? []), official] }
    const noted = { ...study, identifier: [issued], note: [{ text: 'Head' }, { text: 'urgent' }] }
    expect(mapPatient()(all([]), 'correct', named).resource?.name).toEqual([official])
    expect(mapStudy()(all([]), 'correct', noted).resource).toEqual({
      ...emptyStudy,
      identifier: [study.identifier?.[0], issued],
      note: [{ text: 'urgent' }],
    })
  })
})

describe('a late Create row (fill)', () => {
  it('leaves what is there', () => {
    expect(apply(newValues, 'fill')).toEqual({ ...held, instance: held.instance })
  })

  it('fills what is missing', () => {
    expect({
      patient: mapPatient()(newValues, 'fill').resource,
      study: mapStudy()(newValues, 'fill').resource,
      series: mapSeries()(newValues, 'fill').resource,
    }).toEqual({ patient: next.patient, study: next.study, series: next.series })
  })

  it('adds no name of its own to a Patient that has one', () => {
    const official: Patient = { ...patient, name: [{ use: 'official', family: 'Rivera' }] }
    expect(mapPatient()(newValues, 'fill', official).resource?.name).toEqual(official.name)
  })

  it('gives the identifier what it lacks', () => {
    const bare: Patient = { resourceType: 'Patient', identifier: [{ system: '', value: 'P1' }] }
    expect(mapPatient()({}, 'fill', bare).resource).toEqual({ resourceType: 'Patient', identifier: [identifier] })
  })
})

describe('the mode of a row', () => {
  it.each([
    ['a Create row', false, false, true, 'follow'],
    ['a Create row, on what is not ours', false, false, false, 'follow'],
    ['a late Create row', true, false, true, 'fill'],
    ['an Update row', false, true, true, 'correct'],
    ['an Update row, on what is not ours', false, true, false, 'replace'],
    ['a late Update row: it replaces, as always', true, true, true, 'correct'],
  ])('%s', (_what, late, update, ours, mode) => {
    expect(modeOf({ late, update }, ours)).toBe(mode)
  })
})
