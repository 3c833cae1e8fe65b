import { describe, expect, it } from '@jest/globals'
import { failRowName, identityDigest, isFailRowName } from '../../../lib/domain/fail-row'

const key = { partition: 'p', studyInstanceUid: '1.2', seriesInstanceUid: '1.3', sopInstanceUid: '1.4' }

describe('the key of a fail row', () => {
  it('is the sequence of an entry, padded, whatever its UIDs are', () => {
    expect(failRowName({ sequence: 42, ...key })).toBe('0000000000000000042')
    expect(failRowName({ sequence: 42 })).toBe('0000000000000000042')
  })

  it('is made of all UIDs where no entry told of the instance', () => {
    const names = [key, { ...key, partition: 'q' }, { ...key, studyInstanceUid: '1.2.1' }, { partition: 'p' }].map(
      (each) => failRowName({ sequence: 0, ...each }),
    )
    expect(new Set(names).size).toBe(4)
    expect(names.every(isFailRowName)).toBe(true)
  })

  it('does not run two UIDs together', () => {
    const [left, right] = [
      { sequence: 0, partition: 'p', studyInstanceUid: '1.2.3', seriesInstanceUid: '' },
      { sequence: 0, partition: 'p', studyInstanceUid: '1.2', seriesInstanceUid: '.3' },
    ]
    expect(failRowName(left)).not.toBe(failRowName(right))
  })

  it.each(['42', 'i-', 'i-XYZ', '3f2c9f0e-aaaa', '00000000000000000042', 'i-0123456789abcdef0123456789abcdefa'])(
    'is not %s',
    (name) => expect(isFailRowName(name)).toBe(false),
  )
})

describe('the digest of an identifier', () => {
  it('is the same for the same feed, system and value, and short', () => {
    const digest = identityDigest('https://a', { system: 'urn:x', value: '12345' })
    expect(identityDigest('https://a', { system: 'urn:x', value: '12345' })).toBe(digest)
    expect(digest).toMatch(/^[0-9a-f]{6}$/)
  })

  it('differs in another feed, another system and another value', () => {
    const digests = [
      identityDigest('https://a', { system: 'urn:x', value: '12345' }),
      identityDigest('https://b', { system: 'urn:x', value: '12345' }),
      identityDigest('https://a', { system: undefined, value: '12345' }),
      identityDigest('https://a', { system: 'urn:x', value: '12346' }),
    ]
    expect(new Set(digests).size).toBe(4)
  })
})
