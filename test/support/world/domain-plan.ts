import type { FhirResource } from 'fhir/r4'
import type { JudgeSettings, LiveRow, UpsertRow } from '../../../lib/domain/batch/judge'
import type { PlanInput } from '../../../lib/domain/batch/fold'
import { type Plan, plan } from '../../../lib/domain/batch/plan'
import type { Unit } from '../../../lib/domain/batch/units'
import type { Snapshot } from '../../../lib/domain/batch/snapshot'
import { ourMeta } from '../../../lib/domain/fhir/provenance'
import { mapEndpoint } from '../../../lib/domain/mapping/endpoint'
import type { Endpoint, ImagingStudy, Patient } from 'fhir/r4'
import { ctImage } from './domain-dataset'
import { noLimits } from './domain-cast'
import { assertValid, snapshotOf } from '../fhir/domain-fhir'
import { dcm, mrType } from './domain-mapping'
import { root, settingsOf } from './domain-settings'

export const settings = settingsOf()

const endpointOf = (partition: string, id: string): Endpoint => ({
  ...mapEndpoint(settings.dicom, partition),
  id,
  meta: { ...ourMeta(root), versionId: '1' },
})
export const endpoints = [endpointOf('Microsoft.Default', 'e1'), endpointOf('research', 'e2')]

export const person = (id: string, value: string, parts: Partial<Patient> = {}): Patient => ({
  resourceType: 'Patient',
  id,
  meta: { ...ourMeta(root), versionId: '3' },
  identifier: [{ type: mrType, value }],
  ...parts,
})

/** A study of ours with one image, as it was written before. */
export const studyOf = (id: string, patient: string, parts: Partial<ImagingStudy> = {}): ImagingStudy => ({
  resourceType: 'ImagingStudy',
  id,
  meta: { ...ourMeta(root), versionId: '5' },
  identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
  status: 'available',
  modality: [{ system: dcm, code: 'CT', display: 'Computed Tomography' }],
  subject: { reference: patient },
  endpoint: [{ reference: 'Endpoint/e1' }],
  numberOfSeries: 1,
  numberOfInstances: 1,
  series: [
    {
      uid: '1.2.3.1',
      modality: { system: dcm, code: 'CT', display: 'Computed Tomography' },
      numberOfInstances: 1,
      instance: [{ uid: '1.2.3.1.1', sopClass: { system: 'urn:ietf:rfc:3986', code: `urn:oid:${ctImage}` } }],
    },
  ],
  ...parts,
})

export const holding = (parts: Parameters<typeof snapshotOf>[0] = {}): Snapshot => snapshotOf({ endpoints, ...parts })

/** A plan with everything at its default. */
export const planOf = (
  rows: ReadonlyArray<LiveRow>,
  parts: Partial<Omit<PlanInput, 'rows' | 'settings'>> & {
    readonly settings?: JudgeSettings
    readonly reading?: Readonly<Record<string, ReadonlyArray<LiveRow>>>
  } = {},
): Plan => {
  const { reading = {}, ...rest } = parts
  const upserts = (each: ReadonlyArray<LiveRow>): ReadonlyArray<UpsertRow> =>
    each.flatMap((row) => (row._tag === 'Upsert' ? [row] : []))
  const planned = plan({
    settings,
    limits: noLimits,
    snapshot: holding(),
    readings: new Map(Object.entries(reading).map(([key, each]) => [key, upserts(each)])),
    keep: new Set(),
    patientsAlone: false,
    rows,
    ...rest,
  })
  entriesOf(planned.units).forEach(({ resource }) => resource === undefined || assertValid(resource))
  return planned
}

export interface WireEntry {
  readonly fullUrl: string
  readonly resource?: FhirResource
  readonly request: Readonly<Record<string, string>>
}

/** The transaction entries as they would be sent. */
export const entriesOf = (units: ReadonlyArray<Unit>): ReadonlyArray<WireEntry> =>
  units.flatMap(({ entries }) => entries.map(({ text }) => JSON.parse(text) as WireEntry))

/** `POST Patient`, `PUT ImagingStudy/1`, … */
export const requestsOf = (units: ReadonlyArray<Unit>): ReadonlyArray<string> =>
  entriesOf(units).map(({ request }) => `${request['method']} ${request['url']}`)

export const resourcesOf = <T extends FhirResource['resourceType']>(
  units: ReadonlyArray<Unit>,
  type: T,
): ReadonlyArray<Extract<FhirResource, { resourceType: T }>> =>
  entriesOf(units).flatMap(({ resource }) =>
    resource?.resourceType === type ? [resource as Extract<FhirResource, { resourceType: T }>] : [],
  )
