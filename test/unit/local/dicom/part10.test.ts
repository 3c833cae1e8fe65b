import { describe, expect, it } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readPart10 } from '../../../../local/dicom/part10'
import { findFiles, sampleFolder } from '../../../../local/dicom/sample-studies'
import { part10File } from '../../../support/world/dicom-part10'

const sample = (name: string): Promise<Buffer> => readFile(join(sampleFolder(), name))

const read = (...elements: ReadonlyArray<readonly [string, string, string | Buffer]>) =>
  readPart10(part10File(elements))

describe('readPart10', () => {
  it('splits a name into its component groups, and leaves out the empty ones', () => {
    expect(read(['00100010', 'PN', 'Yamada^Tarou==やまだ^たろう'])['00100010']).toEqual({
      vr: 'PN',
      Value: [expect.objectContaining({ Alphabetic: 'Yamada^Tarou' })],
    })
    expect(read(['00080005', 'CS', 'ISO_IR 192'], ['00100010', 'PN', '=山田^太郎'])['00100010']).toEqual({
      vr: 'PN',
      Value: [{ Ideographic: '山田^太郎' }],
    })
  })

  it('writes DS and IS as numbers where they parse, else as strings', () => {
    const written = JSON.stringify(read(['00200013', 'IS', ' 7'], ['00200032', 'DS', '1.50\\ 2e3\\high\\']))
    expect(written).toBe('{"00200013":{"vr":"IS","Value":[7]},"00200032":{"vr":"DS","Value":[1.50,2e3,"high",null]}}')
  })

  it('writes FL and FD that JSON has no number for as strings', () => {
    const value = Buffer.alloc(16)
    value.writeDoubleLE(-Infinity, 0)
    value.writeDoubleLE(NaN, 8)
    expect(read(['00189073', 'FD', value])).toEqual({ '00189073': { vr: 'FD', Value: ['-Infinity', 'NaN'] } })
  })

  it('writes an empty element without Value, and an empty value among others as null', () => {
    expect(read(['00080050', 'SH', ''], ['00081032', 'SQ', ''], ['00101000', 'LO', 'A\\\\B'])).toEqual({
      '00080050': { vr: 'SH' },
      '00081032': { vr: 'SQ' },
      '00101000': { vr: 'LO', Value: ['A', null, 'B'] },
    })
  })

  it('leaves out an UN whose tag may have two VRs, as every UN of an unknown tag: at any depth of every sample, too', async () => {
    const value = Buffer.from([1, 0])
    expect(read(['00280103', 'US', value], ['00280106', 'UN', value], ['00283006', 'UN', value])).toEqual({
      '00280103': { vr: 'US', Value: [1] },
    })
    for (const file of await findFiles(sampleFolder())) {
      const text = await readFile(file)
        .then((bytes) => JSON.stringify(readPart10(bytes)))
        .catch(() => '')
      expect(text).not.toMatch(/"vr":"(?![A-Z]{2}")/)
    }
  })

  it('takes a backslash in ST, LT and UT for text, and in LO for the end of a value', () => {
    expect(read(['00081030', 'LO', 'a\\b'], ['00204000', 'LT', 'a\\b'], ['0040A160', 'UT', '\\b\\'])).toEqual({
      '00081030': { vr: 'LO', Value: ['a', 'b'] },
      '00204000': { vr: 'LT', Value: ['a\\b'] },
      '0040A160': { vr: 'UT', Value: ['\\b\\'] },
    })
    expect(read(['00420010', 'ST', 'a\\b'])['00420010']).toEqual({ vr: 'ST', Value: ['a\\b'] })
  })

  it('writes an attribute tag as eight hex digits', async () => {
    expect(readPart10(await sample('explicit_little.dcm'))['00280009']).toEqual({ vr: 'AT', Value: ['00181063'] })
  })

  it('leaves out bulk data, group lengths, file meta information and pixel data, at any depth', async () => {
    const text = JSON.stringify(
      await Promise.all(
        ['rle.dcm', 'jpeg_2000.dcm', 'implicit_little.dcm'].map(async (name) => readPart10(await sample(name))),
      ),
    )
    expect(text).not.toMatch(/"vr":"(O[BDFLVW]|UN)"|"7FE00010"|"0002....":|"....0000":|_rawValue/)
    expect(text).toContain('"vr":"SQ"')
  })

  it.each([
    ['deflated.dcm', '1.3.6.1.4.1.5962.1.2.0.977067310.6001.0'],
    ['explicit_big.dcm', '0.0.0.0.2.8811.20010413115754.12432'],
    ['implicit_little.dcm', '1.2.840.113619.2.1.3352.2053053415.834484316'],
    ['rle.dcm', '1.3.6.1.4.1.5962.1.2.1.20031208063649.855'],
  ])('reads %s', async (name, studyInstanceUid) => {
    expect(readPart10(await sample(name))['0020000D']).toEqual({ vr: 'UI', Value: [studyInstanceUid] })
  })

  it('refuses one sample file alone, whose end is no DICOM', async () => {
    const refused: string[] = []
    const files = await findFiles()
    for (const file of files) {
      try {
        readPart10(await readFile(file))
      } catch (error) {
        refused.push(`${file.slice(sampleFolder().length + 1)}: ${(error as Error).message}`)
      }
    }
    expect(files).toHaveLength(29)
    expect(refused).toEqual([`${join('volume', 'brain_001.dcm')}: 2490368 bytes at the end are not data elements`])
  })

  it.each(['explicit_little.dcm', 'explicit_big.dcm', 'implicit_little.dcm', 'jpeg_ls.dcm', 'deflated.dcm'])(
    'refuses %s when its last bytes are missing',
    async (name) => {
      const file = await sample(name)
      expect(() => readPart10(file.subarray(0, file.length - 200))).toThrow()
    },
  )

  it('refuses what is not a Part 10 file', () => {
    expect(() => readPart10(Buffer.from('Dear colleague, please find attached'))).toThrow('not a DICOM Part 10 file')
  })
})

