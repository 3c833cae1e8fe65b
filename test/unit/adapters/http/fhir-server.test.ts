import { afterEach, describe, expect, it } from '@jest/globals'
import type { ServerResponse } from 'node:http'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { fhirServer } from '../../../../lib/adapters/http/fhir-server'
import type { FhirSearch, FhirServer } from '../../../../lib/app/ports'
import { callOf, deadUrl, json, type Seen, serve, stopServers, stopTimeouts, text } from './loopback'

afterEach(stopServers)

type Answer = (seen: Seen, response: ServerResponse) => void

const fhirAt = (endpoint: string): FhirServer => fhirServer({ endpoint }, callOf('fhir'), 'run-1')

const fhirOf = async (answer: Answer, path = '') => {
  const { url, seen } = await serve(answer)
  return { fhir: fhirAt(`${url}${path}`), url, seen }
}

const unavailable = (reason: string, more: Record<string, unknown> = {}) =>
  E.left({ _tag: 'ServiceUnavailable', hop: 'fhir', reason, ...more })

describe('check', () => {
  const statement = {
    resourceType: 'CapabilityStatement',
    fhirVersion: '4.0.1',
    rest: [
      {
        mode: 'server',
        interaction: [{ code: 'batch' }, { code: 'transaction' }],
        resource: [{ type: 'Patient' }, { type: 'Basic', interaction: [{ code: 'read' }, { code: 'update' }] }],
      },
    ],
  }
  const [rest] = statement.rest

  it.each(['', '/', '/fhir', '/fhir/'])('finds R4 with transactions and Basic under %j', async (path) => {
    const { fhir, seen } = await fhirOf(json(200, statement), path)
    expect(await fhir.check()()).toEqual(E.right({ offersBasic: true }))
    expect(seen.map(({ url }) => url)).toEqual([path.startsWith('/fhir') ? '/fhir/metadata' : '/metadata'])
  })

  it.each([
    [[{ type: 'Patient' }]],
    [[{ type: 'Basic', interaction: [{ code: 'read' }] }]],
    [[{ type: 'Basic', interaction: [{ code: 'update' }], updateCreate: false }]],
    ['none'],
    [undefined],
  ])('sees that Basic is not offered: %j', async (resource) => {
    const { fhir } = await fhirOf(json(200, { ...statement, rest: [{ ...rest, resource }] }))
    expect(await fhir.check()()).toEqual(E.right({ offersBasic: false }))
  })

  it.each([
    ['it speaks FHIR 5.0.0, not 4.0', { ...statement, fhirVersion: '5.0.0' }],
    ['it speaks FHIR of unknown version, not 4.0', { ...statement, fhirVersion: 'DOE^JANE' }],
    ['it offers no transactions (/metadata, rest.interaction)', { ...statement, rest: [{ mode: 'server' }] }],
    ['it offers no transactions (/metadata, rest.interaction)', { ...statement, rest: null }],
    ['/metadata is no CapabilityStatement: check Fhir__Endpoint', { resourceType: 'Patient' }],
    ['/metadata is no CapabilityStatement: check Fhir__Endpoint', []],
  ])('says: %s', async (reason, body) => {
    const { fhir } = await fhirOf(json(200, body))
    expect(await fhir.check()()).toEqual(unavailable(reason))
  })

  it.each(['application/fhir+json; charset=utf-8', 'application/json', 'text/json'])('reads %s', async (type) => {
    const { fhir } = await fhirOf(text(200, JSON.stringify(statement), { 'content-type': type }))
    expect(await fhir.check()()).toEqual(E.right({ offersBasic: true }))
  })

  it('says where to look when nothing is there', async () => {
    const { fhir } = await fhirOf(text(404, '<html>'))
    expect(await fhir.check()()).toEqual(
      unavailable('nothing is at this URL: check Fhir__Endpoint (404)', { status: 404 }),
    )
  })
})

