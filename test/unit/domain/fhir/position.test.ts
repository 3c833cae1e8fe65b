import { createHash } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import {
  feedIdOf,
  namedIn,
  pointerId,
  pointerResource,
  positionId,
  positionResource,
} from '../../../../lib/domain/fhir/position'
import { assertValid } from '../../../support/fhir/domain-fhir'
import { root } from '../../../support/world/domain-settings'

const dicom = { root, version: 'v2' }
const named = [
  { type: { text: 'feed' }, system: 'urn:ietf:rfc:3986', value: root },
  { type: { text: 'feed id' }, value: positionId(root) },
]

const transaction = '0f4e3c5a-1111-4222-8333-444455556666'

describe('our position in FHIR', () => {
  it('has an id made of the first 32 hex digits of the SHA-256 of the service', () => {
    expect(positionId(root)).toBe(`dicomcast-${createHash('sha256').update(root).digest('hex').slice(0, 32)}`)
    expect(positionId(root)).toMatch(/^[A-Za-z0-9.-]{1,64}$/)
  })

  it('is born with constant content', () => {
    const born = positionResource({ dicom })
    assertValid(born)
    expect(born).toEqual({
      resourceType: 'Basic',
      id: positionId(root),
      code: { text: 'DICOMcast position' },
      identifier: named,
    })
  })

  it('names the feed, the run, the highest sequence, and an id of the transaction', () => {
    const position = positionResource({ dicom, run: transaction, sequence: 17, transaction })
    assertValid(position)
    expect(position.identifier).toEqual([
      ...named,
      { type: { text: 'run' }, system: 'urn:ietf:rfc:3986', value: `urn:uuid:${transaction}` },
      { type: { text: 'sequence' }, value: '17' },
      { type: { text: 'transaction' }, system: 'urn:ietf:rfc:3986', value: `urn:uuid:${transaction}` },
    ])
  })

  it('keeps its id when the service is renamed, and names the roots that it had', () => {
    const renamed = { ...dicom, root: 'https://new.example', feedId: positionId(root), formerRoots: [root] }
    const position = positionResource({ dicom: renamed })
    assertValid(position)
    expect([feedIdOf(renamed), position.id]).toEqual([positionId(root), positionId(root)])
    expect(namedIn(position)).toEqual({
      root: 'https://new.example',
      feedId: positionId(root),
      formerRoots: [root],
    })
  })

  it('has another id where a feed that was renamed since has the one of its root', () => {
    expect(new Set([positionId(root), positionId(root, 1), positionId(root, 2)]).size).toBe(3)
  })
})

describe('the pointer of a root', () => {
  it('is found by the root of today, and names the feed', () => {
    const renamed = { ...dicom, root: 'https://new.example', feedId: positionId(root), formerRoots: [root] }
    const pointer = pointerResource(renamed)
    assertValid(pointer)
    expect(pointer.id).toBe(pointerId('https://new.example'))
    expect(pointer.id).toMatch(/^dicomcast-root-[0-9a-f]{32}$/)
    expect(namedIn(pointer)).toMatchObject({ feedId: positionId(root), root: 'https://new.example' })
  })

  it('names nothing when it cannot be read', () => {
    const spoilt = { resourceType: 'Basic', code: {}, identifier: [null, { type: { text: 'feed id' }, value: '../x' }] }
    expect(namedIn(spoilt as never)).toEqual({ formerRoots: [] })
  })
})
