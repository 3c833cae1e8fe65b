import { describe, expect, it } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { joinMultipart } from '../../local/dicom/multipart'
import { findFiles } from '../../local/dicom/sample-studies'
import type { DicomService } from '../../local/dicom/service'
import { storeFiles } from '../../local/dicom/stow-client'
import { sampleChange } from '../support/world/dicom-dataset'
import { storableFile } from '../support/world/dicom-part10'
import type { Answered } from '../support/world/dicom-service-client'
import { dicomService, getJson, request, send } from '../support/world/dicom-service-client'

interface Entry {
  readonly sequence: number
  readonly partitionName: string
  readonly studyInstanceUid: string
  readonly action: string
  readonly state: string
  readonly timestamp: string
  readonly metadata?: Record<string, { readonly vr: string; readonly Value?: ReadonlyArray<unknown> }>
}

const store = (service: DicomService, path: string, ...files: ReadonlyArray<Buffer>): Promise<Answered> =>
  request(service, path, {
    method: 'POST',
    headers: { 'content-type': 'multipart/related; type="application/dicom"; boundary=edge' },
    body: new Uint8Array(joinMultipart(files, 'edge')),
  })

const creates = (count: number) =>
  Array.from({ length: count }, (_, index) => sampleChange('create', { sop: `1.2.3.1.${index + 1}` }))

describe('the change feed', () => {
  it('answers an empty list, and 204 without a body as latest, while it is empty', async () => {
    const service = await dicomService()
    expect(await getJson(service, '/v1/changefeed')).toEqual([])
    for (const version of ['v1', 'v2']) {
      const { status, text } = await request(service, `/${version}/changefeed/latest`)
      expect([status, text]).toEqual([204, ''])
    }
  })

  it('writes an entry in camelCase, with all members and no nulls', async () => {
    const service = await dicomService({ now: () => new Date('2026-11-23T20:01:39.594Z') })
    service.control.append(sampleChange())
    service.control.append(sampleChange('delete', { sop: '1.2.3.1.1' }))
    expect(await getJson(service, '/v1/changefeed/latest')).toEqual({
      sequence: 2,
      partitionName: 'Microsoft.Default',
      studyInstanceUid: '1.2.3',
      seriesInstanceUid: '1.2.3.1',
      sopInstanceUid: '1.2.3.1.1',
      action: 'Delete',
      timestamp: '2026-11-23T20:01:39.5940001+00:00',
      state: 'Deleted',
    })
  })

  it('tells the time of its own clock in the Date header', async () => {
    const service = await dicomService({ now: () => new Date('2026-11-23T20:01:39Z') })
    expect((await request(service, '/v1/changefeed')).headers.get('date')).toBe('Mon, 23 Nov 2026 20:01:39 GMT')
  })

  it('has pages of 10 in version 1 and 100 in version 2 when no limit is given', async () => {
    const service = await dicomService()
    service.control.append(...creates(120))
    expect(await getJson<Entry[]>(service, '/v1/changefeed')).toHaveLength(10)
    expect(await getJson<Entry[]>(service, '/v2/changefeed')).toHaveLength(100)
    expect(await getJson<Entry[]>(service, '/v2/changefeed?limit=200')).toHaveLength(120)
  })

  it('leaves the metadata out on request, and reads the names of the query in any case', async () => {
    const service = await dicomService()
    service.control.append(...creates(3))
    const entries = await getJson<Entry[]>(service, '/v1/changefeed?OFFSET=1&Limit=1&IncludeMetadata=false')
    expect(entries.map((entry) => [entry.sequence, 'metadata' in entry])).toEqual([[2, false]])
  })

  it('reads a window of time in version 2', async () => {
    const service = await dicomService()
    for (const day of [1, 2, 3]) {
      service.control.append(sampleChange('create', { sop: `1.${day}` }, { timestamp: `2026-01-0${day}T12:00:00Z` }))
    }
    const path = '/v2/changefeed?startTime=2026-01-01T13:00:00%2B01:00&endTime=2026-01-03T12:00:00Z'
    const window = await getJson<Entry[]>(service, path)
    expect(window.map(({ sequence }) => sequence)).toEqual([1, 2])
    expect((await getJson<Entry[]>(service, `${path}&offset=1`)).map(({ sequence }) => sequence)).toEqual([2])
  })

  it.each([
    '/v1/changefeed?limit=0',
    '/v1/changefeed?limit=101',
    '/v1/changefeed?offset=-1',
    '/v1/changefeed?offset=9223372036854775808',
    '/v1/changefeed?offset=one',
    '/v1/changefeed?includeMetadata=yes',
    '/v1/changefeed/latest?includeMetadata=1',
    '/v2/changefeed?limit=201',
    '/v2/changefeed?startTime=yesterday',
    '/v2/changefeed?startTime=2026-01-02&endTime=2026-01-01',
  ])('refuses %s in plain text', async (path) => {
    const { status, headers } = await request(await dicomService(), path)
    expect([status, headers.get('content-type')]).toEqual([400, 'text/plain; charset=utf-8'])
  })

  it.each([
    '/',
    '/changefeed',
    '/v3/changefeed',
    '/v1/changefeed/oldest',
    '/v1/partitions/a/changefeed',
    '/v1/studies/%zz/x',
  ])('knows no %s', async (path) => {
    const { status, headers } = await request(await dicomService(), path)
    expect([status >= 400 && status <= 404, headers.get('content-type')]).toEqual([true, 'text/plain; charset=utf-8'])
  })
})

