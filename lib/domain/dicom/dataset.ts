import { rememberTexts } from '../text'
import type { Keyword } from './tags'
import { tagOf } from './tags'

/**
 * A dataset in the DICOM JSON Model (PS3.18 Annex F), reduced to the tags somebody asked for. A value slot may hold
 * anything: the DICOM service does not validate what it stores.
 */
export type DicomDataset = ReadonlyMap<string, ReadonlyArray<unknown>>

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const valuesOf = (element: unknown): ReadonlyArray<unknown> => {
  const values = isRecord(element) ? element['Value'] : undefined
  return Array.isArray(values) ? values : []
}

/**
 * Keeps the tags of `wanted` (eight upper-case hex digits) and forgets the rest: of a CT's 8 KB the mapping needs
 * one. An element that is present without a value is kept, empty: on a correction that means something.
 */
export const projectDataset = (wanted: ReadonlySet<string>): ((json: unknown) => DicomDataset | undefined) => {
  // The same hundred keys come with every image. An empty text stands for "not wanted".
  const tagOfKey = rememberTexts((key) => {
    const tag = key.toUpperCase()
    return wanted.has(tag) ? tag : ''
  })
  return (json) => {
    if (!isRecord(json)) return undefined
    const dataset = new Map<string, ReadonlyArray<unknown>>()
    for (const key of Object.keys(json)) {
      const tag = tagOfKey(key)
      if (tag !== '') dataset.set(tag, valuesOf(json[key]))
    }
    return dataset
  }
}

export const valuesOfKeyword = (dataset: DicomDataset, keyword: Keyword): ReadonlyArray<unknown> =>
  dataset.get(tagOf(keyword)) ?? []

const isBlank = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && /^[\s\0]*$/.test(value))

/** Blank, or a name or an item of nothing else. */
const isWithoutContent = (value: unknown): boolean =>
  isBlank(value) || (isRecord(value) && Object.values(value).every(isBlank))

/** Present, without a value. A value that cannot be read, or that means nothing here, is a value. */
export const isEmptied = (dataset: DicomDataset, keyword: Keyword): boolean =>
  dataset.get(tagOf(keyword))?.every(isWithoutContent) ?? false

/** The items of a sequence; what is not an item is passed over. */
export const itemsOf = (dataset: DicomDataset, keyword: Keyword): ReadonlyArray<DicomDataset> =>
  valuesOfKeyword(dataset, keyword).flatMap((item) => {
    if (!isRecord(item)) return []
    return [new Map(Object.keys(item).map((key) => [key.toUpperCase(), valuesOf(item[key])]))]
  })
