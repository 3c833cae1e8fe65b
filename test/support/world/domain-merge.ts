import type { ImagingStudy } from 'fhir/r4'
import type { LiveRow } from '../../../lib/domain/batch/judge'
import { ourMeta } from '../../../lib/domain/fhir/provenance'
import { type ClosedStudy, closeStudy, deleteInstance, upsertInstance } from '../../../lib/domain/mapping/merge-study'
import { openStudy } from '../../../lib/domain/mapping/study-draft'
import { type Values, ctImage } from './domain-dataset'
import { type EntryOptions, rowOf } from './domain-feed'
import { assertValid } from '../fhir/domain-fhir'
import { dcm, uidType } from './domain-mapping'
import { root, settingsOf } from './domain-settings'

const settings = settingsOf()
export const sopClass = { system: 'urn:ietf:rfc:3986', code: `urn:oid:${ctImage}` }
export const endpoint = { reference: 'Endpoint/1' }
export const ct = { system: dcm, code: 'CT', display: 'Computed Tomography' }
export const mr = { system: dcm, code: 'MR', display: 'Magnetic Resonance' }

/** Rows folded into what FHIR holds. */
export const merge = (
  base: ImagingStudy | undefined,
  rows: ReadonlyArray<EntryOptions & { readonly late?: boolean }>,
  keep = false,
): ClosedStudy => {
  const draft = openStudy(base)
  for (const row of rows.map((each): LiveRow => rowOf(settings, each))) {
    if (row._tag === 'Delete') deleteInstance(draft, settings, row.key)
    else {
      draft.subject = { reference: 'Patient/1' }
      upsertInstance(draft, settings, row.key, row, row.change)
    }
  }
  const endpoint = 'Endpoint/1'
  const endpoints = { all: new Set([endpoint]), ours: new Set([endpoint]) }
  const closed = closeStudy(draft, { settings, partition: 'Microsoft.Default', endpoint, endpoints, keep })
  if (closed._tag === 'Study') assertValid(closed.resource)
  return closed
}

export const image = (series: number, instance: number, values: Values = {}): EntryOptions => ({
  values: { SeriesInstanceUID: `1.2.3.${series}`, SOPInstanceUID: `1.2.3.${series}.${instance}`, ...values },
})
export const gone = (series: number, instance: number): EntryOptions => ({
  ...image(series, instance),
  action: 'delete',
})
export const instance = (series: number, number: number) => ({ uid: `1.2.3.${series}.${number}`, sopClass })

export const twoSeries: ImagingStudy = {
  resourceType: 'ImagingStudy',
  id: '7',
  meta: ourMeta(root),
  identifier: [{ type: uidType, system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
  status: 'available',
  modality: [ct, mr],
  subject: { reference: 'Patient/1' },
  endpoint: [endpoint],
  numberOfSeries: 2,
  numberOfInstances: 3,
  series: [
    { uid: '1.2.3.1', modality: ct, numberOfInstances: 2, instance: [instance(1, 1), instance(1, 2)] },
    { uid: '1.2.3.2', modality: mr, numberOfInstances: 1, instance: [instance(2, 1)] },
  ],
}
export const [series1, series2] = twoSeries.series ?? []
