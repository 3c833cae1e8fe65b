import type { ChangeRequest } from '../../../local/dicom/control'

const element = (vr: string, value: unknown) => ({ vr, Value: [value] })

export interface SampleInstance {
  readonly study?: string
  readonly series?: string
  readonly sop?: string
  readonly patientId?: string
  readonly patientName?: string
  /** Further elements, or other ones in the place of those above. */
  readonly elements?: Readonly<Record<string, unknown>>
}

/** The DICOM JSON of a small CT instance. */
export const sampleDataset = (instance: SampleInstance = {}) => ({
  '00080016': element('UI', '1.2.840.10008.5.1.4.1.1.2'),
  '00080018': element('UI', instance.sop ?? '1.2.3.1.1'),
  '00080020': element('DA', '20261123'),
  '00080060': element('CS', 'CT'),
  '00100010': element('PN', { Alphabetic: instance.patientName ?? 'Rivera^Ana' }),
  '00100020': element('LO', instance.patientId ?? 'P1'),
  '0020000D': element('UI', instance.study ?? '1.2.3'),
  '0020000E': element('UI', instance.series ?? '1.2.3.1'),
  '00200013': element('IS', 1),
  ...instance.elements,
})

export const sampleChange = (
  action: 'create' | 'update' | 'delete' = 'create',
  instance: SampleInstance = {},
  rest: Partial<ChangeRequest> = {},
): ChangeRequest => ({ action, dataset: sampleDataset(instance), ...rest })
