import { expect, it } from '@jest/globals'
import { created, images } from '../support/world/cast-images'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const study = '1.2.3'

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** The call, while whose first transaction is on its way the host ends the app. */
const endedDuring = async (world: OperateWorld, path: string, body: object | undefined): Promise<unknown> => {
  world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'transaction' }, delayMs: 800 }])
  const call = world.call('POST', path, body).catch(() => undefined)
  await until(() => (world.fhir.faults.list()[0]?.hits ?? 0) > 0)
  await world.host.close()
  await call
  // Rows count down with the time: the newest run comes first.
  const [run] = (await world.rows('RunHistoryTable')).filter(({ partitionKey }) => partitionKey === 'RunHistory')
  return { kind: run?.['Kind'], ended: run?.['Ended'] }
}

it('a catch-up has the time that a timer’s run has when the host ends the app: its batch is finished', async () => {
  const world = await newWorld({ settings: { DicomCast__BatchSize: '2' } })
  world.dicom.control.append(...images(6, { study }))
  expect(await endedDuring(world, 'catch-up', undefined)).toEqual({ kind: 'catch-up', ended: 'Stopped' })
  expect(await world.syncedSequence()).toBeGreaterThan(0)
})

it('… and so has a replay', async () => {
  const world = await newWorld()
  const refused = { fault: 'rejectResource', match: { bodyIncludes: '"1.2.3' } } as const
  world.fhir.faults.set([refused])
  world.dicom.control.append(created({ study }), ...images(2, { study: '1.2.4' }))
  await world.call('POST', 'catch-up')
  expect(await endedDuring(world, 'replay', { study })).toEqual({ kind: 'replay', ended: 'Done' })
  expect(await world.failed()).toEqual({})
})

it('… and a resync', async () => {
  const world = await newWorld()
  world.dicom.control.append(...images(2, { study }))
  await world.call('POST', 'catch-up')
  for (const { id } of world.fhir.store.ofType('ImagingStudy'))
    await fetch(`${world.fhir.url}/ImagingStudy/${id}`, { method: 'DELETE' })
  expect(await endedDuring(world, 'resync', { study })).toEqual({ kind: 'resync', ended: 'Done' })
})
