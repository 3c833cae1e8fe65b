import { data, log } from 'dcmjs'
import { writtenNumber } from '../../lib/domain/json'
import { decodedValues, hiddenCharacterSet, withHiddenCharacterSets } from './character-sets'
import { checkStructure } from './part10-structure'
import { withoutTrailing } from '../../lib/domain/text'

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

const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/

const isFileMetaOrGroupLength = (tag: string): boolean => tag.startsWith('0002') || tag.endsWith('0000')

const numberIfItParses = (value: unknown): unknown => {
  const text = withoutTrailing(String(value), '\0 ').trimStart()
  return decimal.test(text) ? writtenNumber(text) : text
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

const jsonValue = (vr: string, value: unknown, characterSet: string): unknown => {
  switch (vr) {
    case 'SQ':
      return jsonDataset(value as DcmjsDataset, characterSet)
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

interface DcmjsElement {
  readonly vr?: string
  readonly Value?: unknown
  readonly _rawValue?: unknown
}

type DcmjsDataset = Readonly<Record<string, DcmjsElement>>

const rawVrs = new Set(['DS', 'IS', 'UI'])

const valuesOf = (element: DcmjsElement, vr: string, characterSet: string): unknown[] => {
  // dcmjs has already turned the Value of a DS or IS into a number, what does not parse into null, and taken away what
  // is illegal in a UID.
  const values = rawVrs.has(vr) ? (element._rawValue ?? element.Value) : element.Value
  const list = Array.isArray(values) ? values : values === undefined ? [] : [values]
  return decodedValues(list, vr, characterSet).map((value) =>
    value === null || value === undefined ? '' : jsonValue(vr, value, characterSet),
  )
}

const jsonElement = (element: DcmjsElement, vr: string, characterSet: string): DicomElement => {
  const values = valuesOf(element, vr, characterSet).map((value) => (value === '' ? null : value))
  const isEmpty = values.length === 0 || (values.length === 1 && values[0] === null)
  return isEmpty ? { vr } : { vr, Value: values }
}

/** PS3.5 §6.1.2.5: of a dataset without one that of the dataset around it. */
const characterSetOf = ({ [hiddenCharacterSet]: hidden }: DcmjsDataset, around: string): string =>
  hidden === undefined
    ? around
    : [hidden.Value]
        .flat()
        .map((name) => String(name ?? '').trim())
        .join('\\')

const jsonDataset = (dataset: DcmjsDataset, around: string): DicomJson => {
  const json: Record<string, DicomElement> = {}
  const characterSet = characterSetOf(dataset, around)
  if (dataset[hiddenCharacterSet] !== undefined) json['00080005'] = { vr: 'CS', Value: ['ISO_IR 192'] }
  for (const [key, element] of Object.entries(dataset)) {
    const tag = key.toUpperCase()
    const vr = element.vr ?? ''
    if (!/^[0-9A-F]{8}$/.test(tag) || isFileMetaOrGroupLength(tag) || tag === pixelData) continue
    if (tag === hiddenCharacterSet) continue
    // dcmjs gives an UN the name of its dictionary for a tag of two VRs (xs, ox, lt), which is none: it stays unknown.
    if (/^[A-Z]{2}$/.test(vr) && !bulkVrs.has(vr)) json[tag] = jsonElement(element, vr, characterSet)
  }
  return json
}

/**
 * The metadata of a Part 10 file as the change feed shows it. Throws when the file cannot be read to its end.
 *
 * A limit of dcmjs: an empty US, UL or FL comes out as 0. Text arrives in Unicode, so SpecificCharacterSet is always
 * ISO_IR 192.
 */
export const readPart10 = (file: Buffer): DicomJson => {
  const bytes = new Uint8Array(withHiddenCharacterSets(file, checkStructure(file))).buffer
  return jsonDataset(data.DicomMessage.readFile(bytes, { untilTag: pixelData, includeUntilTagValue: false }).dict, '')
}