describe('read and put', () => {
  const basic = { resourceType: 'Basic', id: 'dicomcast-1', code: { text: 'x' } }

  it('reads a resource past the caches', async () => {
    const { fhir, seen } = await fhirOf(json(200, { ...basic, meta: { versionId: '3' } }, { etag: 'W/"9"' }), '/fhir')
    expect(await fhir.read('Basic', 'dicomcast-1')()).toEqual(E.right(O.some({ ...basic, meta: { versionId: '3' } })))
    expect(seen).toMatchObject([{ url: '/fhir/Basic/dicomcast-1', headers: { 'cache-control': 'no-cache' } }])
  })

  it('takes the version from the ETag when the resource has none', async () => {
    const { fhir } = await fhirOf(json(200, basic, { etag: 'W/"3"' }))
    expect(await fhir.read('Basic', 'dicomcast-1')()).toEqual(E.right(O.some({ ...basic, meta: { versionId: '3' } })))
  })

  it.each([404, 410])('reads none with %i', async (status) => {
    const { fhir } = await fhirOf(text(status, ''))
    expect(await fhir.read('Basic', 'dicomcast-1')()).toEqual(E.right(O.none))
  })

  it.each([{ resourceType: 'Patient', id: 'x' }, { resourceType: 'Basic', id: '..' }, null])(
    'does not believe %j',
    async (body) => {
      const { fhir } = await fhirOf(json(200, body))
      expect(await fhir.read('Basic', 'x')()).toEqual(unavailable('unreadable answer: it is not a Basic'))
    },
  )

  it('puts', async () => {
    const { fhir, seen } = await fhirOf(json(201, basic), '/fhir/')
    expect(await fhir.put('Basic', 'dicomcast-1', '{"a":1}')()).toEqual(E.right(undefined))
    expect(seen).toMatchObject([
      {
        method: 'PUT',
        url: '/fhir/Basic/dicomcast-1',
        body: '{"a":1}',
        headers: { 'content-type': 'application/fhir+json', 'x-ms-azurefhir-audit-run': 'run-1' },
      },
    ])
  })

  it.each([409, 412])('reports %i as a conflict', async (status) => {
    const { fhir } = await fhirOf(text(status, ''))
    expect(await fhir.put('Basic', 'x', '{}')()).toEqual(E.left({ _tag: 'FhirConflict', status }))
  })

  it.each([422, 503])('reports %i as an outage', async (status) => {
    const { fhir } = await fhirOf(text(status, 'DOE^JANE'))
    expect(await fhir.put('Basic', 'x', '{}')()).toEqual(
      unavailable(`it does not store our Basic (${status})`, { status }),
    )
  })
})

