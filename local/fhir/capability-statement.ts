import type { CapabilityStatement, CapabilityStatementRestResource } from 'fhir/r4'
import { searchParametersOf } from './search-parameters'

const types: ReadonlyArray<CapabilityStatementRestResource['type']> = [
  'Basic',
  'Device',
  'DiagnosticReport',
  'Endpoint',
  'ImagingStudy',
  'Observation',
  'Organization',
  'Patient',
  'Practitioner',
  'Provenance',
  'ServiceRequest',
]

const kinds = { token: 'token', reference: 'reference', string: 'string' } as const

export const capabilityStatement = (baseUrl: string, withoutTypes: ReadonlyArray<string>): CapabilityStatement => ({
  resourceType: 'CapabilityStatement',
  status: 'active',
  date: '2026-01-01',
  kind: 'instance',
  software: { name: 'dicomcast local FHIR service' },
  implementation: { description: 'An in-memory FHIR service for development and tests', url: baseUrl },
  fhirVersion: '4.0.1',
  format: ['application/fhir+json', 'json'],
  rest: [
    {
      mode: 'server',
      resource: types
        .filter((type) => !withoutTypes.includes(type))
        .map((type) => ({
          type,
          interaction: [
            { code: 'read' },
            { code: 'vread' },
            { code: 'update' },
            { code: 'delete' },
            { code: 'history-instance' },
            { code: 'create' },
            { code: 'search-type' },
          ],
          versioning: 'versioned-update',
          readHistory: true,
          updateCreate: true,
          conditionalCreate: true,
          searchParam: [
            { name: '_id', type: 'token' },
            { name: '_lastUpdated', type: 'date' },
            ...Object.entries(searchParametersOf(type)).map(([name, { kind }]) => ({ name, type: kinds[kind] })),
          ],
        })),
      interaction: [{ code: 'transaction' }, { code: 'batch' }],
    },
  ],
})
