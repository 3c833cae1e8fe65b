const explicitLittleEndian = '1.2.840.10008.1.2.1'

const padded = (value: string, vr: string): Buffer => {
  const bytes = Buffer.from(value, 'utf8')
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from(vr === 'UI' ? '\0' : ' ')])
}

const element = (tag: string, vr: string, value: Buffer): Buffer => {
  const isLong = ['OB', 'OW', 'SQ', 'UN', 'UT'].includes(vr)
  const header = Buffer.alloc(isLong ? 12 : 8)
  header.writeUInt16LE(Number.parseInt(tag.slice(0, 4), 16), 0)
  header.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2)
  header.write(vr, 4, 'latin1')
  if (isLong) header.writeUInt32LE(value.length, 8)
  else header.writeUInt16LE(value.length, 6)
  return Buffer.concat([header, value])
}

/** A Part 10 file in Explicit VR Little Endian from `[tag, vr, value]`, which must be in the order of the tags. */
export const part10File = (
  elements: ReadonlyArray<readonly [tag: string, vr: string, value: string | Buffer]>,
): Buffer => {
  const meta = element('00020010', 'UI', padded(explicitLittleEndian, 'UI'))
  const metaLength = Buffer.alloc(4)
  metaLength.writeUInt32LE(meta.length)
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    element('00020000', 'UL', metaLength),
    meta,
    ...elements.map(([tag, vr, value]) => element(tag, vr, typeof value === 'string' ? padded(value, vr) : value)),
  ])
}

/** The least that can be stored; a PatientID of `null` is left out. */
export const storableFile = ({
  study = '1.2.3',
  series = '1.2.3.1',
  sop = '1.2.3.1.1',
  patientId = 'P1' as string | null,
} = {}): Buffer =>
  part10File([
    ['00080016', 'UI', '1.2.840.10008.5.1.4.1.1.2'],
    ['00080018', 'UI', sop],
    ['00100010', 'PN', 'Rivera^Ana'],
    ...(patientId === null ? [] : [['00100020', 'LO', patientId] as const]),
    ['0020000D', 'UI', study],
    ['0020000E', 'UI', series],
  ])
