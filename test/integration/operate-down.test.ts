import { describe, expect, it } from '@jest/globals'
import { images } from '../support/world/cast-images'
import { problemType, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const down = 'http://127.0.0.1:9'

describe('a service that is down', () => {
  const asked = {
    look: [
      ['GET', 'verify?study=1.2.3'],
      ['POST', 'preview'],
    ],
    work: [
      ['POST', 'catch-up'],
      ['POST', 'resync', { study: '1.2.3' }],
    ],
    rows: [
      ['GET', 'failures/DicomFailToStoreExceptionTable'],
      ['GET', 'failures/DicomFailToStoreExceptionTable/0000000000000000001'],
      ['POST', 'replay', { study: '1.2.3' }],
      ['POST', 'checkpoint', { sequence: 0, etag: null, confirm: true }],
    ],
  } as const
  const noStorage = `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=aaaa;BlobEndpoint=${down}/a;TableEndpoint=${down}/a;`

  it.each([
    ['dicom', { DicomWeb__Endpoint: down }, [...asked.look, ...asked.work]],
    ['fhir', { Fhir__Endpoint: down }, [...asked.look, ...asked.work]],
    ['storage', { AzureWebJobsStorage: noStorage }, [...asked.look, ...asked.work, ...asked.rows]],
  ])('is named by every route that needs it: %s', async (hop, settings, calls) => {
    const world = await newWorld({ app: { ...settings, RetryConfiguration__TotalRetryDuration: '00:00:00' } })
    world.dicom.control.append(...images(2))
    for (const [method, path, body] of calls) {
      expect([path, await world.call(method, path, body)]).toMatchObject([
        path,
        { status: 503, type: problemType, json: { code: 'ServiceUnavailable', hop } },
      ])
    }
  })
})
