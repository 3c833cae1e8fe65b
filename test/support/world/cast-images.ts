import type { ChangeRequest } from '../../../local/dicom/control'
import type { CastWorld } from './cast-world'

/** A small CT instance; what a test is about is named, the rest is as it should be. `null`: the tag is not there. */
export interface Image {
  readonly study?: string
  readonly series?: number
  readonly instance?: number
  readonly patientId?: string | null
  readonly name?: string | null
  readonly birthDate?: string | null
  readonly sex?: string | null
  readonly partition?: string
  /** Further elements, or others in the place of those above; `undefined` takes one away. */
  readonly elements?: Readonly<Record<string, unknown>>
}

const element = (vr: string, value: unknown) => ({ vr, Value: [value] })

export const uidsOf = ({ study = '1.2.3', series = 1, instance = 1 }: Image) => ({
  studyInstanceUid: study,
  seriesInstanceUid: `${study}.${series}`,
  sopInstanceUid: `${study}.${series}.${instance}`,
})

export const datasetOf = (image: Image = {}): Readonly<Record<string, unknown>> => {
  const { patientId = 'P1', name = 'Rivera^Ana', birthDate = '19700102', sex = 'F' } = image
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = uidsOf(image)
  const dataset = {
    '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.2'),
    '00080018': element('UI', sopInstanceUid),
    '00080020': element('DA', '20261123'),
    '00080060': element('CS', 'CT'),
    ...(name === null ? {} : { '00100010': element('PN', { Alphabetic: name }) }),
    ...(patientId === null ? {} : { '00100020': element('LO', patientId) }),
    ...(birthDate === null ? {} : { '00100030': element('DA', birthDate) }),
    ...(sex === null ? {} : { '00100040': element('CS', sex) }),
    '0020000D': element('UI', studyInstanceUid),
    '0020000E': element('UI', seriesInstanceUid),
    '00200011': element('IS', image.series ?? 1),
    '00200013': element('IS', image.instance ?? 1),
    ...image.elements,
  }
  return Object.fromEntries(Object.entries(dataset).filter(([, value]) => value !== undefined))
}

const change = (action: 'create' | 'update' | 'delete', image: Image): ChangeRequest => ({
  action,
  ...uidsOf(image),
  ...(image.partition === undefined ? {} : { partitionName: image.partition }),
  ...(action === 'delete' ? {} : { dataset: datasetOf(image) }),
})

export const created = (image: Image = {}): ChangeRequest => change('create', image)
export const updated = (image: Image = {}): ChangeRequest => change('update', image)
export const deleted = (image: Image = {}): ChangeRequest => change('delete', image)

/** `count` images of one study, in series of 250. */
export const images = (count: number, image: Image = {}): ReadonlyArray<ChangeRequest> =>
  Array.from({ length: count }, (_, index) =>
    created({ ...image, series: Math.floor(index / 250) + 1, instance: (index % 250) + 1 }),
  )

/** The API's `$bulkUpdate`, as a person corrects studies in the DICOM service. */
export const bulkUpdate = async (
  { dicom }: Pick<CastWorld, 'dicom'>,
  studies: ReadonlyArray<string>,
  changes: Readonly<Record<string, unknown>>,
): Promise<void> => {
  const response = await fetch(`${dicom.url}/v2/studies/$bulkUpdate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ studyInstanceUids: studies, changeDataset: changes }),
  })
  if (response.status !== 202) throw new Error(`$bulkUpdate answered ${response.status}`)
}
