import { expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { accept } from '../../lib/app/operate/accept'
import { newCheckpoint } from '../../lib/domain/checkpoint'
import { calmServices, calmSettings, tagsWith } from './calm-services'
import { dosesIn } from './doses'
import { operatorPortsOf } from './operators'
import { known } from './reference'
import { newProcess } from './process'
import { startRun } from './runs'
import { knownId, knownPatient } from './other-systems'
import { makeWorld } from './world'

const system = 'urn:oid:1.2.3.4'

it('lets stand whom an operator accepted when all is cast again, also when the doses would have to go before the study', async () => {
  const world = makeWorld(1, { only: new Set() })
  const calmly = calmServices(world)
  // Without a position nothing tells that the row was judged before.
  const services = { ...calmly, fhir: { ...calmly.fhir, hasNoBasic: true } }
  const { feed, storage, fhir } = services
  const calm = calmSettings(10)
  // Room for two Observations, or for the study.
  const settings = { ...calm, maxBundleEntries: 3, patient: { ...calm.patient, systemId: system } }
  const cast = async (name: string): Promise<void> => {
    const { process } = startRun(world, services, settings, name, 240_000)
    await world.scheduler.run(() => !process.alive)
  }
  const study = (): unknown => fhir.store.all('ImagingStudy').map(({ id, meta }) => [id, meta?.versionId])
  fhir.store.put(`Patient/${knownId}`, knownPatient(system))
  const key = { partition: 'Microsoft.Default', study: '1.2.1', series: '1.2.1.1', instance: '1.2.1.1.1' }
  const tags = tagsWith({
    ...{ number: 1, patientId: known.patientId, family: 'Another', birthDate: '19700101' },
    report: { events: ['1.7.1', '1.7.2'], dlp: 1, minute: 1, preliminary: false },
  })
  feed.begin([{ image: feed.image(key, false), action: 'Create', tags, poison: false }], 0, 0, false)
  await world.scheduler.run(() => feed.open() === 0)
  await cast('first')
  expect([...storage.fails.values()].map(({ row }) => row.error._tag)).toEqual(['DemographicsConflict'])

  const ports = operatorPortsOf(world, services, Object.assign(newProcess('op'), { operates: true, safe: true }))
  const options = { runId: 'op', budgetMs: 240_000, stopping: () => false, by: 'op' }
  const request = { patientId: knownId, identifier: { value: known.patientId, system } }
  let accepted: unknown
  void accept(ports, settings, options, request, false).then((done) => (accepted = E.isRight(done)))
  await world.scheduler.run(() => accepted !== undefined)
  const before = study()
  expect([accepted, storage.fails.size, before]).toMatchObject([true, 0, [[expect.anything(), expect.anything()]]])

  storage.checkpoint = { checkpoint: newCheckpoint(0), etag: 'by hand', writer: 'operator' }
  await cast('again')
  expect([study(), storage.fails.size, dosesIn(fhir.store).problems]).toEqual([before, 0, []])
})
