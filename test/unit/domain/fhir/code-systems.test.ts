import { describe, expect, it } from '@jest/globals'
import type { CodeSystem, CodeSystemConcept } from 'fhir/r4'
import {
  codeSystems,
  dicomModality,
  identifierTypes,
  isDicomModality,
  studyInstanceUidType,
} from '../../../../lib/domain/fhir/code-systems'
import { eventRows, summaryRows } from '../../../../lib/domain/mapping/dose/concepts'
import { irradiationEvent } from '../../../../lib/domain/mapping/dose/events'
import { readDefinitions } from '../../../../local/fhir/definitions'

const conceptsIn = (file: string, url: string): ReadonlyArray<CodeSystemConcept> => {
  const below = ({ concept = [] }: Pick<CodeSystem, 'concept'>): ReadonlyArray<CodeSystemConcept> =>
    concept.flatMap((each) => [each, ...below(each)])
  return readDefinitions<CodeSystem>(file)
    .filter((each) => each.resourceType === 'CodeSystem' && each.url === url)
    .flatMap(below)
}

const published = new Map(conceptsIn('valuesets', codeSystems.dcm).map(({ code, display }) => [code, display]))

describe("R4's own code systems", () => {
  it('print the display of every modality that they know; the others have none', () => {
    const known = [...published.keys()].filter(isDicomModality)
    expect(known.length).toBeGreaterThan(60)
    expect(known.map((code) => dicomModality(code).display)).toEqual(known.map((code) => published.get(code)))
    expect(['CTPROTOCOL', 'EEG', 'TEXTUREMAP', 'ANN'].filter((code) => published.has(code))).toEqual([])
    expect(['CTPROTOCOL', 'EEG', 'TEXTUREMAP', 'ANN'].map((code) => dicomModality(code).display)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('print the display of all that is written of doses, and of the UID of a study', () => {
    const ours = [...summaryRows, ...eventRows].map(({ concept }) => concept).concat(irradiationEvent)
    const codings = ours
      .filter(({ scheme }) => scheme === 'DCM')
      .map(({ value, display }) => ({ code: value, display }))
      .concat((studyInstanceUidType.coding ?? []).map(({ code = '', display = '' }) => ({ code, display })))
    expect(codings).toEqual(codings.map(({ code }) => ({ code, display: published.get(code) })))
  })

  it('know the types of identifiers that are read', () => {
    const codes = conceptsIn('v2-tables', 'http://terminology.hl7.org/CodeSystem/v2-0203').map(({ code }) => code)
    // NNxxx stands for as many codes as there are countries.
    expect([...identifierTypes].sort()).toEqual(codes.filter((code) => code !== 'NNxxx').sort())
  })
})
