import { afterEach, describe, expect, it } from '@jest/globals'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type DicomService, startDicomService } from '../../local/dicom/service'
import { held } from '../support/fhir/cast-fhir'
import { created, deleted, images, updated } from '../support/world/cast-images'
import { until } from '../support/world/cast-until'
import { useOperateWorld } from '../support/world/operate-world'

interface Event {
  readonly type: string
  readonly data: { readonly serviceHostName: string; readonly sequenceNumber: number }
}

const closers: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A webhook that consents, or does not; a delivery is answered when `release` is called. */
const hook = async (consents = true) => {
  const deliveries: Array<ReadonlyArray<Event>> = []
  const asked: string[] = []
  let release: () => void = () => undefined
  const server: Server = createServer((request, response) => {
    const origin = request.headers['webhook-request-origin']
    if (request.method === 'OPTIONS') {
      asked.push(String(origin))
      response.writeHead(200, consents ? { 'webhook-allowed-origin': String(origin) } : {}).end()
      return
    }
    void text(request).then((body) => {
      deliveries.push(JSON.parse(body) as ReadonlyArray<Event>)
      release = () => response.writeHead(200).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/wake`,
    deliveries,
    asked,
    arrived: async (count: number) => {
      await until(() => deliveries.length === count, `${count} deliveries`)
      release()
    },
  }
}

const startDicom = async (events: string): Promise<DicomService> => {
  const service = await startDicomService({ events })
  closers.push(service.close)
  return service
}

const told = (events: ReadonlyArray<Event> = []) =>
  events.map(({ type, data }) => [type.split('.').at(-1), data.sequenceNumber])

describe('events of the local DICOM service', () => {
  it('tell of each change, once the webhook has consented', async () => {
    const webhook = await hook()
    const dicom = await startDicom(webhook.url)
    dicom.control.append(created(), updated(), deleted())
    await webhook.arrived(1)
    expect(webhook.asked).toEqual(['eventgrid.azure.net'])
    expect(told(webhook.deliveries[0])).toEqual([
      ['DicomImageCreated', 1],
      ['DicomImageUpdated', 2],
      ['DicomImageDeleted', 3],
    ])
    expect(webhook.deliveries[0]?.[0]?.data.serviceHostName).toBe(new URL(dicom.url).host)
  })

  it('come together while a delivery is not answered, two hundred at the most', async () => {
    const webhook = await hook()
    const dicom = await startDicom(webhook.url)
    dicom.control.append(created())
    await until(() => webhook.deliveries.length === 1, 'the first delivery')
    for (const image of images(250, { study: '1.2.4' })) dicom.control.append(image)
    for (const count of [1, 2, 3]) await webhook.arrived(count)
    expect(webhook.deliveries.map(({ length }) => length)).toEqual([1, 200, 50])
  })

  it('tell of a late row when it is there', async () => {
    const webhook = await hook()
    const dicom = await startDicom(webhook.url)
    const { id } = dicom.control.appendLate(created())
    dicom.control.append(created({ study: '1.2.4' }))
    await webhook.arrived(1)
    dicom.control.showLate(id)
    await webhook.arrived(2)
    expect(webhook.deliveries.map(told)).toEqual([[['DicomImageCreated', 2]], [['DicomImageCreated', 1]]])
  })

  it('are not sent to an address that does not consent', async () => {
    const webhook = await hook(false)
    const dicom = await startDicom(webhook.url)
    dicom.control.append(created())
    await until(() => webhook.asked.length === 1, 'the handshake')
    await dicom.close()
    expect(webhook.deliveries).toEqual([])
  })

  const newWorld = useOperateWorld()

  it('bring an image into FHIR without a tick', async () => {
    const world = await newWorld({ settings: { DicomCast__Events: 'true' } })
    world.dicom.publishTo(`${world.host.url}/api/wake`)
    world.dicom.control.append(created())
    await until(() => held(world, 'ImagingStudy').length === 1, 'the study in FHIR')
    world.dicom.control.append(created({ study: '1.2.4' }))
    await until(() => held(world, 'ImagingStudy').length === 2, 'the second study in FHIR')
  })
})
