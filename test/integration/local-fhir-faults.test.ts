import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import type { FaultRule } from '../../local/fhir/faults'
import type { FhirService } from '../../local/fhir/service'
import { startFhirService } from '../../local/fhir/service'
import type { FhirReply, FhirTestClient } from '../support/fhir/fhir-client'
import { createFhirTestClient } from '../support/fhir/fhir-client'
import type { Loose } from '../support/fhir/fhir-samples'
import { basicOf, bundle, entry, patientOf, unique, urn } from '../support/fhir/fhir-samples'

describe('faults of the local FHIR service', () => {
  let service: FhirService
  let client: FhirTestClient
  beforeAll(async () => {
    service = await startFhirService()
    client = createFhirTestClient(service.url)
  })
  afterEach(() => service.faults.clear())
  afterAll(async () => {
    await client.close()
    await service.close()
  })

  const fault = (...rules: ReadonlyArray<FaultRule>): void => service.faults.set(rules)
  const create = (value: string): Promise<FhirReply> =>
    client.send('POST', '/', bundle('transaction', entry('POST', 'Patient', patientOf(value), { fullUrl: urn() })))
  const isStored = (value: string): boolean =>
    service.store.ofType('Patient').some((patient) => JSON.stringify(patient).includes(value))
  const seeded = (value: string): string => String(service.seed({ resourceType: 'Patient', ...patientOf(value) }).id)

  it.each(['500', '409', '408', '401', '403'] as const)(
    '%s is answered with an OperationOutcome, and nothing is done',
    async (name) => {
      const value = unique()
      fault({ fault: name })
      const { status, body } = await create(value)
      expect([status, body.resourceType, isStored(value)]).toEqual([Number(name), 'OperationOutcome', false])
    },
  )

  it('429 and 503 carry the Retry-After headers of the rule', async () => {
    fault({ fault: '429', retryAfterMs: 150, times: 1 }, { fault: '503', retryAfterS: 2, times: 1 })
    const [first, second, third] = [await create(unique()), await create(unique()), await create(unique())]
    expect([first.status, first.headers['x-ms-retry-after-ms']]).toEqual([429, '150'])
    expect([second.status, second.headers['retry-after']]).toEqual([503, '2'])
    expect(third.status).toBe(200)
  })

  it('a rule hits what it matches, after those that it skips, as often as it says', async () => {
    const value = unique()
    fault({ fault: '500', match: { interaction: 'transaction', bodyIncludes: value }, skip: 1, times: 1 })
    const replies = [await create(unique()), await create(value), await create(value), await create(value)]
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 500, 200])
    expect(service.faults.list()).toMatchObject([{ fault: '500', matched: 2, hits: 1 }])
  })

  it('reject repeats the content of the request, as servers do', async () => {
    const value = unique()
    fault({ fault: 'reject' })
    const { status, body } = await create(value)
    expect([status, body.issue[0].diagnostics.includes(value), isStored(value)]).toEqual([400, true, false])
  })

  it('rejectResource fails the whole transaction, and in a batch only its entry', async () => {
    const [good, poison] = [unique(), unique()]
    fault({ fault: 'rejectResource', match: { bodyIncludes: poison } })
    const both = [good, poison].map((value) => entry('POST', 'Patient', patientOf(value), { fullUrl: urn() }))
    expect((await client.send('POST', '/', bundle('transaction', ...both))).status).toBe(400)
    expect(isStored(good)).toBe(false)
    const { body } = await client.send('POST', '/', bundle('batch', ...both))
    expect(body.entry.map((each: { response: { status: string } }) => each.response.status)).toEqual(['201', '400'])
    expect([isStored(good), isStored(poison)]).toEqual([true, false])
  })

  it('refuseDelete answers 409, alone and in a transaction', async () => {
    const [kept, gone] = [seeded(unique()), seeded(unique())]
    fault({ fault: 'refuseDelete', target: `Patient/${kept}` })
    expect((await client.send('DELETE', `/Patient/${kept}`)).status).toBe(409)
    expect((await client.send('POST', '/', bundle('transaction', entry('DELETE', `Patient/${kept}`)))).status).toBe(409)
    expect((await client.send('DELETE', `/Patient/${gone}`)).status).toBe(204)
  })

  it('race lets somebody else edit what the transaction updates, and its If-Match fails', async () => {
    const value = unique()
    const id = seeded(value)
    const { id: position } = service.seed({ resourceType: 'Basic', ...basicOf(`position-${value}`, 'here') })
    const put = (text: string): Promise<FhirReply> =>
      client.send(
        'POST',
        '/',
        bundle(
          'transaction',
          entry('PUT', `Basic/${position}`, basicOf(String(position), text), { ifMatch: 'W/"1"' }),
          entry('PUT', `Patient/${id}`, patientOf(value, { id, gender: 'male' }), { ifMatch: 'W/"1"' }),
        ),
      )
    fault({ fault: 'race', times: 1 })
    expect((await put('there')).status).toBe(412)
    expect(service.store.versions('Patient', id)).toHaveLength(2)
    expect(service.store.versions('Basic', String(position))).toHaveLength(1)
    fault({ fault: 'race', target: 'Basic', times: 1 })
    await put('there')
    expect(service.store.versions('Basic', String(position))).toHaveLength(2)
  })

  it('lostAnswer drops the connection after the work', async () => {
    const value = unique()
    fault({ fault: 'lostAnswer', times: 1 })
    await expect(create(value)).rejects.toThrow()
    expect(isStored(value)).toBe(true)
  })

  it('lateCommit drops the connection and does the work afterwards', async () => {
    const value = unique()
    fault({ fault: 'lateCommit', times: 1, delayMs: 20 })
    await expect(create(value)).rejects.toThrow()
    await service.settled()
    expect(isStored(value)).toBe(true)
  })

  it('reset drops the connection before the work', async () => {
    const value = unique()
    fault({ fault: 'reset', times: 1 })
    await expect(create(value)).rejects.toThrow()
    expect(isStored(value)).toBe(false)
  })

  it('slow answers all the same', async () => {
    fault({ fault: 'slow', delayMs: 1 })
    expect((await create(unique())).status).toBe(200)
  })

  it('truncated ends in the middle of the body, with the work done', async () => {
    const value = unique()
    fault({ fault: 'truncated', times: 1 })
    await expect(create(value)).rejects.toThrow()
    expect(isStored(value)).toBe(true)
  })

  it('wrongType answers 200 with a page', async () => {
    fault({ fault: 'wrongType', times: 1 })
    const { status, headers } = await create(unique())
    expect([status, headers['content-type']]).toEqual([200, 'text/html'])
  })

  it('oversized pads the answer without saying so beforehand', async () => {
    fault({ fault: 'oversized', bytes: 1_000_000, times: 1 })
    const { headers, text, body } = await create(unique())
    expect(headers['content-length']).toBeUndefined()
    expect(text.length).toBeGreaterThanOrEqual(1_000_000)
    expect(body.type).toBe('transaction-response')
  })

  it('redirect points to another host', async () => {
    fault({ fault: 'redirect', times: 1 })
    const { status, headers } = await create(unique())
    expect([status, headers['location']]).toEqual([302, 'http://foreign.invalid/'])
  })

  it('foreignNext leads a search to another origin', async () => {
    fault({ fault: 'foreignNext' })
    const { body } = await client.send('GET', '/Patient')
    expect(body.link).toEqual([{ relation: 'next', url: 'http://foreign.invalid/Patient?ct=stolen' }])
  })

  it('fewEntries and entryStatus spoil the answer to a bundle', async () => {
    const [value, id] = [unique(), seeded(unique())]
    fault({ fault: 'fewEntries', times: 1 }, { fault: 'entryStatus', status: '429', times: 1 })
    expect((await create(value)).body.entry).toEqual([])
    expect(isStored(value)).toBe(true)
    const { body } = await client.send('POST', '/', bundle('batch', entry('GET', `Patient/${id}`)))
    expect(body.entry[0].response.status).toBe('429')
  })

  it('weirdOutcome goes through odd shapes', async () => {
    fault({ fault: 'weirdOutcome' })
    const bodies = [(await create(unique())).text, (await create(unique())).text]
    expect(bodies).toEqual(['{"resourceType":"OperationOutcome"}', '{"resourceType":"OperationOutcome","issue":null}'])
  })

  it('are switched over HTTP too, where an unknown one is refused', async () => {
    const set = (rules: unknown): Promise<FhirReply> => client.send('PUT', '/_local/faults', rules)
    expect((await set([{ fault: 'nonsense' }])).status).toBe(400)
    expect((await set([{ fault: '503', match: { interaction: 'metadata' } }])).status).toBe(204)
    expect((await client.send('GET', '/metadata')).status).toBe(503)
    expect((await client.send('GET', '/_local/faults')).body).toMatchObject([{ fault: '503', hits: 1 }])
    await client.send('DELETE', '/_local/faults')
    expect((await client.send('GET', '/metadata')).status).toBe(200)
  })

  it('leave a log of requests without the values of queries', async () => {
    service.requests.clear()
    fault({ fault: 'reset', match: { method: 'POST' } })
    await client.send('GET', '/Patient?identifier=secret&_count=1', undefined, { 'x-ms-azurefhir-audit-run': 'run-1' })
    await expect(create(unique())).rejects.toThrow()
    const { body } = await client.send('GET', '/_local/requests')
    expect(body).toEqual([
      { method: 'GET', path: '/Patient?identifier&_count', status: 200, requestBytes: 0, auditRun: 'run-1' },
      { method: 'POST', path: '/', status: 0, requestBytes: expect.any(Number) },
    ])
  })

  it('do not keep seed from storing what no validator would let pass', async () => {
    const invalid: Loose = patientOf(unique(), { identifier: [{ system: '', value: 'x' }], gender: 'M' })
    const { body } = await client.send('POST', '/_local/seed', invalid)
    const dump = await client.send('GET', '/_local/dump')
    expect(service.store.read('Patient', body.id)).toMatchObject({ gender: 'M' })
    expect(dump.body.entry).toContainEqual({ resource: body })
  })
})
