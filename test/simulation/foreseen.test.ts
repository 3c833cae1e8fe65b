import { describe, expect, it } from '@jest/globals'
import type { FhirResource, Identifier, ImagingStudy, Patient, Reference } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import type { OperatorOptions } from '../../lib/app/operate/operating'
import { preview } from '../../lib/app/operate/preview'
import { replay } from '../../lib/app/operate/replay'
import type { OperatorPorts } from '../../lib/app/ports-operator'
import { calmSettings } from './calm-services'
import { type Story, create, endAfter, system, update } from './cases/told'
import { operatorPortsOf } from './operators'
import { newProcess } from './process'
import type { Services } from './runs'
import { makeWorld } from './world'

// What a command foretells is what would happen.

const calm = calmSettings(1_000)
const settings = { ...calm, patient: { ...calm.patient, systemId: system } }

const asked = async <A>(
  services: Services,
  ask: (ports: OperatorPorts, options: OperatorOptions) => Promise<E.Either<unknown, A>>,
): Promise<A> => {
  const world = makeWorld(1, { only: new Set() })
  const process = newProcess('the operator')
  Object.assign(process, { operates: true, looks: true })
  const options = { runId: world.random.uuid(), budgetMs: 240_000, stopping: () => false }
  let answer: E.Either<unknown, A> | undefined
  void ask(operatorPortsOf(world, services, process), options).then((done) => (answer = done))
  await world.scheduler.run(() => answer !== undefined)
  expect(world.violations).toEqual([])
  if (answer === undefined || E.isLeft(answer)) throw new Error(JSON.stringify(answer))
  return answer.right
}

/** As it stands when all of the story is cast. */
const after = async (story: Story): Promise<Services> =>
  (await endAfter(story, { behind: () => true, batchSize: 1_000 })).services

/** What the rows behind this one would do. */
const foreseen = (services: Services, fromSequence = 0) =>
  asked(services, (ports, options) => preview(ports, settings, options, { batches: 10, fromSequence }))

describe('a replay that only looks', () => {
  it('lets no stray into a study that somebody deleted in FHIR, as the replay does not', async () => {
    const services = await after({
      before: [[create(1, 1, 'P1')], [create(1, 2, 'P2')]],
      changesFhir: true,
      meanwhile: (store) => {
        for (const { id } of store.all('ImagingStudy')) store.remove(`ImagingStudy/${id}`)
        return []
      },
      then: [[create(7, 1, 'P1')]],
    })
    const { counts } = await asked(services, (ports, options) => replay(ports, settings, options, { limit: 10 }, true))
    expect(counts).toMatchObject({ Stored: 0, Recorded: 1 })
  })
})

describe('a preview', () => {
  it('hears those that stand recorded on whose a study is', async () => {
    const services = await after({
      before: [[create(1, 1, 'P1')], [create(1, 2, 'P2')]],
      then: [[update(1, 1, 'P3')]],
    })
    expect(await foreseen(services, 2)).toMatchObject({ studies: { create: 0 }, recorded: { PatientMismatch: 1 } })
  })
})

describe('a preview of what is cast already', () => {
  const patient = (id: string, over: Partial<Identifier> = {}): Patient => ({
    ...{ resourceType: 'Patient', id, identifier: [{ system, value: 'P1', ...over }] },
    ...{ name: [{ family: 'Family P1', given: ['Ann'] }] },
  })
  const theirs = (subject: Reference): ImagingStudy => ({
    ...{ resourceType: 'ImagingStudy', id: 'ris', status: 'registered', subject },
    identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.1' }],
  })

  it.each<[string, ReadonlyArray<FhirResource>]>([
    ['whose subject is on another server', [theirs({ reference: 'https://ehr.example.org/fhir/Patient/9' })]],
    [
      'whose subject we know by no identifier',
      [{ ...patient('ehr'), identifier: [] }, theirs({ reference: 'Patient/ehr' })],
    ],
    ['whose subject is one of several', [patient('a'), patient('b'), theirs({ reference: 'Patient/b' })]],
    [
      'of the time of an identifier that is over',
      [patient('a', { use: 'old', period: { start: '2020' } }), patient('b')],
    ],
  ])('foretells nothing about a study %s', async (_which, fhir) => {
    const services = await after({ fhir, then: [[create(1, 1, 'P1')]] })
    const { studies, patients, repointed } = await foreseen(services)
    expect({ studies, repointed }).toMatchObject({ studies: { create: 0, update: 0, unchanged: 1 } })
    expect([patients.create, patients.update, repointed]).toEqual([0, 0, undefined])
  })
})
