import { data, log } from 'dcmjs'
import { checkStructure } from './part10-structure'

export interface DicomElement {
  readonly vr: string
  readonly Value?: ReadonlyArray<unknown>
}

/** A dataset in the DICOM JSON Model (PS3.18 Annex F): eight upper-case hex digits → element. */
export type DicomJson = { readonly [tag: string]: DicomElement }

// dcmjs reports every private tag of an implicit VR file on the console.
log.setLevel('silent', false)
log.getLogger('validation.dcmjs').setLevel('silent', false)

const pixelData = '7FE00010'

/** What Azure's DICOM service leaves out of its metadata, at any depth. */
const bulkVrs = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN'])

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

const isFileMetaOrGroupLength = (tag: string): boolean => tag.startsWith('0002') || tag.endsWith('0000')

const numberIfItParses = (value: unknown): unknown => {
  const text = String(value)
    .replace(/[\0 ]+$/, '')
    .trimStart()
  return decimal.test(text) ? Number(text) : text
}

/** PS3.18 §F.2.2: the component groups of a name, which Part 10 separates by `=`; empty groups are left out. */
const personName = (value: unknown): unknown => {
  const groups =
    typeof value === 'string'
      ? value.split('=').map((text, index) => [['Alphabetic', 'Ideographic', 'Phonetic'][index], text] as const)
      : Object.entries(value ?? {})
  const present = groups.filter(([group, text]) => group !== undefined && text !== '')
  return present.length === 0 ? '' : Object.fromEntries(present)
}

/** JSON has neither NaN nor Infinity nor 64-bit integers; the service writes these as strings. */
const jsonNumber = (value: unknown): unknown => {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}

const attributeTag = (value: unknown): unknown =>
  typeof value === 'number' ? value.toString(16).padStart(8, '0').toUpperCase() : value

const jsonValue = (vr: string, value: unknown): unknown => {
  switch (vr) {
    case 'SQ':
      return jsonDataset(value as Parameters<typeof jsonDataset>[0])
    case 'PN':
      return personName(value)
    case 'DS':
    case 'IS':
      return numberIfItParses(value)
    case 'AT':
      return attributeTag(value)
    default:
      return jsonNumber(value)
  }
}

const valuesOf = (element: { readonly Value?: unknown; readonly _rawValue?: unknown }, vr: string): unknown[] => {
  // dcmjs has already turned the Value of a DS or IS into a number, and what does not parse into null.
  const values = vr === 'DS' || vr === 'IS' ? (element._rawValue ?? element.Value) : element.Value
  const list = Array.isArray(values) ? values : values === undefined ? [] : [values]
  return list.map((value) => (value === null || value === undefined ? '' : jsonValue(vr, value)))
}

const jsonElement = (element: { readonly Value?: unknown; readonly _rawValue?: unknown }, vr: string): DicomElement => {
  const values = valuesOf(element, vr).map((value) => (value === '' ? null : value))
  const isEmpty = values.length === 0 || (values.length === 1 && values[0] === null)
  return isEmpty ? { vr } : { vr, Value: values }
}

const jsonDataset = (
  dataset: Record<string, { readonly vr?: string; readonly Value?: unknown; readonly _rawValue?: unknown }>,
): DicomJson => {
  const json: Record<string, DicomElement> = {}
  for (const [key, element] of Object.entries(dataset)) {
    const tag = key.toUpperCase()
    const vr = element.vr ?? ''
    if (!/^[0-9A-F]{8}$/.test(tag) || isFileMetaOrGroupLength(tag) || tag === pixelData) continue
    if (vr.length === 2 && !bulkVrs.has(vr)) json[tag] = jsonElement(element, vr)
  }
  return json
}

/**
 * The metadata of a Part 10 file as the change feed shows it. Throws when the file cannot be read to its end.
 *
 * Limits of dcmjs: a dataset with several character sets (ISO 2022: Japanese, Korean) is refused, and an empty US, UL
 * or FL comes out as 0. Text arrives in Unicode, so SpecificCharacterSet is always ISO_IR 192.
 */
export const readPart10 = (file: Buffer): DicomJson => {
  checkStructure(file)
  const bytes = new Uint8Array(file).buffer
  return jsonDataset(data.DicomMessage.readFile(bytes, { untilTag: pixelData, includeUntilTagValue: false }).dict)
}
