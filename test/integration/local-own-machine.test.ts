import { mkdtemp, rm, stat } from 'node:fs/promises'
import { request, type OutgoingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { startDicomService } from '../../local/dicom/service'
import { startFhirService } from '../../local/fhir/service'
import { startFunctionsHost } from '../../local/functions-host'
import { created } from '../support/world/cast-images'

const closers: Array<() => Promise<unknown>> = []
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

interface Started {
  readonly url: string
  readonly close: () => Promise<unknown>
}

const services: ReadonlyArray<readonly [name: string, start: () => Promise<Started>, path: string]> = [
  ['DICOM', startDicomService, '/v1/changefeed'],
  ['FHIR', startFhirService, '/metadata'],
  [
    'functions host',
    () => startFunctionsHost({ env: { PATH: process.env['PATH'], CastSchedule: '0 0 4 1 1 *' } }),
    '/api/dashboard',
  ],
]

/** With headers that `fetch` sets by itself. */
const ask = (url: string, headers: OutgoingHttpHeaders, method = 'GET', body = ''): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: { ...headers, 'content-length': body.length } }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    sent.once('error', reject).end(body)
  })

describe.each(services)('the local %s service', (_, start, path) => {
  it('answers to a loopback host alone, and to no page of another origin', async () => {
    const { url, close } = await start()
    closers.push(close)
    const { port, host } = new URL(url)
    const statusOf = (headers: OutgoingHttpHeaders) => ask(`${url}${path}`, headers)
    for (const own of [host, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`])
      expect([own, await statusOf({ host: own })]).toEqual([own, 200])
    expect(await statusOf({ host, origin: `http://${host}` })).toBe(200)
    for (const foreign of [
      `evil.example:${port}`,
      `localhost.evil.example`,
      `127.0.0.1.evil.example`,
      '10.0.0.1',
      'x y',
    ])
      expect([foreign, await statusOf({ host: foreign })]).toEqual([foreign, 403])
    for (const origin of [
      'https://evil.example',
      'null',
      `http://${host}.evil.example`,
      'http://localhost:1',
      `https://${host}`,
    ])
      expect([origin, await statusOf({ host, origin })]).toEqual([origin, 403])
  })
})

describe('JSON', () => {
  const text = JSON.stringify([{ fault: '503' }])

  it.each(services.slice(0, 2))(
    'is taken as application/json alone, which no form of a page can send: %s',
    async (_, start) => {
      const { url, close } = await start()
      closers.push(close)
      const put = (type: OutgoingHttpHeaders) => ask(`${url}/_local/faults`, type, 'PUT', text)
      expect(await put({ 'content-type': 'application/json; charset=utf-8' })).toBe(204)
      for (const type of ['text/plain', 'text/plain; application/json', 'application/jsonp', 'multipart/form-data'])
        expect([type, await put({ 'content-type': type })]).toEqual([type, 415])
      expect(await put({})).toBe(415)
    },
  )

  it('of a bulk update is no exception', async () => {
    const { url, close } = await startDicomService()
    closers.push(close)
    const body = JSON.stringify({ studyInstanceUids: ['1.2.3'], changeDataset: {} })
    expect(await ask(`${url}/v2/studies/$bulkUpdate`, { 'content-type': 'text/plain' }, 'POST', body)).toBe(415)
  })
})

describe('what is kept', () => {
  it('is for its owner alone to read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dicomcast-kept-'))
    closers.push(() => rm(folder, { recursive: true, force: true }))
    const [dicomFile, fhirFile] = [join(folder, 'dicom'), join(folder, 'fhir')]
    const dicom = await startDicomService({ stateFile: dicomFile })
    dicom.control.append(created())
    const fhir = await startFhirService({ stateFile: fhirFile })
    fhir.seed({ resourceType: 'Patient', id: 'p' })
    await Promise.all([dicom.close(), fhir.close()])
    for (const file of [dicomFile, fhirFile]) expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600')
  })
})
