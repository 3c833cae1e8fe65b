import * as TH from 'fp-ts/These'
import type { TagIssue } from '../cast-error'
import { legacyBodyParts } from './body-parts'
import { type DicomDataset, itemsOf } from './dataset'
import { readValue } from './read'
import type { Keyword } from './tags'
import { readable } from './vr'

/** A coded entry (PS3.3 §8): what it means to a machine is the value and its scheme, never the meaning. */
export interface CodedEntry {
  readonly value: string
  /** '' when it names none. */
  readonly scheme: string
  readonly meaning: string | undefined
}

/** What a concept is known by. */
export type Concept = Pick<CodedEntry, 'value' | 'scheme'>

/** SNOMED RT ids that older files carry under these names; PS3.16 replaced them by SNOMED CT. */
const legacySchemes: ReadonlySet<string> = new Set(['SRT', 'SNM3', '99SDM'])

const legacyToSct: ReadonlyMap<string, string> = new Map([
  ...legacyBodyParts,
  ['P5-08000', '77477000'],
  ['P5-40010', '71651007'],
  ['F-61FDB', '349358000'],
  ['C-10072', '89457008'],
  ['G-C340', '410675002'],
  ['G-D101', '47625008'],
  ['C-111A1', '77004003'],
  ['C-B1031', '35321007'],
  ['G-C171', '272741003'],
  ['G-A100', '24028007'],
  ['G-A101', '7771000'],
  ['G-A102', '51440002'],
  ['T-04020', '73056007'],
  ['T-04030', '80248007'],
  ['T-04080', '63762007'],
])

/** SRT, SNM3 and 99SDM: a legacy id is no SNOMED CT code. */
export const isLegacyScheme = (scheme: string): boolean => legacySchemes.has(scheme)

/** Translates a legacy id that is known into SNOMED CT. */
const translated = (entry: CodedEntry): CodedEntry => {
  const value = isLegacyScheme(entry.scheme) ? legacyToSct.get(entry.value) : undefined
  return value === undefined ? entry : { ...entry, value, scheme: 'SCT' }
}

/**
 * FHIR's `code` knows single blanks only; a CS, and a code of DICOM, may have several. A server on .NET takes U+0085 for
 * a blank, too, and refuses the resource.
 */
export const asCode = (value: string): string => value.replace(/[\s\u0085\u180E]+/g, ' ').trim()

const codeKeywords = ['CodeValue', 'LongCodeValue', 'URNCodeValue'] as const

/** Coded entries, and what is wrong with what they were read from. */
export interface ReadCodes {
  readonly entries: ReadonlyArray<CodedEntry>
  readonly issues: ReadonlyArray<TagIssue>
}

const readItem = (item: DicomDataset): { readonly entry?: CodedEntry; readonly issues: ReadonlyArray<TagIssue> } => {
  const issues: Array<TagIssue> = []
  const text = (
    keyword: (typeof codeKeywords)[number] | 'CodingSchemeDesignator' | 'CodeMeaning',
  ): string | undefined => {
    const read = readValue(item, keyword)
    if (!TH.isRight(read)) issues.push({ _tag: 'TagInvalid', keyword, reason: read.left })
    return readable(read)
  }
  const value = codeKeywords.map(text).find((each) => each !== undefined)
  if (value === undefined) return { issues }
  const scheme = text('CodingSchemeDesignator')?.toUpperCase() ?? ''
  return { entry: translated({ value: asCode(value), scheme, meaning: text('CodeMeaning') }), issues }
}

/** The items of a code sequence that have a code; legacy ids that are known come as SNOMED CT. */
export const readCodes = (dataset: DicomDataset, keyword: Keyword): ReadCodes => {
  const items = itemsOf(dataset, keyword).map(readItem)
  return {
    entries: items.flatMap(({ entry }) => (entry === undefined ? [] : [entry])),
    issues: items.flatMap(({ issues }) => issues),
  }
}

export const readCodedEntries = (dataset: DicomDataset, keyword: Keyword): ReadonlyArray<CodedEntry> =>
  readCodes(dataset, keyword).entries

export const readCodedEntry = (dataset: DicomDataset, keyword: Keyword): CodedEntry | undefined =>
  readCodedEntries(dataset, keyword)[0]

export const isConcept = (entry: CodedEntry | undefined, { value, scheme }: Concept): boolean =>
  entry?.value === value && entry.scheme === scheme
