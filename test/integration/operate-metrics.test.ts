import { describe, expect, it } from '@jest/globals'
import { images } from '../support/world/cast-images'
import { dicomcast } from '../support/world/command-line'
import { type OperateWorld, noStorage, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()

const scraped = async ({ host }: OperateWorld) => {
  const response = await fetch(`${host.url}/api/metrics`)
  const text = await response.text()
  const valueOf = (series: string): number | undefined => {
    const line = text.split('\n').find((each) => each.startsWith(`${series} `))
    return line === undefined ? undefined : Number(line.slice(series.length + 1))
  }
  return { status: response.status, type: response.headers.get('content-type'), text, valueOf }
}

describe('GET /api/metrics', () => {
  it('sums what processes have done that are gone', async () => {
    const world = await newWorld()
    const before = await scraped(world)
    expect([before.status, before.type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    expect(before.valueOf('dicomcast_entries_total{outcome="stored"}')).toBe(0)
    for (const study of ['1.2.3', '1.2.4']) {
      world.dicom.control.append(...images(3, { study }))
      expect(await dicomcast(world.environment(), 'cast')).toMatchObject({ code: 0 })
    }
    world.dicom.control.append(...images(2, { study: '1.2.5', patientId: null }))
    const { valueOf } = await scraped(world)
    expect({
      stored: valueOf('dicomcast_entries_total{outcome="stored"}'),
      runs: valueOf('dicomcast_runs_total{ended="CaughtUp"}'),
      backlog: valueOf('dicomcast_backlog_entries'),
      lost: valueOf('dicomcast_requests_total{service="fhir",outcome="lost"}'),
      up: valueOf('dicomcast_service_up{service="fhir"}'),
    }).toEqual({ stored: 6, runs: 2, backlog: 2, lost: 0, up: 1 })
    expect(valueOf('dicomcast_requests_total{service="fhir",outcome="fine"}')).toBeGreaterThan(0)
    await world.call('POST', 'catch-up')
    const after = await scraped(world)
    expect(after.valueOf('dicomcast_failures_total{table="DicomFailToStoreExceptionTable"}')).toBe(2)
    expect(after.valueOf('dicomcast_failure_codes_total{code="TagsRejected"}')).toBe(2)
    expect(after.valueOf('dicomcast_failure_rows{table="DicomFailToStoreExceptionTable",code="TagsRejected"}')).toBe(2)
    expect(after.text).not.toMatch(/1\.2\.3|P1|Patient\//)
  })

  it('is told while storage is down, without what only storage knows', async () => {
    const { status, valueOf, text } = await scraped(await newWorld({ app: { AzureWebJobsStorage: noStorage } }))
    expect([status, valueOf('dicomcast_service_up{service="storage"}')]).toEqual([200, 0])
    expect([valueOf('dicomcast_service_up{service="dicom"}'), text.includes('_total')]).toEqual([1, false])
  })

  it('is refused as the status is where settings are wrong', async () => {
    const world = await newWorld({ app: { DicomWeb__Endpoint: '' } })
    expect(await world.call('GET', 'metrics')).toMatchObject({ status: 500, json: { code: 'ConfigurationInvalid' } })
  })
})
