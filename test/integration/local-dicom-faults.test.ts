import { describe, expect, it } from '@jest/globals'
import type { FaultRule } from '../../local/dicom/faults'
import type { DicomService } from '../../local/dicom/service'
import { sampleChange, sampleDataset } from '../support/world/dicom-dataset'
import { storableFile } from '../support/world/dicom-part10'
import { dicomService, getJson, request, send } from '../support/world/dicom-service-client'

const withRows = async (...faults: ReadonlyArray<FaultRule>): Promise<DicomService> => {
  const service = await dicomService()
  service.control.append(
    ...[1, 2, 3].map((number) =>
      sampleChange('create', { sop: `1.${number}`, elements: { '00180050': { vr: 'DS', Value: [2.5] } } }),
    ),
  )
  service.faults.set(faults)
  return service
}

const statuses = async (service: DicomService, ...paths: ReadonlyArray<string>): Promise<ReadonlyArray<number>> => {
  const found: number[] = []
  for (const path of paths) found.push((await request(service, path)).status)
  return found
}

const feed = '/v1/changefeed'
const bare = '/v1/changefeed?includeMetadata=false'
const only = (sequence: number) => `/v1/changefeed?offset=${sequence - 1}&limit=1`

describe('status faults', () => {
  it.each(['400', '401', '403', '404', '424', '429', '500', '503'] as const)(
    'answers %s in plain text',
    async (fault) => {
      const { status, headers } = await request(await withRows({ fault }), feed)
      expect([status, headers.get('content-type')]).toEqual([Number(fault), 'text/plain; charset=utf-8'])
    },
  )

  it('sends Retry-After, lets requests pass first, and ends after its times', async () => {
    const service = await withRows({ fault: '429', retryAfterS: 7, skip: 1, times: 2 })
    expect((await request(service, feed)).status).toBe(200)
    expect((await request(service, feed)).headers.get('retry-after')).toBe('7')
    expect(await statuses(service, feed, feed)).toEqual([429, 200])
  })

  it('goes off only where it matches', async () => {
    const service = await withRows(
      { fault: '503', match: { pathPrefix: '/v1/changefeed/latest' } },
      { fault: '403', match: { pathPrefix: feed, sequence: 2, metadata: true } },
    )
    expect(await statuses(service, '/v1/changefeed/latest', feed, bare, only(1), only(2), '/v2/changefeed')).toEqual([
      503, 403, 200, 200, 403, 200,
    ])
  })

  it('refuses a change without making it', async () => {
    const service = await withRows({ fault: '503' })
    expect((await request(service, '/v1/studies/1.2.3', { method: 'DELETE' })).status).toBe(503)
    expect(service.feed.latestBySequence()?.sequence).toBe(3)
  })
})

describe('blob faults', () => {
  it.each([
    ['poisonBlob', 503],
    ['missingBlob', 500],
  ] as const)('%s fails every answer that must read that blob, with %i', async (fault, status) => {
    const service = await withRows({ fault, match: { sequence: 2 } })
    const metadata = (sop: string) => `/v1/studies/1.2.3/series/1.2.3.1/instances/${sop}/metadata`
    expect(
      await statuses(
        service,
        feed,
        bare,
        only(2),
        only(1),
        metadata('1.2'),
        metadata('1.1'),
        '/v2/studies/1.2.3/metadata',
      ),
    ).toEqual([status, 200, status, 200, status, 200, status])
  })

  it('is over when the instance is deleted: its blob is read no more', async () => {
    const service = await withRows({ fault: 'poisonBlob', match: { sequence: 2 } })
    service.control.append(sampleChange('delete', { sop: '1.2' }))
    expect(await statuses(service, feed)).toEqual([200])
  })

  it('fails all metadata when it names no sequence', async () => {
    const service = await withRows({ fault: 'poisonBlob' })
    expect(await statuses(service, feed, bare, only(3))).toEqual([503, 200, 503])
  })
})

