import { describe, expect, it } from '@jest/globals'
import type { Endpoint } from 'fhir/r4'
import { dicomRoot, ourTag } from '../../../../lib/domain/fhir/provenance'
import {
  correctEndpoint,
  isDicomEndpoint,
  isEndpointOf,
  mapEndpoint,
  partitionsIn,
  repointEndpoint,
} from '../../../../lib/domain/mapping/endpoint'
import { assertValid } from '../../../support/fhir/domain-fhir'
import { originalEndpoint } from '../../../support/world/domain-residents'
import { root } from '../../../support/world/domain-settings'

const dicom = dicomRoot(root, 'v2')
const wanted = mapEndpoint(dicom, 'Microsoft.Default')
const ofResearch = mapEndpoint(dicom, 'research')

describe('Endpoint', () => {
  it('is made of the address alone', () => {
    assertValid(wanted)
    expect(wanted).toEqual({
      resourceType: 'Endpoint',
      meta: { source: root, tag: [ourTag] },
      identifier: [{ system: 'urn:ietf:rfc:3986', value: `${root}/v2` }],
      status: 'active',
      connectionType: {
        system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
        code: 'dicom-wado-rs',
      },
      name: `DICOM WADO-RS endpoint ${root}/v2`,
      payloadType: [{ text: 'DICOM WADO-RS' }],
      payloadMimeType: ['application/dicom'],
      address: `${root}/v2`,
    })
  })

  it('of a named partition has it in address, name, identifier and source', () => {
    const address = `${root}/v2/partitions/research`
    expect(ofResearch).toEqual({
      ...wanted,
      meta: { source: `${root}/partitions/research`, tag: [ourTag] },
      identifier: [{ system: 'urn:ietf:rfc:3986', value: address }],
      name: `DICOM WADO-RS endpoint ${address}`,
      address,
    })
  })
})

describe('finding the Endpoint of a partition', () => {
  const isOurs = isEndpointOf(dicom, 'Microsoft.Default')
  const named = (address: string, name = `DICOM WADO-RS endpoint ${address}`): Endpoint => ({
    ...originalEndpoint,
    address,
    name,
  })

  it.each([
    ['ours', wanted],
    ["the original's", originalEndpoint],
    ["the original's, without the slash", named(root)],
    ['of another version', named(`${root}/v1`)],
    ['with our identifier and a name of its own', { ...wanted, name: 'Radiology' }],
    ["an administrator's, by its address", named(root, 'Main PACS')],
    ["an administrator's, however it writes the address", named('HTTPS://DICOM.example.org:443/v1/', 'Main PACS')],
  ])('takes it: %s', (_what, endpoint) => {
    expect([isOurs(endpoint), isEndpointOf(dicom, 'research')(endpoint)]).toEqual([true, false])
  })

  it.each([
    ['of another partition', ofResearch],
    ['of another service', named('https://dicom.example.org.evil.example')],
    [
      'whose name only begins like ours: a search by name is a prefix match',
      named(`${root}-x`, `DICOM WADO-RS endpoint ${root}-x`),
    ],
    ['with our address, but not of DICOM', { ...named(root, 'Radiology'), connectionType: { code: 'hl7-fhir-rest' } }],
    ['with our address, and switched off', { ...named(root, 'Radiology'), status: 'off' as const }],
    ['with our address, and entered in error', { ...named(root, 'Radiology'), status: 'entered-in-error' as const }],
  ])('leaves it: %s', (_what, endpoint) => {
    expect(isOurs(endpoint)).toBe(false)
  })

  it('knows a DICOM Endpoint of anybody by its connection type', () => {
    const fhir = { ...wanted, connectionType: { system: wanted.connectionType.system ?? '', code: 'hl7-fhir-rest' } }
    expect([isDicomEndpoint(ofResearch), isDicomEndpoint(fhir)]).toEqual([true, false])
  })
})

describe('correcting an Endpoint', () => {
  it("gives the original's our identifier and no empty coding; name and address stay, also the next time", () => {
    const corrected = correctEndpoint(originalEndpoint, wanted)
    assertValid(corrected)
    const { name, address } = originalEndpoint
    expect(corrected).toEqual({ ...wanted, id: '901', meta: undefined, name, address })
    expect(correctEndpoint(corrected, wanted)).toEqual(corrected)
  })

  it('changes the version everywhere', () => {
    const older = { ...mapEndpoint(dicomRoot(root, 'v1'), 'Microsoft.Default'), id: '5' }
    expect(correctEndpoint(older, wanted)).toEqual({ ...wanted, id: '5' })
  })

  it('leaves a suspended status, other identifiers and what others added', () => {
    const other = { system: 'http://ris.example', value: '17' }
    const period = { start: '2026-01-01' }
    const existing: Endpoint = { ...wanted, status: 'suspended', identifier: [other], period }
    expect(correctEndpoint(existing, wanted)).toEqual({
      ...wanted,
      status: 'suspended',
      identifier: [...(wanted.identifier ?? []), other],
      period,
    })
  })

  it('points it at the new name of the service, and forgets the old', () => {
    const other = { system: 'http://ris.example', value: '17' }
    const before: Endpoint = { ...wanted, id: '5', identifier: [...(wanted.identifier ?? []), other] }
    const next = mapEndpoint(dicomRoot('https://new.example', 'v2'), 'Microsoft.Default')
    expect(repointEndpoint(before, next, [wanted.address])).toEqual({
      ...next,
      id: '5',
      meta: wanted.meta,
      identifier: [...(next.identifier ?? []), other],
    })
  })
})

describe('the partitions that an Endpoint may be of', () => {
  it.each([
    [['Microsoft.Default'], wanted],
    [['research'], ofResearch],
    [['research'], { ...wanted, identifier: [], name: 'PACS', address: `${root}/v1/partitions/research/` }],
    [[], mapEndpoint(dicomRoot('https://other.example', 'v2'), 'research')],
  ])('are %j', (partitions, endpoint) => {
    expect([...partitionsIn(dicom, endpoint)]).toEqual(partitions)
  })
})