describe('storing', () => {
  it('stores the real sample files, and says of each refused one why', async () => {
    const service = await dicomService()
    const results = await storeFiles(service.url, await findFiles())
    expect(
      results
        .filter(({ stored }) => !stored)
        .map(({ file, failureReason, reason }) => `${basename(file)}: ${failureReason} ${reason}`),
    ).toEqual([
      'brain_001.dcm: 272 2490368 bytes at the end are not data elements',
      'brain_013.dcm: 45070 The instance already exists.',
    ])
    const entries = await getJson<Entry[]>(service, '/v2/changefeed?limit=200')
    expect(entries.map(({ sequence, action, state }) => [sequence, action, state])).toEqual(
      Array.from({ length: 27 }, (_, index) => [index + 1, 'Create', 'Current']),
    )
  })

  it('answers 200, 409 or 202 when all, none or some instances were stored', async () => {
    const service = await dicomService()
    const [one, two] = [storableFile({ sop: '1.1' }), storableFile({ sop: '1.2' })]
    expect((await store(service, '/v2/studies', one)).status).toBe(200)
    expect((await store(service, '/v2/studies', one)).status).toBe(409)
    const mixed = await store(service, '/v2/studies', one, two, Buffer.from('not DICOM'))
    expect([mixed.status, mixed.headers.get('content-type')]).toEqual([202, 'application/dicom+json; charset=utf-8'])
    expect(JSON.parse(mixed.text)).toMatchObject({
      '00081198': {
        vr: 'SQ',
        Value: [
          { '00081155': { Value: ['1.1'] }, '00081197': { vr: 'US', Value: [45070] } },
          { '00081197': { vr: 'US', Value: [272] } },
        ],
      },
      '00081199': {
        vr: 'SQ',
        Value: [
          {
            '00081150': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.2'] },
            '00081155': { vr: 'UI', Value: ['1.2'] },
            '00081190': { vr: 'UR', Value: [`${service.url}/v2/studies/1.2.3/series/1.2.3.1/instances/1.2`] },
          },
        ],
      },
    })
  })

  it.each([
    ['/v1/studies', 'P1', 200],
    ['/v1/studies', '', 409],
    ['/v1/studies', null, 409],
    ['/v2/studies', '', 200],
    ['/v2/studies', null, 200],
    ['/v2/studies/1.2.3', 'P1', 200],
    ['/v2/studies/9.9', 'P1', 409],
  ])('POST %s with PatientID %j answers %i', async (path, patientId, status) => {
    expect((await store(await dicomService(), path, storableFile({ patientId }))).status).toBe(status)
  })

  it('takes an application/dicom body, and no other type', async () => {
    const service = await dicomService()
    const post = (type: string) =>
      request(service, '/v2/studies', {
        method: 'POST',
        headers: { 'content-type': type },
        body: new Uint8Array(storableFile()),
      })
    expect([(await post('application/json')).status, (await post('application/dicom')).status]).toEqual([415, 200])
  })

  it('keeps the same study in two partitions apart', async () => {
    const service = await dicomService()
    expect((await store(service, '/v2/partitions/a/studies', storableFile())).status).toBe(200)
    expect((await store(service, '/v2/partitions/b/studies', storableFile())).status).toBe(200)
    await request(service, '/v1/partitions/a/studies/1.2.3', { method: 'DELETE' })
    expect((await request(service, '/v1/partitions/a/studies/1.2.3/metadata')).status).toBe(404)
    expect((await request(service, '/v1/partitions/b/studies/1.2.3/metadata')).status).toBe(200)
    expect((await request(service, '/v1/studies/1.2.3/metadata')).status).toBe(404)
    const entries = await getJson<Entry[]>(service, '/v1/changefeed')
    expect(entries.map(({ partitionName, state }) => [partitionName, state])).toEqual([
      ['a', 'Deleted'],
      ['b', 'Current'],
      ['a', 'Deleted'],
    ])
  })
})

