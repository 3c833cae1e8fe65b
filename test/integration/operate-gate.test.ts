import { describe, expect, it } from '@jest/globals'
import { held, sole } from '../support/fhir/cast-fhir'
import { created } from '../support/world/cast-images'
import { useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()

describe('POST /api/pause', () => {
  it('stops all that writes until resume, and loses nothing', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study: '1.2.1' }))
    await world.cast()
    const version = sole(world, 'Basic').meta?.versionId
    expect(await world.call('POST', 'pause')).toMatchObject({
      status: 200,
      json: { state: 'paused', was: 'running', by: 'function key', fenced: true },
    })
    // What was built on the position of before is refused from here on.
    expect(sole(world, 'Basic').meta?.versionId).not.toBe(version)
    world.dicom.control.append(created({ study: '1.2.2' }))
    expect(await world.cast()).toMatchObject({ ended: 'GateClosed', stored: 0 })
    expect(await world.call('POST', 'catch-up')).toMatchObject({ status: 409, json: { code: 'GateClosed' } })
    expect(await world.call('POST', 'resync', { study: '1.2.1' })).toMatchObject({ status: 409 })
    const { etag } = (await world.call('GET', 'status')).json['checkpoint'] as { etag: string }
    expect(await world.call('POST', 'checkpoint', { sequence: 0, etag, confirm: true })).toMatchObject({ status: 409 })
    expect(held(world, 'ImagingStudy')).toHaveLength(1)
    expect(await world.call('POST', 'pause')).toMatchObject({ json: { was: 'paused', by: 'function key' } })
    expect(await world.call('POST', 'resume')).toMatchObject({ json: { state: 'running', was: 'paused' } })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    expect((await world.call('GET', 'status')).json['runs']).toMatchObject([
      { kind: 'cast', stored: 1 },
      { kind: 'resume', ended: 'Done' },
      { kind: 'pause', ended: 'Done' },
      { kind: 'cast' },
    ])
  })

  it('pauses also while FHIR is away, and says what may still be on its way', async () => {
    const app = { Fhir__Endpoint: 'http://127.0.0.1:9', RetryConfiguration__TotalRetryDuration: '00:00:00' }
    const world = await newWorld({ app })
    expect(await world.call('POST', 'pause')).toMatchObject({ status: 200, json: { state: 'paused', fenced: false } })
    expect((await world.call('GET', 'status')).json).toMatchObject({ timer: { state: 'paused' } })
  })
})
