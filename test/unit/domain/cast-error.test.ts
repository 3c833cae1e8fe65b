import { describe, expect, it } from '@jest/globals'
import {
  type CastError,
  type Disposition,
  type EntryError,
  type FailTable,
  type ServiceError,
  describeEntryError,
  describeIssues,
  describeServiceError,
  disposition,
  failTableOf,
  failTables,
} from '../../../lib/domain/cast-error'
import { invalid, missing, unmappable } from '../../support/world/domain-mapping'

/** One of each: a new error does not compile until it stands here. */
const entryErrors: { readonly [T in EntryError['_tag']]: readonly [Extract<EntryError, { _tag: T }>, FailTable] } = {
  EntryMalformed: [{ _tag: 'EntryMalformed', paths: ['sequence'] }, 'DicomFailToStoreExceptionTable'],
  TagsRejected: [{ _tag: 'TagsRejected', issues: [missing('PatientID')] }, 'DicomFailToStoreExceptionTable'],
  PatientMismatch: [{ _tag: 'PatientMismatch' }, 'DicomFailToStoreExceptionTable'],
  IssuerUnknown: [{ _tag: 'IssuerUnknown' }, 'DicomFailToStoreExceptionTable'],
  Rejected: [
    {
      _tag: 'Rejected',
      code: '113037',
      notes: [{ name: '1.2 1.2.9', code: '113037', isHiding: true }],
      isHidden: true,
    },
    'DicomFailToStoreExceptionTable',
  ],
  DemographicsConflict: [{ _tag: 'DemographicsConflict', patientId: '7' }, 'FhirFailToStoreExceptionTable'],
  PatientAmbiguous: [{ _tag: 'PatientAmbiguous', patientIds: ['7', '8'] }, 'FhirFailToStoreExceptionTable'],
  PatientInactive: [{ _tag: 'PatientInactive', patientId: '7' }, 'FhirFailToStoreExceptionTable'],
  FhirRejected: [{ _tag: 'FhirRejected', status: 422, issues: ['invariant'] }, 'FhirFailToStoreExceptionTable'],
  OutlastedRetries: [{ _tag: 'OutlastedRetries', hop: 'fhir', status: 503 }, 'TransientFailureExceptionTable'],
}

const serviceErrors: {
  readonly [T in ServiceError['_tag']]: readonly [Extract<ServiceError, { _tag: T }>, Disposition]
} = {
  FhirConflict: [{ _tag: 'FhirConflict', status: 412 }, 'Reread'],
  ServiceUnavailable: [{ _tag: 'ServiceUnavailable', hop: 'fhir', reason: 'busy' }, 'Retry'],
  AnswerTooLarge: [{ _tag: 'AnswerTooLarge', hop: 'dicom' }, 'Retry'],
  AccessDenied: [{ _tag: 'AccessDenied', hop: 'fhir', status: 403, reason: 'no role' }, 'Halt'],
  ArgumentRefused: [{ _tag: 'ArgumentRefused' }, 'Halt'],
  LeaseLost: [{ _tag: 'LeaseLost' }, 'Halt'],
  CheckpointMoved: [{ _tag: 'CheckpointMoved' }, 'Halt'],
  CheckpointUnreadable: [
    { _tag: 'CheckpointUnreadable', reason: 'Holes cannot be read', etag: 'e1', syncedSequence: 12, holes: [] },
    'Halt',
  ],
  FeedReset: [{ _tag: 'FeedReset', head: 3, reason: 'head is behind' }, 'Halt'],
  GateClosed: [{ _tag: 'GateClosed', state: 'paused', reason: 'it was paused' }, 'Halt'],
  ServiceRenamed: [{ _tag: 'ServiceRenamed', reason: 'the checkpoint belongs to another' }, 'Halt'],
  FhirRejectsAll: [{ _tag: 'FhirRejectsAll', status: 422, issues: ['structure'] }, 'Halt'],
}

const all: ReadonlyArray<readonly [string, CastError, Disposition]> = [
  ...Object.values(entryErrors).map(([error]) => [error._tag, error, 'Record'] as const),
  ...Object.values(serviceErrors).map(([error, expected]) => [error._tag, error, expected] as const),
]

describe('the failure policy', () => {
  it.each(all)('has a disposition for %s', (_tag, error, expected) => {
    expect(disposition(error)).toBe(expected)
  })

  it('records what is wrong with an entry in one table each', () => {
    const errors = Object.values(entryErrors)
    expect(errors.map(([error]) => failTableOf(error))).toEqual(errors.map(([, table]) => table))
    expect(new Set(errors.map(([, table]) => table))).toEqual(new Set(failTables))
  })
})

describe('what an operator reads', () => {
  it('says what to do, with ids of resources and never a value of a patient', () => {
    expect(Object.values(entryErrors).map(([error]) => describeEntryError(error))).toEqual([
      'The change feed entry cannot be read: sequence.',
      'PatientID is missing.',
      expect.stringContaining('Correct the instance in the DICOM service, then replay.'),
      expect.stringContaining('Patient__IssuerSystems'),
      expect.stringContaining('patient safety reasons (DCM 113037)'),
      expect.stringContaining('differ too much (docs/patients.md) from Patient/7.'),
      'More than one Patient has this identifier: Patient/7, Patient/8. Merge them, then replay.',
      expect.stringContaining('Patient/7 is inactive or merged'),
      'FHIR refused it with 422 (invariant).',
      expect.stringContaining('The fhir service kept failing for this entry alone with 503.'),
    ])
    expect(describeEntryError({ _tag: 'DemographicsConflict', patientId: undefined })).toContain('the first entry')
  })

  it('names the hop of what is wrong with a service', () => {
    expect(Object.values(serviceErrors).map(([error]) => describeServiceError(error))).toEqual([
      expect.stringMatching(/^fhir: .*\(412\)$/),
      'fhir: busy',
      expect.stringMatching(/^dicom: /),
      'fhir: no role',
      'there is no such page, row or time: give what an answer has told',
      expect.stringContaining('lease'),
      expect.stringContaining('checkpoint'),
      expect.stringMatching(/^storage: Holes cannot be read; .* to 12: its etag is e1$/),
      expect.stringContaining('head is behind'),
      'nothing is written: it was paused',
      'the checkpoint belongs to another',
      expect.stringMatching(/^fhir: .*422 \(structure\)/),
    ])
  })

  it('says so when the lease was lost because our own process stood still', () => {
    expect(describeServiceError({ _tag: 'LeaseLost', stoodStillS: 73 })).toBe(
      'the lease was lost: this process was blocked or asleep for 73 s, and another run may be writing since',
    )
  })

  it('lists the issues of a tag', () => {
    const issues = [
      missing('PatientID'),
      invalid('StudyDate', 'not a date (DA)'),
      unmappable('SeriesNumber', 'negative'),
    ]
    expect(describeIssues(issues)).toBe(
      'PatientID is missing; StudyDate is invalid: not a date (DA); SeriesNumber has no FHIR form: negative',
    )
  })
})
