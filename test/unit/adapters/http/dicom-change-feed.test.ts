import { afterEach, describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { DicomService } from '../../../../lib/app/ports'
import { dicomChangeFeed } from '../../../../lib/adapters/http/dicom-change-feed'
import type { DicomServiceSettings } from '../../../../lib/adapters/http/dicom-metadata'
import { callOf, deadUrl, json, serve, stopServers, text } from './loopback'

afterEach(stopServers)

type Answer = Parameters<typeof serve>[0]

const feedAt = (endpoint: string, settings: Partial<DicomServiceSettings> = {}): DicomService =>
  dicomChangeFeed(
    { endpoint, privateEndpoint: undefined, source: 'changefeed', version: 'v2', maxPageBytes: 10_000, ...settings },
    callOf('dicom'),
  )

const feedOf = async (answer: Answer, settings: Partial<DicomServiceSettings> = {}, path = '') => {
  const { url, seen } = await serve(answer)
  return { dicom: feedAt(`${url}${path}`, settings), urls: () => seen.map((one) => one.url), seen }
}

const key = { partition: 'Microsoft.Default', studyInstanceUid: '1.2', seriesInstanceUid: '1.3', sopInstanceUid: '1.4' }

const unavailable = (reason: string, more: Record<string, unknown> = {}) =>
  E.left({ _tag: 'ServiceUnavailable', hop: 'dicom', reason, ...more })

describe('URLs', () => {
  it.each(['', '/', '/v1', '/v2/'])('are built on a root written as %j', async (path) => {
    const { dicom, urls } = await feedOf(json(200, []), {}, path)
    await dicom.latest()()
    await dicom.range(5, 10, true)()
    await dicom.window('2026-11-23T20:01:39.5941234+00:00', 200)()
    await dicom.study('Microsoft.Default', '1.2')()
    await dicom.study('research', '1.2')()
    await dicom.instance(key)()
    const version = path === '/v1' ? '/v1' : '/v2'
    expect(urls()).toEqual([
      '/v1/changefeed/latest?includeMetadata=false',
      '/v1/changefeed?offset=5&limit=10&includeMetadata=true',
      '/v2/changefeed?startTime=2026-11-23T20%3A01%3A39.5941234%2B00%3A00&offset=200&limit=200&includeMetadata=false',
      `${version}/studies/1.2/metadata`,
      `${version}/partitions/research/studies/1.2/metadata`,
      `${version}/studies/1.2/series/1.3/instances/1.4/metadata`,
    ])
  })

  it('of studies have no version when there is none', async () => {
    const { dicom, urls } = await feedOf(json(200, []), { version: '' }, '/dicom-web')
    await dicom.study('research', '1.2')()
    expect(urls()).toEqual(['/dicom-web/partitions/research/studies/1.2/metadata'])
  })

  it('lead to the private endpoint when there is one', async () => {
    const { url, seen } = await serve(json(200, []))
    await feedAt('https://public.example', { privateEndpoint: url }).range(0, 1, false)()
    expect(seen).toHaveLength(1)
  })
})

describe('latest', () => {
  it.each([
    ['204', text(204, '')],
    ['an empty body', text(200, '')],
    ['null', json(200, null)],
  ])('is none for %s', async (_name, answer) => {
    const { dicom } = await feedOf(answer)
    expect(await dicom.latest()()).toEqual(E.right(O.none))
  })

  it.each([{ sequence: 7 }, { Sequence: 7 }, { SEQUENCE: '7' }])('reads %j', async (entry) => {
    const { dicom } = await feedOf(json(200, entry))
    expect(await dicom.latest()()).toEqual(E.right(O.some({ sequence: 7 })))
  })

  it.each([
    [{ timestamp: '2026-11-23T08:30:00.1234567Z', sopInstanceUid: '1.2.3' }],
    [{ Timestamp: '2026-11-23T08:30:00.1234567Z', SopInstanceUid: '1.2.3' }],
  ])('tells whose row it is: %j', async (entry) => {
    const { dicom } = await feedOf(json(200, { Sequence: 7, ...entry }))
    expect(await dicom.latest()()).toEqual(
      E.right(O.some({ sequence: 7, timestamp: '2026-11-23T08:30:00.1234567Z', sopInstanceUid: '1.2.3' })),
    )
  })

  it('has nothing to tell of a row whose members are not what they should be', async () => {
    const { dicom } = await feedOf(json(200, { sequence: 7, timestamp: 5, sopInstanceUid: null }))
    expect(await dicom.latest()()).toEqual(E.right(O.some({ sequence: 7 })))
  })

  it.each([[{}], [{ sequence: 1.5 }], [{ sequence: -1 }], [{ sequence: 2 ** 60 }], [[]], ['7']])(
    'is unreadable as %j',
    async (body) => {
      const { dicom } = await feedOf(json(200, body))
      expect(await dicom.latest()()).toEqual(unavailable('unreadable page: the newest entry has no sequence'))
    },
  )
})

describe('range', () => {
  it("gives the elements as they are, and the server's time", async () => {
    const elements = [{ sequence: 1 }, null, 'x']
    const { dicom } = await feedOf(json(200, elements, { date: 'Tue, 24 Nov 2026 12:00:00 GMT' }))
    expect(await dicom.range(0, 100, true)()).toEqual(
      E.right({ elements, servedAt: Date.UTC(2026, 10, 24, 12), bytes: expect.any(Number) }),
    )
  })

  it.each([
    ['it is not a list', json(200, { sequence: 1 })],
    ['its JSON is broken', text(200, '[{"sequence":1},', { 'content-type': 'application/json' })],
    ['its JSON is broken', text(200, '', { 'content-type': 'application/json' })],
    ['it is not JSON', text(200, '[]', { 'content-type': 'text/html' })],
  ])('is unreadable: %s', async (what, answer) => {
    const { dicom } = await feedOf(answer)
    expect(await dicom.range(0, 100, true)()).toEqual(unavailable(`unreadable page: ${what}`))
  })

  it('is no empty page when there is no content: rows would be lost', async () => {
    const { dicom } = await feedOf(text(204, ''))
    expect(await dicom.range(0, 100, true)()).toEqual(unavailable('its answer has no content (204)', { status: 204 }))
  })

  it('is too large over the limit of a page', async () => {
    const { dicom } = await feedOf(json(200, ['x'.repeat(10_000)]))
    expect(await dicom.range(0, 100, true)()).toEqual(E.left({ _tag: 'AnswerTooLarge', hop: 'dicom' }))
  })

  it.each([
    [302, 'it redirects elsewhere, which is not followed: check DicomWeb__Endpoint (302)'],
    [400, 'it does not take this request (400)'],
    [404, 'nothing is at this URL: check DicomWeb__Endpoint (404)'],
    [424, 'it cannot use its encryption key (424)'],
    [429, 'it asks for fewer requests (429)'],
    [500, 'it has trouble of its own (500)'],
    [503, 'it has trouble of its own (503)'],
  ])('reports %i without the text of the service', async (status, reason) => {
    const { dicom } = await feedOf(text(status, 'DOE^JANE', { 'x-ms-retry-after-ms': '250' }))
    expect(await dicom.range(0, 100, true)()).toEqual(unavailable(reason, { status, retryAfterMs: 250 }))
  })

  it.each([401, 403])('is access denied with %i', async (status) => {
    const { dicom } = await feedOf(text(status, 'DOE^JANE'))
    expect(await dicom.range(0, 100, true)()).toMatchObject({ left: { _tag: 'AccessDenied', hop: 'dicom', status } })
  })

  it('reports a service that is not there', async () => {
    expect(await feedAt(await deadUrl()).range(0, 1, false)()).toEqual(unavailable('the connection was refused'))
  })

  it('reports a page cut off on its way', async () => {
    const { dicom } = await feedOf((_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '50' })
      response.write('[', () => response.destroy())
    })
    expect(await dicom.range(0, 1, true)()).toEqual(unavailable('the connection ended before the answer was complete'))
  })
})

