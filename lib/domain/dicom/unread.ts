import { dictionary } from './tags'

const code = (character: string): number => character.charCodeAt(0)
const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const open = 0x5b
const backslash = 0x5c
const close = 0x5d
const end = 0x7d

const ascii = (text: string): Uint8Array => Uint8Array.from([...text].map(code))

/** Fixed text is compared four bytes at a time. */
const wordsOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength)
const word = (text: string): number => wordsOf(ascii(text)).getInt32(0)

/** A table over all bytes: 1 for those that are in. */
const tableOf = (isIn: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => (isIn(byte) ? 1 : 0))

const scalars = new Set([...'0123456789+-.eE,nul'].map(code))
/** Numbers, null, and what stands between them. */
const isScalar = tableOf((byte) => scalars.has(byte))
/** Of a text without an escape. */
const isPlain = tableOf((byte) => byte >= 0x20 && byte !== quote && byte !== backslash)

const noDigit = 16
/** What each byte is worth as an upper-case hexadecimal digit. */
const digits = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789ABCDEF'.indexOf(String.fromCharCode(byte))
  return digit < 0 ? noDigit : digit
})

const noTag = -1
/** Eight digits as one number of 32 bits. */
const tagAt = (piece: Uint8Array, at: number): number => {
  let tag = 0
  let all = 0
  for (let index = at; index < at + 8; index++) {
    const digit = digits[piece[index] ?? 0] ?? noDigit
    tag = (tag << 4) | digit
    all |= digit
  }
  return all < noDigit ? tag : noTag
}

const read = new Set(Object.values(dictionary).map(({ tag }) => tagAt(ascii(tag), 0)))

// "00281050":{"vr":"DS","Value":[40]},
// 0        9           21       31
const atVr = 9
const behindVr = 21
const atValues = 31
const vrStart = word('":{"')
const vrEnd = word('vr":')
const valueStart = word(',"Va')
const valueEnd = word('lue"')

/** Behind the bracket that closes a list of scalars; 0 when there is anything else in it, or no end in this piece. */
const endOfValues = (piece: Uint8Array, from: number): number => {
  // What is looked at behind a text must be there: to read behind the end of an array costs more than all the rest.
  const limit = piece.length - 5
  let at = from
  while (at < limit) {
    let byte = piece[at] ?? 0
    while (isScalar[byte] === 1 && at < limit) byte = piece[++at] ?? 0
    if (byte === close) return at + 1
    const before = piece[at - 1]
    if (byte !== quote || (before !== comma && before !== open)) return 0
    byte = piece[++at] ?? 0
    while (isPlain[byte] === 1 && at < limit) byte = piece[++at] ?? 0
    if (byte !== quote) return 0
    byte = piece[++at] ?? 0
    if (byte === close) return at + 1
    if (byte !== comma) return 0
  }
  return 0
}

/** Behind the comma that follows an element nobody reads; 0 when none is here, or it is not plain. `words`: of the piece. */
const endOfUnread = (piece: Uint8Array, words: DataView, at: number): number => {
  if (at + atValues >= piece.length) return 0
  if (words.getInt32(at + atVr) !== vrStart || words.getInt32(at + atVr + 4) !== vrEnd) return 0
  if (piece[at + atVr + 8] !== quote || piece[at + behindVr - 1] !== quote) return 0
  const tag = tagAt(piece, at + 1)
  if (tag === noTag || read.has(tag)) return 0
  if (piece[at + behindVr] === end) return piece[at + behindVr + 1] === comma ? at + behindVr + 2 : 0
  if (words.getInt32(at + behindVr) !== valueStart || words.getInt32(at + behindVr + 4) !== valueEnd) return 0
  if (piece[at + atValues - 2] !== colon || piece[at + atValues - 1] !== open) return 0
  const behind = endOfValues(piece, at + atValues)
  return behind > 0 && piece[behind] === end && piece[behind + 1] === comma ? behind + 2 : 0
}

/** Moves what is kept of a piece to its beginning; how many bytes that are. */
const gather = (piece: Uint8Array): number => {
  const words = wordsOf(piece)
  let at = 0
  let kept = 0
  // Of the first byte of a piece nobody knows here what stands before it.
  let before = backslash
  while (at < piece.length) {
    const byte = piece[at] ?? 0
    const behind = byte === quote && before !== backslash ? endOfUnread(piece, words, at) : 0
    if (behind > 0) {
      at = behind
      before = comma
    } else {
      piece[kept] = before = byte
      kept += 1
      at += 1
    }
  }
  return kept
}

/**
 * A piece of JSON text (UTF-8) with datasets in the DICOM JSON Model (PS3.18 Annex F), without plain elements that this
 * product does not read: that is nine tenths of the text of a CT, and parsing is most of the work. An element is only
 * recognised as the service writes it, and cannot be mistaken: a quotation mark inside of a text is escaped. All others
 * stay, and so do the last element of a dataset and one that is not whole in this piece; they are passed over when the
 * entry is decoded. What is left is the beginning of the piece itself, which is
 * overwritten.
 */
export const withoutUnread = (piece: Uint8Array): Uint8Array => piece.subarray(0, gather(piece))
