import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { request } from 'undici'
import type { FhirService } from '../../local/fhir/service'
import { startFhirService } from '../../local/fhir/service'
import { validateResource } from '../../local/fhir/validate'
import type { FhirReply, FhirTestClient } from '../support/fhir/fhir-client'
import { createFhirTestClient } from '../support/fhir/fhir-client'
import type { Loose } from '../support/fhir/fhir-samples'
import { basicOf, bundle, entry, patientOf, studyOf, unique, uniqueUid, urn } from '../support/fhir/fhir-samples'

// What Azure does and other servers need not.
describe('the local FHIR service, like Azure', () => {
  let service: FhirService
  let client: FhirTestClient
  beforeAll(async () => {
    service = await startFhirService({ validate: false })
    client = createFhirTestClient(service.url)
  })
  afterAll(async () => {
    await client.close()
    await service.close()
  })
  const post = (...entries: ReadonlyArray<Loose>): Promise<FhirReply> =>
    client.send('POST', '/', bundle('transaction', ...entries))
  const diagnostics = ({ body }: FhirReply): string =>
    body.issue.map((each: { diagnostics: string }) => each.diagnostics).join(' ')

  it('has a CapabilityStatement that is valid R4', async () => {
    expect(validateResource((await client.send('GET', '/metadata')).body)).toEqual([])
  })

  it('answers 400 for 501 entries and takes 500', async () => {
    const entries = (count: number): ReadonlyArray<Loose> =>
      Array.from({ length: count }, () => entry('POST', 'Patient', patientOf(unique()), { fullUrl: urn() }))
    expect((await post(...entries(501))).status).toBe(400)
    expect((await post(...entries(500))).body.entry).toHaveLength(500)
  })

  it('answers 400 for malformed JSON, for garbage in If-Match, and for a body of another type', async () => {
    const id = String(service.seed({ resourceType: 'Patient', ...patientOf(unique()) }).id)
    const put = (body: unknown, headers = {}): Promise<FhirReply> => client.send('PUT', `/Patient/${id}`, body, headers)
    expect((await put('{"resourceType":')).status).toBe(400)
    expect((await put(patientOf('x', { id }), { 'if-match': '7' })).status).toBe(400)
    expect((await put(basicOf(id, 'x'))).status).toBe(400)
    expect((await put(patientOf('x', { id: 'another' }))).status).toBe(400)
  })

  it('answers 404 for an If-Match on a resource that is not there', async () => {
    const reply = await post(entry('PUT', 'Patient/absent', patientOf('x', { id: 'absent' }), { ifMatch: 'W/"1"' }))
    expect(reply.status).toBe(404)
    expect(diagnostics(reply)).toMatch(/^Transaction failed on 'PUT' for the requested url 'Patient\/absent'/)
  })

  it('goes on counting versions when a deleted resource is put again', async () => {
    const id = `again-${unique()}`
    await client.send('PUT', `/Patient/${id}`, patientOf('x', { id }))
    await client.send('DELETE', `/Patient/${id}`)
    const reply = await client.send('PUT', `/Patient/${id}`, patientOf('x', { id }))
    expect([reply.status, reply.headers['etag']]).toEqual([201, 'W/"3"'])
  })

  it('processes DELETE, POST, PUT, GET in this order and answers in the order of the entries', async () => {
    const value = unique()
    const id = String(service.seed({ resourceType: 'Patient', ...patientOf(value) }).id)
    const { body } = await post(
      entry('GET', `Patient?identifier=urn:example:patients|${value}`),
      entry('POST', 'Patient', patientOf(value), { fullUrl: urn() }),
      entry('DELETE', `Patient/${id}`),
    )
    expect(body.entry.map((each: { response: { status: string } }) => each.response.status)).toEqual([
      '200',
      '201',
      '204',
    ])
    expect(body.entry[0].resource.entry).toHaveLength(1)
    expect(body.entry[0].resource.entry[0].resource.id).toBe(body.entry[1].resource.id)
  })

  it('refuses a fullUrl that is there twice, that is no UUID, and a reference to none', async () => {
    const [one, value] = [urn(), unique()]
    const patient = (fullUrl: string): Loose => entry('POST', 'Patient', patientOf(value), { fullUrl })
    expect(diagnostics(await post(patient(one), patient(one)))).toContain('bdl-7')
    expect((await post(patient('urn:uuid:patient-1'))).status).toBe(400)
    expect((await post(patient(one.toUpperCase().replace('URN:UUID', 'urn:uuid')))).status).toBe(400)
    const study = entry('POST', 'ImagingStudy', studyOf(uniqueUid(), urn()), { fullUrl: urn() })
    expect((await post(study)).status).toBe(400)
  })

  it('refuses a misspelt member of a bundle, which Azure would ignore', async () => {
    const strict = await startFhirService()
    const request = { method: 'PUT', url: 'Basic/x', ifmatch: 'W/"1"' }
    const transaction = bundle('transaction', { resource: basicOf('x', 'x'), request })
    const { status, body } = await createFhirTestClient(strict.url).send('POST', '/', transaction)
    await strict.close()
    expect([status, body.issue[0].expression]).toEqual([400, ['Bundle.entry[0].request.ifmatch']])
  })

  it('fails a transaction that prefers an OperationOutcome', async () => {
    const prefer = { prefer: 'return=OperationOutcome' }
    expect((await client.send('POST', '/', bundle('transaction'), prefer)).status).toBe(400)
  })

  it('ignores an unknown search parameter with a warning among the entries', async () => {
    const { body } = await client.send('GET', '/Basic?cod=x')
    expect(body.entry.at(-1)).toMatchObject({
      search: { mode: 'outcome' },
      resource: { issue: [{ severity: 'warning' }] },
    })
  })

  it('shows ten matches unless asked for more, and counts them on request', async () => {
    const family = unique()
    for (let at = 0; at < 12; at++) service.seed({ resourceType: 'Patient', name: [{ family }] })
    const { body } = await client.send('GET', `/Patient?family=${family}`)
    const all = await client.send('GET', `/Patient?family=${family}&_count=1000&_total=accurate`)
    const count = await client.send('GET', `/Patient?family=${family}&_summary=count`)
    expect([body.entry.length, body.total]).toEqual([10, undefined])
    expect([all.body.entry.length, all.body.total]).toEqual([12, 12])
    expect([count.body.entry, count.body.total]).toEqual([undefined, 12])
  })

  it('takes nothing in a value for a wildcard', async () => {
    service.seed({ resourceType: 'Patient', ...patientOf(unique()) })
    const { body } = await client.send('GET', '/Patient?identifier=urn:example:patients|*&_summary=count')
    const all = await client.send('GET', '/Patient?identifier=urn:example:patients|&_summary=count')
    expect([body.total, all.body.total > 0]).toEqual([0, true])
  })

  it('filters by _id and _lastUpdated', async () => {
    const { id, meta } = service.seed({ resourceType: 'Basic', ...basicOf(unique(), 'x') })
    const at = encodeURIComponent(String(meta?.['lastUpdated']))
    const count = async (query: string): Promise<number> =>
      (await client.send('GET', `/Basic?_id=${id},absent&${query}&_summary=count`)).body.total
    expect(await count(`_lastUpdated=${at}`)).toBe(1)
    expect(await count(`_lastUpdated=gt${at}`)).toBe(0)
    expect(await count('_lastUpdated=lt2100-01-01')).toBe(1)
  })

  it('takes and gives gzip', async () => {
    const body = gzipSync(JSON.stringify(patientOf(unique(), { name: [{ text: 'x'.repeat(5000) }] })))
    const headers = { 'content-type': 'application/fhir+json', 'content-encoding': 'gzip', 'accept-encoding': 'gzip' }
    const response = await request(`${service.url}/Patient`, { method: 'POST', headers, body })
    await response.body.dump()
    expect([response.statusCode, response.headers['content-encoding']]).toEqual([201, 'gzip'])
  })

  it('refuses a body over the limit', async () => {
    const small = await startFhirService({ maxBodyBytes: 1000 })
    const reply = await createFhirTestClient(small.url).send('POST', '/Patient', patientOf('x'.repeat(2000)))
    await small.close()
    expect([reply.status, reply.body.resourceType]).toEqual([413, 'OperationOutcome'])
  })

  it('answers 401 without the bearer token', async () => {
    const guarded = await startFhirService({ bearer: 'token' })
    const other = createFhirTestClient(guarded.url)
    const without = await other.send('GET', '/metadata')
    const withToken = await other.send('GET', '/metadata', undefined, { authorization: 'Bearer token' })
    await guarded.close()
    expect([without.status, withToken.status]).toEqual([401, 200])
  })

  it('can be a server without Basic', async () => {
    const lacking = await startFhirService({ withoutTypes: ['Basic'] })
    const other = createFhirTestClient(lacking.url)
    const { body } = await other.send('GET', '/metadata')
    const put = await other.send('PUT', '/Basic/x', basicOf('x', 'x'))
    await lacking.close()
    expect(body.rest[0].resource.map(({ type }: { type: string }) => type)).not.toContain('Basic')
    expect(put.status).toBe(404)
  })

  it('takes up what it had stored, deletions and versions included', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'local-fhir-'))
    const stateFile = join(folder, 'state.json')
    const first = await startFhirService({ stateFile })
    const writer = createFhirTestClient(first.url)
    await writer.send('PUT', '/Basic/kept', basicOf('kept', 'one'))
    await writer.send('PUT', '/Basic/kept', basicOf('kept', 'two'))
    await writer.send('PUT', '/Basic/gone', basicOf('gone', 'one'))
    await writer.send('DELETE', '/Basic/gone')
    await first.close()
    const second = await startFhirService({ stateFile })
    const reader = createFhirTestClient(second.url)
    const [kept, gone] = [await reader.send('GET', '/Basic/kept'), await reader.send('GET', '/Basic/gone')]
    await second.close()
    rmSync(folder, { recursive: true })
    expect([kept.body.code.text, kept.headers['etag'], gone.status]).toEqual(['two', 'W/"2"', 410])
  })

  it('finds one of ten thousand studies by its index', async () => {
    const uids = Array.from({ length: 10_000 }, uniqueUid)
    for (const uid of uids) service.seed({ resourceType: 'ImagingStudy', ...studyOf(uid, 'Patient/1') })
    const wanted = uids.filter((_uid, at) => at % 100 === 0).map((uid) => `urn:dicom:uid|urn:oid:${uid}`)
    const form = new URLSearchParams({ identifier: wanted.join(), _count: '1000' }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await client.send('POST', '/ImagingStudy/_search', form, headers)).body.entry).toHaveLength(100)
  })
})
