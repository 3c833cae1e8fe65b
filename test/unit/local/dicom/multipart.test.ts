import { describe, expect, it } from '@jest/globals'
import { joinMultipart, readContentType, splitMultipart } from '../../../../local/dicom/multipart'

describe('multipart', () => {
  it('gives back the bytes of each part, whatever is in them', () => {
    const parts = [Buffer.from('a\r\n\r\nb--c\r\n'), Buffer.alloc(0), Buffer.from([0, 13, 10, 45, 45, 255])]
    expect(splitMultipart(joinMultipart(parts, 'edge'), 'edge')).toEqual(parts)
  })

  it('passes over a preamble and what follows the end', () => {
    const body = 'hello\r\n--edge\r\nContent-Type: x\r\n\r\none\r\n--edge--\r\n--edge\r\n\r\ntwo'
    expect(splitMultipart(Buffer.from(body), 'edge').map(String)).toEqual(['one'])
  })

  it('reads the parameters of a Content-Type with and without quotes', () => {
    const { type, parameters } = readContentType('Multipart/Related; type="application/dicom"; Boundary=a=b')
    expect([type, parameters.get('type'), parameters.get('boundary')]).toEqual([
      'multipart/related',
      'application/dicom',
      'a=b',
    ])
  })
})
