import { createHash } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { positionId, positionResource } from '../../../../lib/domain/fhir/position'
import { assertValid } from '../../../support/fhir/domain-fhir'
import { root } from '../../../support/world/domain-settings'

const transaction = '0f4e3c5a-1111-4222-8333-444455556666'

describe('our position in FHIR', () => {
  it('has an id made of the first 32 hex digits of the SHA-256 of the service', () => {
    expect(positionId(root)).toBe(`dicomcast-${createHash('sha256').update(root).digest('hex').slice(0, 32)}`)
    expect(positionId(root)).toMatch(/^[A-Za-z0-9.-]{1,64}$/)
  })

  it('is born with constant content', () => {
    const born = positionResource({ root })
    assertValid(born)
    expect(born).toEqual({
      resourceType: 'Basic',
      id: positionId(root),
      code: { text: 'DICOMcast position' },
      identifier: [{ type: { text: 'feed' }, system: 'urn:ietf:rfc:3986', value: root }],
    })
  })

  it('names the feed, the run, the highest sequence, and an id of the transaction', () => {
    const position = positionResource({ root, run: transaction, sequence: 17, transaction })
    assertValid(position)
    expect(position.identifier).toEqual([
      { type: { text: 'feed' }, system: 'urn:ietf:rfc:3986', value: root },
      { type: { text: 'run' }, system: 'urn:ietf:rfc:3986', value: `urn:uuid:${transaction}` },
      { type: { text: 'sequence' }, value: '17' },
      { type: { text: 'transaction' }, system: 'urn:ietf:rfc:3986', value: `urn:uuid:${transaction}` },
    ])
  })
})