describe('A16: text in any character set (PS3.5 §6.1.2.5), at every depth', () => {
  const bytes = (...parts: ReadonlyArray<string | ReadonlyArray<number>>): Buffer => {
    const all = Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
    )
    return all.length % 2 === 0 ? all : Buffer.concat([all, Buffer.from(' ')])
  }
  const item = (...elements: ReadonlyArray<Buffer>): Buffer => {
    const content = Buffer.concat(elements)
    const header = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0])
    header.writeUInt32LE(content.length, 4)
    return Buffer.concat([header, content])
  }
  const inItem = (group: number, number: number, vr: string, value: Buffer): Buffer => {
    const header = Buffer.alloc(8)
    header.writeUInt16LE(group, 0)
    header.writeUInt16LE(number, 2)
    header.write(vr, 4, 'latin1')
    header.writeUInt16LE(value.length, 6)
    return Buffer.concat([header, value])
  }
  const meaning = (value: Buffer): Buffer => inItem(0x0008, 0x0104, 'LO', value)
  const [ESC] = [0x1b]

  // From PS3.5 Annexes H, I, J, K and L.
  it.each<[string, Buffer, string]>([
    ['ISO_IR 192', Buffer.from('Schädel '), 'Schädel'],
    ['ISO_IR 100', bytes('Sch', [0xe4], 'del'), 'Schädel'],
    ['ISO_IR 101', bytes([0xa3], 'ab'), 'Łab'],
    ['ISO_IR 144', bytes([0xbb, 0xee, 0xda]), 'Люк'],
    ['ISO_IR 126', bytes([0xc4, 0xe9]), 'Δι'],
    ['ISO_IR 127', bytes([0xe2, 0xc8]), 'قب'],
    ['ISO_IR 138', bytes([0xf9, 0xe5]), 'שו'],
    ['ISO_IR 166', bytes([0xa1, 0xd2]), 'กา'],
    ['ISO_IR 13', bytes([0xd4, 0xcf, 0xc0, 0xde]), 'ﾔﾏﾀﾞ'],
    ['GB18030', bytes([0xcd, 0xf5]), '王'],
    ['GBK', bytes([0xcd, 0xf5]), '王'],
    ['\\ISO 2022 IR 87', bytes([ESC], '$B', [0x3b, 0x33, 0x45, 0x44], [ESC], '(B'), '山田'],
    ['\\ISO 2022 IR 149', bytes([ESC], '$)C', [0xb1, 0xe8]), '김'],
    ['\\ISO 2022 IR 58', bytes([ESC], '$)A', [0xcd, 0xf5]), '王'],
  ])('%s', (characterSet, text, expected) => {
    const json = read(
      ['00080005', 'CS', characterSet],
      ['00081030', 'LO', text],
      ['00081032', 'SQ', item(meaning(text))],
      ['00100010', 'PN', text],
    )
    expect(json).toEqual({
      '00080005': { vr: 'CS', Value: ['ISO_IR 192'] },
      '00081030': { vr: 'LO', Value: [expected] },
      '00081032': { vr: 'SQ', Value: [{ '00080104': { vr: 'LO', Value: [expected] } }] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: expected }] },
    })
  })

  it('an item may have one of its own', () => {
    const own = item(inItem(0x0008, 0x0005, 'CS', bytes('ISO_IR 192')), meaning(Buffer.from('Schädel ')))
    const json = read(['00080005', 'CS', 'ISO_IR 100'], ['00081030', 'LO', bytes([0xe4])], ['00081032', 'SQ', own])
    expect(json['00081030']?.Value).toEqual(['ä'])
    expect(json['00081032']?.Value).toEqual([expect.objectContaining({ '00080104': { vr: 'LO', Value: ['Schädel'] } })])
  })

  it('a name in three groups', () => {
    const name = bytes(
      ...['Yamada^Tarou=', [ESC], '$B', [0x3b, 0x33, 0x45, 0x44], [ESC], '(B^', [ESC], '$B', [0x42, 0x40, 0x4f, 0x3a]],
      ...[[ESC], '(B=', [ESC], '$B', [0x24, 0x64, 0x24, 0x5e], [ESC], '(B'],
    )
    expect(read(['00080005', 'CS', '\\ISO 2022 IR 87'], ['00100010', 'PN', name])['00100010']?.Value).toEqual([
      { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やま' },
    ])
  })

  it('what cannot be decoded stays as its bytes, and no file is refused for it', () => {
    expect(read(['00080005', 'CS', 'ISO_IR 999'], ['00081030', 'LO', bytes([0xe4])])['00081030']?.Value).toEqual(['ä'])
  })
})

it('shows a UID as it is, illegal characters and all', () => {
  expect(read(['00080018', 'UI', '1.2a.3'])['00080018']?.Value).toEqual(['1.2a.3'])
})