describe('search', () => {
  const patients: FhirSearch = {
    type: 'Patient',
    parameters: [
      ['identifier', 'urn:oid:1.2.3.4|A\\,B&C,|D E'],
      ['_count', '1000'],
    ],
  }
  const endpoints: FhirSearch = { type: 'Endpoint', parameters: [['connection-type', 'dicom-wado-rs']] }
  const patient = (id: string) => ({ resourceType: 'Patient', id })
  const searchset = (resources: ReadonlyArray<unknown>, next?: string) => ({
    resourceType: 'Bundle',
    type: 'searchset',
    ...(next === undefined
      ? {}
      : {
          link: [
            { relation: 'self', url: 'x' },
            { relation: 'next', url: next },
          ],
        }),
    entry: resources.map((resource) => ({ resource, search: { mode: 'match' } })),
  })
  const responses = (...bundles: ReadonlyArray<unknown>) => ({
    resourceType: 'Bundle',
    type: 'batch-response',
    entry: bundles.map((resource) => ({ resource, response: { status: '200' } })),
  })

  it('asks everything in one batch, strictly and past the caches', async () => {
    const found = responses(searchset([patient('a'), patient('b')]), searchset([]))
    const { fhir, seen } = await fhirOf(json(200, found), '/fhir')
    expect(await fhir.search([patients, endpoints])()).toEqual(E.right([[patient('a'), patient('b')], []]))
    expect(seen).toHaveLength(1)
    expect(seen).toMatchObject([
      {
        method: 'POST',
        url: '/fhir',
        headers: {
          prefer: 'handling=strict',
          'cache-control': 'no-cache',
          'content-type': 'application/fhir+json',
          accept: 'application/fhir+json',
        },
      },
    ])
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        {
          request: {
            method: 'GET',
            url: 'Patient?identifier=urn%3Aoid%3A1.2.3.4%7CA%5C%2CB%26C%2C%7CD%20E&_count=1000',
          },
        },
        { request: { method: 'GET', url: 'Endpoint?connection-type=dicom-wado-rs' } },
      ],
    })
  })

  it('asks nothing for nothing', async () => {
    const { fhir, seen } = await fhirOf(json(200, {}))
    expect(await fhir.search([])()).toEqual(E.right([]))
    expect(seen).toEqual([])
  })

  it('leaves out what the server adds', async () => {
    const set = {
      resourceType: 'Bundle',
      type: 'searchset',
      entry: [
        { resource: patient('a') },
        { resource: patient('b'), search: { mode: 'include' } },
        { resource: { resourceType: 'OperationOutcome' }, search: { mode: 'outcome' } },
        { resource: { resourceType: 'Organization', id: 'o' }, search: { mode: 'match' } },
        { resource: null },
        null,
      ],
    }
    const { fhir } = await fhirOf(json(200, responses(set)))
    expect(await fhir.search([patients])()).toEqual(E.right([[patient('a')]]))
  })

  it('follows the pages of the server itself', async () => {
    const { fhir, seen } = await fhirOf((one, response) => {
      const own = `http://${one.headers.host}/fhir`
      if (one.method === 'POST') json(200, responses(searchset([patient('a')], `${own}?_getpages=1`)))(one, response)
      else if (one.url === '/fhir?_getpages=1') json(200, searchset([patient('b')], 'Patient?ct=2'))(one, response)
      else json(200, searchset([patient('c')]))(one, response)
    }, '/fhir')
    expect(await fhir.search([patients])()).toEqual(E.right([[patient('a'), patient('b'), patient('c')]]))
    expect(seen.map(({ url }) => url)).toEqual(['/fhir', '/fhir?_getpages=1', '/fhir/Patient?ct=2'])
  })

  it.each([
    ['another origin', 'http://inner:8080', 'http://inner:8080/fhir?_getpages=1'],
    ['another base', 'http://inner/baseR4', 'http://inner/baseR4?_getpages=1'],
  ])('follows a link that names %s of it, where that is set: at its own URL', async (_name, other, link) => {
    const { url, seen } = await serve((one, response) => {
      if (one.method === 'POST') json(200, responses(searchset([patient('a')], link)))(one, response)
      else json(200, searchset([patient('b')]))(one, response)
    })
    const fhir = fhirServer({ endpoint: `${url}/fhir`, linkOrigins: ['http://other', other] }, callOf('fhir'), 'run-1')
    expect(await fhir.search([patients])()).toEqual(E.right([[patient('a'), patient('b')]]))
    expect(seen.map((one) => one.url)).toEqual(['/fhir', '/fhir?_getpages=1'])
  })

  it('follows no link that only begins like another name of it, or leaves the base', async () => {
    for (const link of [
      'http://inner.evil/fhir?ct=1',
      'http://inner/baseR4/../other?ct=1',
      'http://inner/baseR45?ct=1',
    ]) {
      const { url, seen } = await serve(json(200, responses(searchset([patient('a')], link))))
      const settings = { endpoint: `${url}/fhir`, linkOrigins: ['http://inner', 'http://inner/baseR4'] }
      expect(E.isLeft(await fhirServer(settings, callOf('fhir'), 'run-1').search([patients])())).toBe(true)
      expect(seen).toHaveLength(1)
    }
  })

  it.each([
    ['another origin', (_own: string, other: string) => `${other}/fhir/Patient?ct=1`],
    ['another path', (own: string) => `${own}/other/Patient?ct=1`],
    ['a path that only begins like ours', (own: string) => `${own}/fhir-of-others?ct=1`],
    ['a way out of ours', (own: string) => `${own}/fhir/../other?ct=1`],
    ['credentials', (own: string) => `${own.replace('//', '//user:pw@')}/fhir/Patient`],
    ['no URL', () => 'http://'],
    ['a protocol-relative URL', (_own: string, other: string) => other.replace('http:', '')],
  ])('never follows a next link to %s', async (_name, linkTo) => {
    const other = await serve(json(200, searchset([])))
    const { fhir, seen } = await fhirOf((one, response) => {
      const link = linkTo(`http://${one.headers.host}`, other.url)
      json(200, responses(searchset([patient('a')], link)))(one, response)
    }, '/fhir')
    expect(await fhir.search([patients])()).toEqual(
      unavailable('its link to the next page leads away from Fhir__Endpoint, and is not followed'),
    )
    expect([seen.length, other.seen.length]).toEqual([1, 0])
  })

  it('does not follow pages for ever', async () => {
    const { fhir } = await fhirOf((one, response) => {
      const again = searchset([patient('a')], 'Patient?ct=1')
      json(200, one.method === 'POST' ? responses(again) : again)(one, response)
    })
    expect(await fhir.search([patients])()).toEqual(unavailable('its search has more than 200 pages'))
  })

  it.each([429, 408, 500, 503])('takes an entry with %i for an outage of all', async (status) => {
    const answer = responses(searchset([]), undefined)
    const entry = [answer.entry[0], { response: { status: `${status} Trouble`, outcome: { text: 'DOE^JANE' } } }]
    const { fhir } = await fhirOf(json(200, { ...answer, entry }, { 'retry-after': '1' }))
    expect(await fhir.search([patients, endpoints])()).toMatchObject({
      left: { _tag: 'ServiceUnavailable', status, retryAfterMs: 1000 },
    })
  })

  it('takes an entry with 403 for access denied', async () => {
    const { fhir } = await fhirOf(json(200, { resourceType: 'Bundle', entry: [{ response: { status: '403' } }] }))
    expect(await fhir.search([patients])()).toMatchObject({ left: { _tag: 'AccessDenied', hop: 'fhir', status: 403 } })
  })

  it.each([
    ['too few entries', responses(searchset([]))],
    ['no entries', { resourceType: 'Bundle' }],
    ['another resource', { resourceType: 'OperationOutcome' }],
    ['entries of another shape', { resourceType: 'Bundle', entry: [1, 2] }],
    ['a list', []],
  ])('does not believe an answer with %s', async (_name, body) => {
    const { fhir } = await fhirOf(json(200, body))
    expect(await fhir.search([patients, endpoints])()).toEqual(
      unavailable('its answer to a batch of searches has not one entry for each'),
    )
  })

  it('does not believe a hit without a proper id', async () => {
    const { fhir } = await fhirOf(json(200, responses(searchset([{ resourceType: 'Patient', id: 'a/../b' }]))))
    expect(await fhir.search([patients])()).toEqual(unavailable('unreadable answer: it is not a Patient'))
  })

  const alone: Answer = (one, response) =>
    json(200, searchset(one.url.includes('Patient') ? [patient('a')] : []))(one, response)

  it.each([
    ['the bundle', json(400, { resourceType: 'OperationOutcome' })],
    ['batches at all', text(501, '')],
    ['an entry', json(200, { resourceType: 'Bundle', entry: [{ response: { status: '405' } }, {}] })],
    ['to find anything', json(200, { resourceType: 'Bundle', entry: [{ response: { status: '200' } }, {}] })],
  ])('asks one by one, from then on, when the server refuses %s', async (_name, refuse) => {
    const { fhir, url, seen } = await fhirOf(
      (one, response) => (one.url === '/fhir' ? refuse(one, response) : alone(one, response)),
      '/fhir',
    )
    expect(await fhir.search([patients, endpoints])()).toEqual(E.right([[patient('a')], []]))
    expect(await fhirAt(`${url}/fhir`).search([endpoints])()).toEqual(E.right([[]]))
    expect(seen.map((one) => one.url)).toEqual([
      '/fhir',
      '/fhir/Patient/_search',
      '/fhir/Endpoint/_search',
      '/fhir/Endpoint/_search',
    ])
    expect(seen[1]).toMatchObject({
      body: 'identifier=urn%3Aoid%3A1.2.3.4%7CA%5C%2CB%26C%2C%7CD%20E&_count=1000',
      headers: { 'content-type': 'application/x-www-form-urlencoded', prefer: 'handling=strict' },
    })
  })

  it('tries a batch again when one by one did not work either', async () => {
    const { fhir, seen } = await fhirOf(json(400, { resourceType: 'OperationOutcome' }))
    const expected = unavailable('it does not take POST Patient/_search (400)', { status: 400 })
    expect(await fhir.search([patients])()).toEqual(expected)
    expect(await fhir.search([patients])()).toEqual(expected)
    expect(seen.map(({ url }) => url)).toEqual(['/', '/Patient/_search', '/', '/Patient/_search'])
  })

  it('names the request that a server does not know', async () => {
    const { fhir } = await fhirOf((one, response) =>
      one.url === '/' ? text(400, '')(one, response) : text(405, '')(one, response),
    )
    const reason = 'it does not take POST Endpoint/_search (405)'
    expect(await fhir.search([endpoints])()).toEqual(unavailable(reason, { status: 405 }))
  })

  it('waits for a server in trouble instead of asking one by one', async () => {
    const { fhir, seen } = await fhirOf(json(429, {}, { 'x-ms-retry-after-ms': '70' }))
    expect(await fhir.search([patients])()).toMatchObject({ left: { status: 429, retryAfterMs: 70 } })
    expect(seen).toHaveLength(1)
  })
})

