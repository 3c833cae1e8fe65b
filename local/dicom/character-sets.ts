import { inflateRawSync } from 'node:zlib'
import { convertBytes } from 'dicom-character-set'
import { withoutTrailing } from '../../lib/domain/text'

/**
 * dcmjs decodes the text of a dataset by its first character set alone, that of its items not at all, and refuses a
 * dataset that has several. So it never gets to see SpecificCharacterSet (0008,0005): it reads every text byte by byte,
 * and what the bytes mean is found out here, item by item.
 */
export const hiddenCharacterSet = '00041130'

/** VRs whose text is in SpecificCharacterSet (PS3.5 §6.1.2.3). */
const textVrs = new Set(['LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UT'])
const withoutParts = new Set(['LT', 'ST', 'UT'])

const pair = (group: number, element: number, bigEndian: boolean): Buffer => {
  const bytes = Buffer.alloc(4)
  if (bigEndian) bytes.writeUInt16BE(group)
  else bytes.writeUInt16LE(group)
  if (bigEndian) bytes.writeUInt16BE(element, 2)
  else bytes.writeUInt16LE(element, 2)
  return bytes
}

const deflated = '1.2.840.10008.1.2.1.99'

/** The same file, not deflated. */
const inflated = (file: Buffer, datasetAt: number): Buffer => {
  const meta = Buffer.from(file.subarray(0, datasetAt))
  const at = meta.indexOf(deflated)
  if (at < 0) return file
  meta.fill(0, at, at + deflated.length).write(deflated.slice(0, -3), at, 'latin1')
  return Buffer.concat([meta, inflateRawSync(file.subarray(datasetAt))])
}

/** A character set is named in capitals; whatever else these bytes may be is no text that anybody reads. */
const isNamed = (file: Buffer, at: number, explicit: boolean, bigEndian: boolean): boolean => {
  const size = explicit ? 2 : 4
  const lengthAt = explicit ? at + 6 : at + 4
  if (lengthAt + size > file.length) return false
  const length = bigEndian ? file.readUIntBE(lengthAt, size) : file.readUIntLE(lengthAt, size)
  const value = file.toString('latin1', lengthAt + size, lengthAt + size + length)
  return length <= 256 && value.length === length && /^[A-Z0-9_ \\-]*$/.test(value)
}

/** A copy whose SpecificCharacterSet, at every depth, stands where dcmjs takes it for any code string. */
export const withHiddenCharacterSets = (
  file: Buffer,
  { datasetAt, explicit, bigEndian }: { datasetAt: number; explicit: boolean; bigEndian: boolean },
): Buffer => {
  const copy = Buffer.from(inflated(file, datasetAt))
  const tag = pair(0x0008, 0x0005, bigEndian)
  const sought = explicit ? Buffer.concat([tag, Buffer.from('CS')]) : tag
  const hidden = pair(0x0004, 0x1130, bigEndian)
  for (let at = copy.indexOf(sought, datasetAt); at >= 0; at = copy.indexOf(sought, at + 4)) {
    if (isNamed(copy, at, explicit, bigEndian)) hidden.copy(copy, at)
  }
  return copy
}

// What dcmjs decodes with: each byte is one character, and the other way round.
const characters = new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 256 }, (_, byte) => byte))
const byteOf = new Map([...characters].map((character, byte) => [character, byte]))

const decode = (text: string, characterSet: string, vr: string): string => {
  // Without a set, 8-bit text is what everybody took for one: Latin.
  if (characterSet === '') return text
  const bytes = Uint8Array.from(text, (character) => byteOf.get(character) ?? 0x3f)
  try {
    return convertBytes(characterSet, bytes, { vr })
  } catch {
    // A set that nobody knows, or an escape that is in none of them: the bytes as they are, which is what Azure shows.
    return text
  }
}

const groupsOf = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  const { Alphabetic = '', Ideographic = '', Phonetic = '' } = value as Readonly<Record<string, string>>
  return withoutTrailing([Alphabetic, Ideographic, Phonetic].join('='), '=')
}

/** The values of an element in Unicode. A byte of a character may be a backslash, so they are decoded as one text. */
export const decodedValues = (
  values: ReadonlyArray<unknown>,
  vr: string,
  characterSet: string,
): ReadonlyArray<unknown> => {
  if (!textVrs.has(vr) || values.length === 0) return values
  const texts = values.map((value) => (vr === 'PN' ? groupsOf(value) : value)).map((value) => value ?? '')
  if (!texts.every((text) => typeof text === 'string')) return values
  const text = decode(texts.join('\\'), characterSet, vr)
  return withoutParts.has(vr) ? [text] : text.split('\\')
}
