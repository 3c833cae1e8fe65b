import { expect, it } from '@jest/globals'
import { held } from '../support/fhir/cast-fhir'
import { created } from '../support/world/cast-images'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()

const tellOf = async (world: OperateWorld, sequenceNumber: number) => {
  const type = 'Microsoft.HealthcareApis.DicomImageCreated'
  const data = { serviceHostName: new URL(world.dicom.url).host, sequenceNumber }
  return (await world.call('POST', 'wake', [{ type, data }])).json
}

it('a transaction that takes longer than a wake has is left to the timer, which has the time', async () => {
  const world = await newWorld({ settings: { DicomCast__Events: 'true' } })
  world.dicom.control.append(created({ study: '1.2.1' }))
  world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'transaction' }, delayMs: 30_000 }])
  expect(await tellOf(world, 1)).toEqual({ told: 1, ended: 'OutOfTime' })
  expect(await tellOf(world, 1)).toEqual({ told: 1, ended: 'LastRunIll' })
  world.fhir.faults.clear()
  await world.host.fire('castTimer')
  expect(held(world, 'ImagingStudy')).toHaveLength(1)
  world.dicom.control.append(created({ study: '1.2.2' }))
  expect(await tellOf(world, 2)).toEqual({ told: 2, ended: 'CaughtUp' })
})