describe('delivery faults', () => {
  it('drops the connection, and logs that as status 0', async () => {
    const service = await withRows({ fault: 'reset', times: 1 })
    await expect(request(service, feed)).rejects.toThrow()
    expect(await statuses(service, feed)).toEqual([200])
    expect(service.requests.list().map(({ status }) => status)).toEqual([0, 200])
  })

  it('loses the answer to a change that was made', async () => {
    const service = await withRows({ fault: 'reset', times: 1 })
    await expect(request(service, '/v1/studies/1.2.3', { method: 'DELETE' })).rejects.toThrow()
    expect(service.feed.latestBySequence()?.sequence).toBe(6)
  })

  it('cuts a page in half', async () => {
    const service = await withRows({ fault: 'truncated', times: 1 })
    const half = await request(service, feed)
    const whole = await request(service, feed)
    expect([half.status, half.text]).toEqual([200, whole.text.slice(0, Math.floor(whole.text.length / 2))])
  })

  it('cuts the connection in the middle of a page', async () => {
    await expect(request(await withRows({ fault: 'truncated', variant: 'connection' }), feed)).rejects.toThrow()
  })

  it('answers late, but whole', async () => {
    const service = await withRows({ fault: 'slow', delayMs: 1 })
    expect(await getJson<unknown[]>(service, feed)).toHaveLength(3)
  })

  it('redirects to another host', async () => {
    const { status, headers } = await request(await withRows({ fault: 'redirect' }), feed)
    expect([status, headers.get('location')]).toEqual([302, 'http://elsewhere.invalid/'])
  })

  it('puts HTML in the place of JSON', async () => {
    expect((await request(await withRows({ fault: 'malformedJson' }), feed)).text).toContain('<html>')
  })

  it('answers latest with 204 or null, and pages as ever', async () => {
    const empty = await withRows({ fault: 'latest204' })
    expect(await statuses(empty, '/v1/changefeed/latest', feed)).toEqual([204, 200])
    expect((await request(await withRows({ fault: 'latestNull' }), '/v1/changefeed/latest')).text).toBe('null')
  })
})

describe('entry faults', () => {
  const entriesWith = async (rule: FaultRule): Promise<ReadonlyArray<Record<string, unknown> | null | number>> =>
    getJson(await withRows(rule), feed)
  const sequence = 2

  it.each([
    ['null', null],
    ['number', 7],
    ['missingUid', expect.not.objectContaining({ sopInstanceUid: expect.anything() as unknown })],
    ['sequenceString', expect.objectContaining({ sequence: 'seven' })],
    ['sequenceNaN', expect.objectContaining({ sequence: 'NaN' })],
  ])('malformedEntry/%s spoils the entry that it names alone', async (variant, expected) => {
    const entries = await entriesWith({ fault: 'malformedEntry', variant, match: { sequence } })
    expect(entries).toEqual([
      expect.objectContaining({ sequence: 1, sopInstanceUid: '1.1' }),
      expected,
      expect.objectContaining({ sequence: 3, sopInstanceUid: '1.3' }),
    ])
  })

  it('breaks the page by the JSON of one entry, and no page without it', async () => {
    const service = await withRows({ fault: 'malformedJson', match: { sequence } })
    await expect(getJson(service, feed)).rejects.toThrow(SyntaxError)
    expect(await getJson<unknown[]>(service, only(1))).toHaveLength(1)
  })

  it('writes infinity as a string, or as a token that JSON does not know', async () => {
    const [entry] = await entriesWith({ fault: 'negativeInfinity' })
    expect(entry).toMatchObject({ metadata: { '00189073': { vr: 'FD', Value: ['-Infinity', 'NaN'] } } })
    const { text } = await request(await withRows({ fault: 'negativeInfinity', variant: 'tokens' }), feed)
    expect(text).toContain('[-Infinity,NaN]')
  })

  it('writes DS and IS as strings', async () => {
    const [entry] = await entriesWith({ fault: 'stringDs' })
    expect(entry).toMatchObject({
      metadata: { '00180050': { vr: 'DS', Value: ['2.5'] }, '00200013': { vr: 'IS', Value: ['1'] } },
    })
  })

  it('writes PascalCase keys and lower-case actions', async () => {
    const [entry] = await entriesWith({ fault: 'pascalCase' })
    expect(entry).toMatchObject({
      Sequence: 1,
      Action: 'create',
      State: 'current',
      Metadata: sampleDataset({ sop: '1.1' }),
    })
  })

  it('pads the metadata of one entry', async () => {
    const entries = await entriesWith({ fault: 'oversizedEntry', bytes: 5000, match: { sequence } })
    expect(entries.map((entry) => JSON.stringify(entry).length > 5000)).toEqual([false, true, false])
  })

  it('puts wrong types into the value slots, or in the place of the metadata', async () => {
    const [entry] = await entriesWith({ fault: 'wrongType' })
    expect(entry).toMatchObject({ metadata: { '00080016': { vr: 'UI', Value: [7] }, '00080020': { Value: [null] } } })
    const [other] = await entriesWith({ fault: 'wrongType', variant: 'metadata' })
    expect(other).toMatchObject({ metadata: ['not a dataset'] })
  })
})

