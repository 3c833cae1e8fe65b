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
    expect(read(['00200013', 'IS', ' 7'], ['00200032', 'DS', '1.50\\ 2e3\\high\\'])).toEqual({
      '00200013': { vr: 'IS', Value: [7] },
      '00200032': { vr: 'DS', Value: [1.5, 2000, 'high', null] },
    })
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
