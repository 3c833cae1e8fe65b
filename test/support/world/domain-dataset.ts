import { type DicomDataset, projectDataset } from '../../../lib/domain/dicom/dataset'
import { type Keyword, dictionary, tagOf } from '../../../lib/domain/dicom/tags'

/** Values by keyword: one value, several as a list, none (present but empty) as `[]`, absent as `undefined`. */
export type Values = Readonly<Partial<Record<Keyword, unknown>>>

const valueOf = (keyword: Keyword, value: unknown): unknown =>
  dictionary[keyword].vr === 'PN' && typeof value === 'string' ? { Alphabetic: value } : value

/** The DICOM JSON Model of these values (PS3.18 Annex F), as the service answers it. */
export const dicomJson = (values: Values): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    (Object.keys(values) as ReadonlyArray<Keyword>).flatMap((keyword) => {
      const value = values[keyword]
      if (value === undefined) return []
      const list = (Array.isArray(value) ? value : [value]).map((each) => valueOf(keyword, each))
      const { tag, vr } = dictionary[keyword]
      return [[tag, list.length === 0 ? { vr } : { vr, Value: list }]]
    }),
  )

/** A dataset of these tags and no other. */
export const datasetOf = (values: Values): DicomDataset => {
  const keywords = Object.keys(dictionary) as ReadonlyArray<Keyword>
  return projectDataset(new Set(keywords.map(tagOf)))(dicomJson(values)) ?? new Map<string, ReadonlyArray<unknown>>()
}

export const ctImage = '1.2.840.10008.5.1.4.1.1.2'

/** What every instance must have, and nothing else. */
export const required: Values = {
  SOPClassUID: ctImage,
  SOPInstanceUID: '1.2.3.1.1',
  StudyInstanceUID: '1.2.3',
  SeriesInstanceUID: '1.2.3.1',
  Modality: 'CT',
  PatientID: 'P1',
}