describe('the control API', () => {
  it('sets, lists and clears fault rules, and refuses an unknown one', async () => {
    const service = await withRows()
    const rules = [{ fault: '503', times: 1 }]
    expect((await send(service, 'PUT', '/_local/faults', rules)).status).toBe(204)
    expect(await getJson(service, '/_local/faults')).toEqual(rules)
    expect(await statuses(service, feed, feed)).toEqual([503, 200])
    expect((await send(service, 'PUT', '/_local/faults', [{ fault: 'fire' }])).status).toBe(400)
    await request(service, '/_local/faults', { method: 'DELETE' })
    expect(await getJson(service, '/_local/faults')).toEqual([])
  })

  it('logs requests, but not its own', async () => {
    const service = await withRows()
    await statuses(service, `${feed}?limit=3`, '/v9')
    expect(await getJson(service, '/_local/requests')).toEqual([
      { method: 'GET', path: feed, query: 'limit=3', status: 200 },
      { method: 'GET', path: '/v9', query: '', status: 404 },
    ])
    await request(service, '/_local/requests', { method: 'DELETE' })
    expect(await getJson(service, '/_local/requests')).toEqual([])
  })

  it('appends any metadata, under the UIDs that it is given', async () => {
    const service = await withRows()
    const uids = { studyInstanceUid: '7', seriesInstanceUid: '7.1', sopInstanceUid: '7.1.1' }
    const appended = await send(service, 'POST', '/_local/instances', { ...uids, dataset: ['odd'], partitionName: 'p' })
    expect(JSON.parse(appended.text)).toMatchObject([{ sequence: 4 }])
    expect(await getJson(service, '/v1/changefeed/latest')).toMatchObject({
      ...uids,
      partitionName: 'p',
      metadata: ['odd'],
    })
    await send(service, 'POST', '/_local/instances', { ...uids, action: 'delete', partitionName: 'p' })
    expect(await getJson(service, '/v1/changefeed/latest')).toMatchObject({ action: 'Delete', state: 'Deleted' })
    expect((await send(service, 'POST', '/_local/instances', { action: 'rename' })).status).toBe(400)
  })

  it('makes holes and late rows', async () => {
    const service = await withRows()
    await send(service, 'POST', '/_local/holes', { count: 10 })
    const late = await send(service, 'POST', '/_local/late', [sampleChange('create', { sop: '5.1' })])
    const { id, sequences } = JSON.parse(late.text) as { id: string; sequences: number[] }
    expect(sequences).toEqual([14])
    expect(await getJson(service, '/v1/changefeed/latest')).toMatchObject({ sequence: 3 })
    expect((await request(service, `/_local/late/${id}/show`, { method: 'POST' })).status).toBe(204)
    expect(await getJson(service, '/v1/changefeed/latest')).toMatchObject({ sequence: 14, sopInstanceUid: '5.1' })
    expect((await request(service, `/_local/late/${id}/show`, { method: 'POST' })).status).toBe(404)
  })

  it('restores the feed to an earlier head, from which it grows again with other rows', async () => {
    const service = await withRows()
    await send(service, 'POST', '/_local/restore', { sequence: 1 })
    expect(await getJson(service, '/v1/changefeed/latest')).toMatchObject({ sequence: 1 })
    await request(service, '/v2/studies', {
      method: 'POST',
      headers: { 'content-type': 'application/dicom' },
      body: new Uint8Array(storableFile({ sop: '8.8' })),
    })
    expect(await getJson(service, '/v1/changefeed/latest')).toMatchObject({ sequence: 2, sopInstanceUid: '8.8' })
  })
})
