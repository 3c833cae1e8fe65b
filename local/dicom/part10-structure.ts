import { inflateRawSync } from 'node:zlib'
import { withoutTrailing } from '../../lib/domain/text'

const undefinedLength = 0xffffffff
const item = 'FFFEE000'
const itemEnd = 'FFFEE00D'
const sequenceEnd = 'FFFEE0DD'

/** VRs whose length field has 32 bits in explicit VR (PS3.5 §7.1.2). */
const longLength = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV'])

const transferSyntax = {
  implicitLittleEndian: '1.2.840.10008.1.2',
  explicitBigEndian: '1.2.840.10008.1.2.2',
  deflated: '1.2.840.10008.1.2.1.99',
}

export interface Encoding {
  readonly explicit: boolean
  readonly bigEndian: boolean
}

interface Header {
  readonly tag: string
  readonly vr: string
  readonly length: number
  readonly valueAt: number
}

const cut = (): Error => new Error('the file ends in the middle of a data element')

const readTag = (bytes: Buffer, at: number, { bigEndian }: Encoding): string => {
  if (at + 4 > bytes.length) throw cut()
  const group = bigEndian ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at)
  const element = bigEndian ? bytes.readUInt16BE(at + 2) : bytes.readUInt16LE(at + 2)
  return (group * 0x10000 + element).toString(16).padStart(8, '0').toUpperCase()
}

const readHeader = (bytes: Buffer, at: number, encoding: Encoding): Header => {
  const uint = (offset: number, size: 2 | 4): number => {
    if (offset + size > bytes.length) throw cut()
    return encoding.bigEndian ? bytes.readUIntBE(offset, size) : bytes.readUIntLE(offset, size)
  }
  const tag = readTag(bytes, at, encoding)
  // Items and delimiters never have a VR (PS3.5 §7.5).
  if (!encoding.explicit || tag.startsWith('FFFE')) return { tag, vr: '', length: uint(at + 4, 4), valueAt: at + 8 }
  const vr = bytes.toString('latin1', at + 4, at + 6)
  if (!/^[A-Z]{2}$/.test(vr)) throw new Error(`(${tag}) has no value representation`)
  return longLength.has(vr)
    ? { tag, vr, length: uint(at + 8, 4), valueAt: at + 12 }
    : { tag, vr, length: uint(at + 6, 2), valueAt: at + 8 }
}

/** The offset after the value of an element; goes inside only where the length is undefined. */
const skipValue = (bytes: Buffer, header: Header, encoding: Encoding): number => {
  if (header.length !== undefinedLength) {
    const end = header.valueAt + header.length
    if (end > bytes.length) throw cut()
    return end
  }
  // An UN of undefined length holds a sequence in implicit VR (PS3.5 §6.2.2).
  const inner = header.vr === 'UN' ? { explicit: false, bigEndian: encoding.bigEndian } : encoding
  let at = header.valueAt
  for (;;) {
    const next = readHeader(bytes, at, inner)
    if (next.tag === sequenceEnd) return next.valueAt
    if (next.tag !== item) throw new Error(`(${header.tag}) holds (${next.tag}) where an item is due`)
    at = next.length === undefinedLength ? skipItem(bytes, next.valueAt, inner) : skipValue(bytes, next, inner)
  }
}

const skipItem = (bytes: Buffer, from: number, encoding: Encoding): number => {
  let at = from
  for (;;) {
    const next = readHeader(bytes, at, encoding)
    if (next.tag === itemEnd) return next.valueAt
    at = skipValue(bytes, next, encoding)
  }
}

/** Reads the File Meta Information (PS3.10 §7.1) and says where the dataset begins and how it is encoded. */
const openDataset = (file: Buffer): { dataset: Buffer; datasetAt: number; encoding: Encoding } => {
  if (file.toString('latin1', 128, 132) !== 'DICM') throw new Error('there is no DICM prefix: not a DICOM Part 10 file')
  const metaEncoding = { explicit: true, bigEndian: false }
  let at = 132
  let syntax = ''
  while (at < file.length && readTag(file, at, metaEncoding).startsWith('0002')) {
    const header = readHeader(file, at, metaEncoding)
    at = skipValue(file, header, metaEncoding)
    if (header.tag === '00020010') syntax = withoutTrailing(file.toString('latin1', header.valueAt, at), '\0 ')
  }
  if (syntax === '') throw new Error('the transfer syntax is missing')
  const rest = file.subarray(at)
  return {
    datasetAt: at,
    dataset: syntax === transferSyntax.deflated ? inflateRawSync(rest) : rest,
    encoding: {
      explicit: syntax !== transferSyntax.implicitLittleEndian,
      bigEndian: syntax === transferSyntax.explicitBigEndian,
    },
  }
}

/**
 * Walks a Part 10 file from the first to the last data element without reading values, and throws where it does not
 * hold together. Answers where the dataset begins and how it is encoded. dcmjs alone would not notice: it stops before the pixel data, and takes what is there of a value
 * that is cut short.
 */
export const checkStructure = (file: Buffer): Encoding & { readonly datasetAt: number } => {
  const { dataset, datasetAt, encoding } = openDataset(file)
  let at = 0
  while (at < dataset.length) {
    // A dataset begins at group 0008 (PS3.10 §7.1): below it there are only padding and rubbish.
    if (readTag(dataset, at, encoding) < '00080000') {
      throw new Error(`${dataset.length - at} bytes at the end are not data elements`)
    }
    at = skipValue(dataset, readHeader(dataset, at, encoding), encoding)
  }
  return { ...encoding, datasetAt }
}