describe('metadata', () => {
  it('of a study may be larger than a page of the feed', async () => {
    const dataset = { '00080018': { vr: 'UI', Value: ['1.4'] }, '00204000': { vr: 'LT', Value: ['x'.repeat(20_000)] } }
    const { dicom, seen } = await feedOf(json(200, [dataset], { 'content-type': 'application/dicom+json' }))
    expect(await dicom.study('Microsoft.Default', '1.2')()).toEqual(E.right([dataset]))
    expect(seen[0]?.headers.accept).toBe('application/dicom+json')
  })

  it('of what is not there is none', async () => {
    const { dicom } = await feedOf(text(404, 'no such study'))
    expect(await dicom.study('Microsoft.Default', '1.2')()).toEqual(E.right([]))
    expect(await dicom.instance(key)()).toEqual(E.right(O.none))
  })

  it('of an instance is the one dataset', async () => {
    const { dicom } = await feedOf(json(200, [{ a: 1 }]))
    expect(await dicom.instance(key)()).toEqual(E.right(O.some({ a: 1 })))
  })

  it('of the default partition is found in a service with partitions too', async () => {
    const { dicom, urls } = await feedOf((seen, response) =>
      seen.url.includes('/partitions/') ? json(200, [{}])(seen, response) : text(400, 'no partition')(seen, response),
    )
    expect(await dicom.study('Microsoft.Default', '1.2')()).toEqual(E.right([{}]))
    expect(urls()).toEqual(['/v2/studies/1.2/metadata', '/v2/partitions/Microsoft.Default/studies/1.2/metadata'])
  })

  it('that cannot be read is an outage, not an empty study', async () => {
    const { dicom } = await feedOf(text(500, ''))
    expect(await dicom.study('Microsoft.Default', '1.2')()).toMatchObject({ left: { _tag: 'ServiceUnavailable' } })
  })
})
