import { describe, expect, it } from '@jest/globals'
import type { ImagingStudy, Patient } from 'fhir/r4'
import { plan, recordedIn } from '../../../../lib/domain/batch/plan'
import type { Values } from '../../../support/world/domain-dataset'
import { rowOf } from '../../../support/world/domain-feed'
import { snapshotOf } from '../../../support/fhir/domain-fhir'
import { originalEndpoint } from '../../../support/world/domain-residents'
import { settingsOf } from '../../../support/world/domain-settings'

// A run stored an image, then a correction of the person, and died before it could move the checkpoint.

const settings = settingsOf()
const named = (PatientName: string, PatientBirthDate: string): Values => ({ PatientName, PatientBirthDate })

const patient: Patient = {
  resourceType: 'Patient',
  id: '1',
  meta: { versionId: '2' },
  identifier: [{ value: 'P1' }],
  name: [{ use: 'usual', family: 'Hill' }],
  birthDate: '1971-02-03',
}
const study: ImagingStudy = {
  resourceType: 'ImagingStudy',
  id: '2',
  meta: { versionId: '1' },
  identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
  status: 'available',
  subject: { reference: 'Patient/1' },
  endpoint: [{ reference: 'Endpoint/901' }],
  series: [{ uid: '1.2.3.1', modality: { code: 'CT' }, instance: [{ uid: '1.2.3.1.1', sopClass: {} }] }],
}

/** As the original DICOMcast writes an image, which it never compared with the Patient. */
const originals: ImagingStudy = {
  ...study,
  series: [
    { uid: '1.2.3.1', modality: { code: 'CT' }, instance: [{ uid: '1.2.3.1.1', sopClass: { code: '1.2.840.5' } }] },
  ],
}

const planned = (reached: number, SOPInstanceUID: string, { held = study, rebuilds = false } = {}) => {
  const row = rowOf(settings, { sequence: 5, values: { ...named('Gomez^Rui', '19700102'), SOPInstanceUID } })
  const result = plan({
    settings,
    limits: { entries: 499, bytes: 8_000_000 },
    snapshot: snapshotOf({ endpoints: [originalEndpoint], patients: [patient], studies: [held] }),
    readings: new Map(),
    keep: new Set(),
    patientsAlone: false,
    reached,
    ...(rebuilds ? { rebuilt: [row] } : {}),
    rows: [row],
  })
  const { units, unchanged } = result
  const writes = units.flatMap(({ entries }) => entries.map(({ text }) => (JSON.parse(text) as Written).request.url))
  return { recorded: recordedIn(result).map(({ error }) => error._tag), writes, settled: unchanged.length }
}

interface Written {
  readonly request: { readonly url: string }
}

describe('an image whose person was corrected since', () => {
  it('is not judged again when the run that died had stored it: the person stays corrected', () => {
    expect(planned(5, '1.2.3.1.1')).toMatchObject({ recorded: [], writes: ['ImagingStudy/2'] })
  })

  it('is judged when no earlier run came so far: it is another image under the same UID, and what was there goes', () => {
    expect(planned(4, '1.2.3.1.1')).toEqual({
      recorded: ['DemographicsConflict'],
      writes: ['ImagingStudy/2'],
      settled: 0,
    })
  })

  it('is judged when FHIR does not hold it', () => {
    expect(planned(5, '1.2.3.1.2')).toEqual({ recorded: ['DemographicsConflict'], writes: [], settled: 0 })
  })

  it('stays when its study is rebuilt, whose numbers are none of the feed: resync and verify give one answer', () => {
    for (const reached of [0, 5]) {
      expect(planned(reached, '1.2.3.1.1', { rebuilds: true })).toMatchObject({
        recorded: [],
        writes: ['ImagingStudy/2'],
      })
    }
  })

  it('is judged when a rebuild brings it in', () => {
    expect(planned(5, '1.2.3.1.2', { rebuilds: true })).toEqual({
      ...{ recorded: ['DemographicsConflict'], writes: [], settled: 0 },
    })
  })
})

describe('T7: an image that only the original has written', () => {
  it.each([
    ['a cast', 4, false],
    ['a cast anew, after others of ours', 5, false],
    ['resync', 5, true],
    ['verify, which knows no position', 0, true],
  ])('is judged by %s, and what was there goes', (_, reached, rebuilds) => {
    expect(planned(reached, '1.2.3.1.1', { held: originals, rebuilds })).toEqual({
      ...{ recorded: ['DemographicsConflict'], writes: ['ImagingStudy/2'], settled: 0 },
    })
  })
})