describe('studies', () => {
  const stocked = async () => {
    const service = await dicomService()
    service.control.append(
      sampleChange('create', { study: '1.1', series: '1.1.1', sop: '1.1.1.1' }),
      sampleChange('create', { study: '1.1', series: '1.1.1', sop: '1.1.1.2' }),
      sampleChange('create', { study: '1.1', series: '1.1.2', sop: '1.1.2.1' }),
      sampleChange('create', { study: '1.2', series: '1.2.1', sop: '1.2.1.1', patientId: 'P2' }),
    )
    return service
  }

  it.each([
    ['/v1/studies/1.1/metadata', 3],
    ['/v2/studies/1.1/series/1.1.1/metadata', 2],
    ['/v2/partitions/Microsoft.Default/studies/1.1/series/1.1.1/instances/1.1.1.2/metadata', 1],
  ])('GET %s answers %i datasets', async (path, count) => {
    const { text, headers } = await request(await stocked(), path)
    expect(JSON.parse(text)).toHaveLength(count)
    expect(headers.get('content-type')).toBe('application/dicom+json; charset=utf-8')
  })

  it.each([
    ['/v1/studies/1.1', 3],
    ['/v2/studies/1.1/series/1.1.1', 2],
    ['/v2/studies/1.1/series/1.1.1/instances/1.1.1.2', 1],
  ])('DELETE %s writes %i rows with one timestamp', async (path, count) => {
    const service = await stocked()
    expect((await request(service, path, { method: 'DELETE' })).status).toBe(204)
    const rows = await getJson<Entry[]>(service, '/v1/changefeed?offset=4')
    expect(rows.map(({ action, state }) => `${action}/${state}`)).toEqual(Array(count).fill('Delete/Deleted'))
    expect(new Set(rows.map(({ timestamp }) => timestamp)).size).toBe(1)
    expect((await request(service, path, { method: 'DELETE' })).status).toBe(404)
  })

  it('finds studies, with the number of their instances', async () => {
    const service = await stocked()
    const item = (study: string, patient: string, count: number) => ({
      '00080020': { vr: 'DA', Value: ['20261123'] },
      '00100020': { vr: 'LO', Value: [patient] },
      '0020000D': { vr: 'UI', Value: [study] },
      '00201208': { vr: 'IS', Value: [count] },
    })
    const [first, second] = [item('1.1', 'P1', 3), item('1.2', 'P2', 1)]
    expect(await getJson(service, '/v1/studies')).toEqual([first, second])
    expect(await getJson(service, '/v2/studies?limit=1&offset=1')).toEqual([second])
    expect(await getJson(service, '/v2/studies?PatientID=P1')).toEqual([first])
    expect(await getJson(service, '/v2/studies?StudyInstanceUID=1.2')).toEqual([second])
    expect((await request(service, '/v2/studies?StudyInstanceUID=9')).status).toBe(204)
  })

  it('updates studies in bulk, and tells how that went', async () => {
    const service = await stocked()
    const accepted = await send(service, 'POST', '/v2/studies/$bulkUpdate', {
      studyInstanceUids: ['1.1'],
      changeDataset: { '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Rivera-Sol^Ana' }] } },
    })
    expect(accepted.status).toBe(202)
    const { href } = JSON.parse(accepted.text) as { href: string }
    expect(await (await fetch(href)).json()).toMatchObject({ status: 'succeeded', results: { instanceUpdated: 3 } })
    const rows = await getJson<Entry[]>(service, '/v1/changefeed')
    expect(rows.map(({ action, state }) => `${action}/${state}`)).toEqual([
      ...Array<string>(3).fill('Create/Replaced'),
      'Create/Current',
      ...Array<string>(3).fill('Update/Current'),
    ])
    expect(rows[0]?.metadata?.['00100010']?.Value).toEqual([{ Alphabetic: 'Rivera-Sol^Ana' }])
  })

  it('updates the studies of the partition that the URL names', async () => {
    const service = await stocked()
    const body = { studyInstanceUids: ['1.1'], changeDataset: { '00100020': { vr: 'LO', Value: ['P9'] } } }
    await send(service, 'POST', '/v2/partitions/a/studies/$bulkUpdate', body)
    expect(service.feed.latestBySequence()?.sequence).toBe(4)
    expect((await send(service, 'POST', '/v1/studies/$bulkUpdate', body)).status).toBe(404)
  })
})

describe('access', () => {
  it('wants the bearer token when one is set, but not for the control API', async () => {
    const service = await dicomService({ bearer: 'secret' })
    expect((await request(service, '/v1/changefeed')).status).toBe(401)
    expect((await request(service, '/v1/changefeed', { headers: { authorization: 'Bearer other' } })).status).toBe(401)
    expect((await request(service, '/v1/changefeed', { headers: { authorization: 'Bearer secret' } })).status).toBe(200)
    expect((await request(service, '/_local/faults')).status).toBe(200)
  })

  it('listens on the loopback interface', async () => {
    expect((await dicomService()).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })
})

describe('a state file', () => {
  it('brings the feed back, with its holes, after a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dicom-'))
    const stateFile = join(folder, 'feed.ndjson')
    try {
      const first = await dicomService({ stateFile })
      first.control.append(...creates(2))
      first.control.append(sampleChange('delete'))
      first.control.skip(5)
      const before = await getJson(first, '/v1/changefeed')
      await first.close()

      const second = await dicomService({ stateFile })
      expect(await getJson(second, '/v1/changefeed')).toEqual(before)
      expect(second.control.append(sampleChange()).map(({ sequence }) => sequence)).toEqual([9])
      await second.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
