import type { JudgeSettings } from '../../../lib/domain/batch/judge'
import { dicomRoot } from '../../../lib/domain/fhir/provenance'

export const fhirBase = 'https://fhir.example.org'
export const root = 'https://dicom.example.org'

export interface SettingsChanges extends Partial<Omit<JudgeSettings, 'patient'>> {
  readonly patient?: Partial<JudgeSettings['patient']>
}

/** The defaults of lib/config, with an example's services. */
export const settingsOf = ({ patient, ...changes }: SettingsChanges = {}): JudgeSettings => ({
  dicom: dicomRoot(root, 'v2'),
  fhirBase,
  enforceValidation: false,
  generateObservations: true,
  excludedElements: new Set(),
  defaultTimeZone: undefined,
  partitions: new Set(),
  patient: {
    systemId: undefined,
    partitionSystems: {},
    isIssuerIdUsed: false,
    issuerSystems: {},
    rejectedIds: new Set(),
    matchGuard: true,
    placeholderBirthDates: new Set([
      '1800-01-01',
      '1850-01-01',
      '1885-01-01',
      '1900-01-01',
      '1901-01-01',
      '9999-12-31',
    ]),
    aliasNames: [],
    overwrite: 'own',
    ...patient,
  },
  ...changes,
})