describe('transact', () => {
  const transact = async (answer: Answer) => {
    const { fhir, seen } = await fhirOf(answer, '/fhir')
    return { result: await fhir.transact('{"b":1}', 2, '1-100')(), seen }
  }
  const bundle = (...entry: ReadonlyArray<unknown>) =>
    json(200, { resourceType: 'Bundle', type: 'transaction-response', entry })
  const lost = (reason: string, more: Record<string, unknown> = {}) =>
    unavailable(reason, { answerLost: true, ...more })

  it('posts the body as it is, says how it is to be processed, and what it is for', async () => {
    const { seen } = await transact(bundle())
    expect(seen).toMatchObject([
      {
        method: 'POST',
        url: '/fhir',
        body: '{"b":1}',
        headers: {
          'content-type': 'application/fhir+json',
          accept: 'application/fhir+json',
          'x-bundle-processing-logic': 'sequential',
          'x-ms-azurefhir-audit-run': 'run-1',
          'x-ms-azurefhir-audit-sequences': '1-100',
        },
      },
    ])
    expect(seen[0]?.headers.prefer).toBeUndefined()
  })

  it.each([
    ['W/"2"', 'W/"2"'],
    ['2', 'W/"2"'],
    ['"2"', 'W/"2"'],
    ['W/"6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a11"', 'W/"6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a11"'],
    [undefined, 'W/"7"'],
    [3, 'W/"7"'],
  ])('brings the etag %j to the form of an If-Match', async (etag, expected) => {
    const { result } = await transact(
      bundle(
        { response: { status: '201 Created', etag }, resource: { meta: { versionId: '7' } } },
        { response: { status: '204' } },
      ),
    )
    expect(result).toEqual(
      E.right({
        _tag: 'Committed',
        entries: [
          { status: 201, etag: expected },
          { status: 204, etag: undefined },
        ],
      }),
    )
  })

  it.each([
    ['its answer to a transaction has not one entry for each', bundle({ response: { status: '200' } })],
    ['its answer to a transaction has not one entry for each', json(200, { resourceType: 'Bundle' })],
    ['its answer to a transaction has not one entry for each', json(200, { resourceType: 'OperationOutcome' })],
    ['its answer to a transaction has not one entry for each', json(200, null)],
    [
      'its answer to a transaction has entries without success',
      bundle({ response: { status: '200' } }, { response: { status: '422' } }),
    ],
    ['its answer to a transaction has entries without success', bundle({ response: { status: '200' } }, {})],
    ['unreadable answer: it is not JSON', text(200, '<html>', { 'content-type': 'text/html' })],
    ['unreadable answer: its JSON is broken', text(200, '{"a":', { 'content-type': 'application/fhir+json' })],
  ])('takes a success that cannot be believed for a lost answer: %s (%#)', async (reason, answer) => {
    expect((await transact(answer)).result).toEqual(lost(reason))
  })

  it.each([409, 412, 404, 410])('reports %i as a conflict', async (status) => {
    expect((await transact(text(status, '<html>'))).result).toEqual(E.left({ _tag: 'FhirConflict', status }))
  })

  it.each([
    [429, {}, undefined],
    [503, { 'retry-after': '1' }, undefined],
    [501, {}, undefined],
    [307, { location: 'http://other.example' }, undefined],
    [503, {}, true],
    [500, {}, true],
    [504, {}, true],
    [408, {}, true],
  ])(
    'tells whether it may have been carried out: %i %j',
    async (status, headers: Record<string, string>, answerLost) => {
      const { result } = await transact(text(status, 'DOE^JANE', headers))
      expect(result).toMatchObject({ left: { _tag: 'ServiceUnavailable', status } })
      expect(E.isLeft(result) && result.left._tag === 'ServiceUnavailable' && result.left.answerLost).toBe(answerLost)
    },
  )

  it('was not carried out when there was no connection', async () => {
    expect(await fhirAt(await deadUrl()).transact('{}', 1, '')()).toEqual(unavailable('the connection was refused'))
  })

  it.each([
    [
      'a connection that ends',
      (_seen: unknown, response: ServerResponse) => response.destroy(),
      'the connection ended before the answer was complete',
    ],
    [
      'half an answer',
      (_seen: unknown, response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '1000', 'content-type': 'application/fhir+json' })
        response.write('{', () => response.destroy())
      },
      'the connection ended before the answer was complete',
    ],
  ])('may have been carried out with %s', async (_name, answer: Answer, reason) => {
    expect((await transact(answer)).result).toEqual(lost(reason))
  })

  it('may have been carried out when no answer came in time', async () => {
    const time = stopTimeouts()
    const { result } = await transact(() => time.pass(60_000))
    expect(result).toEqual(
      E.mapLeft((error: object) => ({ ...error, timedOut: true }))(lost('no complete answer within 60000 ms')),
    )
  })

  it.each([401, 403])('is access denied with %i', async (status) => {
    expect((await transact(text(status, ''))).result).toMatchObject({ left: { _tag: 'AccessDenied', status } })
  })

  const rejected = (status: number, issues: ReadonlyArray<string>) =>
    E.right({ _tag: 'Rejected', error: { _tag: 'FhirRejected', status, issues } })

  it('keeps the codes and element paths of a rejection, and nothing else of it', async () => {
    const outcome = {
      resourceType: 'OperationOutcome',
      text: { div: 'CANARY' },
      issue: [
        {
          severity: 'error',
          code: 'value',
          diagnostics: 'CANARY',
          details: { text: 'CANARY', coding: [{ code: 'CANARY' }] },
          expression: ['Patient.birthDate', 'CANARY', 'Patient.CANARY', 'Patient.name[0].given[1]'],
          location: ['Line[1] Col[2]', 'Bundle.entry[2].resource/*Patient/CANARY*/.name[0]'],
        },
        { severity: 'fatal', code: 'CANARY', expression: ["Patient.where(name='CANARY')"] },
        { severity: 'warning', code: 'invariant' },
        { severity: 'error', code: 'value', expression: ['Observation.value.ofType(Quantity).code'] },
      ],
    }
    const { result } = await transact(json(422, outcome))
    expect(result).toEqual(
      rejected(422, [
        'value Patient.birthDate Bundle.entry[2].resource.name[0]',
        'unknown',
        'value Observation.value.ofType(Quantity).code',
      ]),
    )
  })

  it.each([
    ['HTML', text(413, '<html>CANARY', { 'content-type': 'text/html' }), 413, []],
    ['nothing', text(400, ''), 400, []],
    ['null', json(400, null), 400, []],
    ['a list', json(400, ['CANARY']), 400, []],
    ['no issues', json(400, { resourceType: 'OperationOutcome' }), 400, []],
    ['issues that are a text', json(400, { issue: 'CANARY' }), 400, []],
    ['issues of any shape', json(400, { issue: [null, 1, 'CANARY', [], {}] }), 400, ['unknown']],
    [
      'paths of any shape',
      json(400, { issue: [{ code: 1, expression: 'CANARY', location: [null, {}, 7] }] }),
      400,
      ['unknown'],
    ],
    [
      'a path without end',
      json(400, { issue: [{ code: 'value', expression: [`Patient${'.a'.repeat(500)}`] }] }),
      400,
      ['value'],
    ],
  ])('survives an outcome that is %s', async (_name, answer, status, issues) => {
    expect((await transact(answer)).result).toEqual(rejected(status, issues))
  })

  it('keeps ten issues at the most', async () => {
    const issue = Array.from({ length: 50 }, (_, index) => ({ code: 'value', expression: [`Bundle.entry[${index}]`] }))
    const { result } = await transact(json(400, { issue }))
    expect(result).toMatchObject({ right: { error: { issues: { length: 10 } } } })
  })
})
