import { expect, it } from '@jest/globals'
import { held } from '../support/fhir/cast-fhir'
import { created, deleted, uidsOf } from '../support/world/cast-images'
import { dicomcast } from '../support/world/command-line'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()

const studies = 500
const patientOf = (number: number) => ({
  patientId: `P${number % 200}`,
  name: `Family${number % 200}^Given`,
  birthDate: '19700102',
  sex: 'F',
})
const imageOf = (number: number, instance = 1) => ({ study: `1.2.${number}`, instance, ...patientOf(number) })

const [poisoned, misfiled, doubled] = [imageOf(77), imageOf(120), 'P33']

/** Studies of two images; the second of one of them was filed under somebody else. */
const feed = Array.from({ length: studies }, (_, number) => [
  created(imageOf(number)),
  created(number === 120 ? { ...imageOf(number, 2), ...patientOf(5) } : imageOf(number, 2)),
]).flat()

const twin = { resourceType: 'Patient', identifier: [{ value: doubled }] }
const post = async ({ fhir }: OperateWorld, patient: object): Promise<void> => {
  const headers = { 'content-type': 'application/fhir+json' }
  await fetch(`${fhir.url}/Patient`, { method: 'POST', headers, body: JSON.stringify(patient) })
}

it('five hundred studies, four mishaps: the status tells each, the operator mends each, and all is in step', async () => {
  const world = await newWorld()
  const command = (...args: ReadonlyArray<string>) => dicomcast(world.environment(), ...args)
  const status = async () => (await world.call('GET', 'status')).json
  world.dicom.control.append(...feed)
  await post(world, twin)
  await post(world, twin)
  const poison = { fault: 'rejectResource', match: { bodyIncludes: `"${uidsOf(poisoned).sopInstanceUid}"` } } as const

  // FHIR is down: nothing is lost, and the status says who.
  world.fhir.faults.set([{ fault: '503', retryAfterS: 3_600 }])
  expect(await world.call('POST', 'catch-up')).toMatchObject({
    status: 503,
    json: { code: 'ServiceUnavailable', hop: 'fhir' },
  })
  expect(await status()).toMatchObject({
    state: 'broken',
    backlog: 2 * studies,
    checkpoint: { sequence: 0, stuckSince: expect.any(String) },
    health: { fhir: { healthy: false }, dicom: { healthy: true } },
  })
  expect((await command('status')).code).toBe(3)

  // It is back. One instance is refused, one person is there twice, one image is misfiled.
  world.fhir.faults.set([poison])
  const caughtUp = await world.call('POST', 'catch-up')
  expect(caughtUp).toMatchObject({ status: 200, json: { caughtUp: true, entries: 2 * studies } })
  const doubledImages =
    2 * Array.from({ length: studies }, (_, number) => number).filter((each) => each % 200 === 33).length
  expect(await status()).toMatchObject({
    state: 'behind',
    backlog: 0,
    reasons: [
      `${1 + doubledImages} entries wait for a person to tell whose images they are: PatientMismatch 1, PatientAmbiguous ${doubledImages}`,
      '1 row in DicomFailToStoreExceptionTable: PatientMismatch 1',
      `${1 + doubledImages} rows in FhirFailToStoreExceptionTable: PatientAmbiguous ${doubledImages}, FhirRejected 1`,
    ],
    failures: {
      DicomFailToStoreExceptionTable: { rows: 1, codes: { PatientMismatch: 1 } },
      FhirFailToStoreExceptionTable: {
        rows: 1 + doubledImages,
        codes: { FhirRejected: 1, PatientAmbiguous: doubledImages },
      },
    },
  })
  const listed = await command('failures', '--json')
  const rows = (JSON.parse(listed.stdout) as Array<{ rows: Array<{ code: string }> }>).flatMap((table) => table.rows)
  expect([listed.code, [...new Set(rows.map(({ code }) => code))].sort()]).toEqual([
    1,
    ['FhirRejected', 'PatientAmbiguous', 'PatientMismatch'],
  ])
  // What is not cast has its row: a walk tells how many there are, and finds nothing else.
  expect(await command('verify', '--all')).toEqual({
    ...{ code: 0, stderr: '' },
    stdout: expect.stringMatching(
      `^${studies} studies compared: \\d+ with images in a fail table; not cast: ${doubledImages + 2} instances \\(PatientAmbiguous ${doubledImages}, FhirRejected 1, PatientMismatch 1\\)\\n$`,
    ),
  })

  // The twins are merged: a replay of the table casts their images, and tells that the instance is still refused.
  const replay = async (...args: ReadonlyArray<string>) => {
    const { code, stdout } = await command('replay', ...args)
    return [code, stdout.split('\n')[0]]
  }
  const [, other] = held(world, 'Patient').filter(({ identifier }) => identifier?.[0]?.value === doubled)
  await fetch(`${world.fhir.url}/Patient/${other?.id}`, { method: 'DELETE' })
  expect(await replay('--table', 'FhirFailToStoreExceptionTable')).toEqual([
    1,
    `${1 + doubledImages} rows selected; replayed: Stored ${doubledImages}, Recorded 1`,
  ])
  expect(await status()).toMatchObject({
    state: 'behind',
    failures: { FhirFailToStoreExceptionTable: { rows: 1, codes: { FhirRejected: 1 } } },
  })

  // The server takes the instance now.
  world.fhir.faults.clear()
  expect(await replay('--study', '1.2.77')).toEqual([0, '1 row selected; replayed: Stored 1'])
  expect(await status()).toMatchObject({ failures: { FhirFailToStoreExceptionTable: { rows: 0 } } })

  // The misfiled image is corrected where it is: in the DICOM service. Its new entry takes the row away.
  world.dicom.control.append(deleted({ ...misfiled, instance: 2 }), created({ ...misfiled, instance: 2 }))
  expect(await world.call('POST', 'catch-up')).toMatchObject({ status: 200, json: { caughtUp: true } })
  expect(await status()).toMatchObject({ state: 'fine', failures: { DicomFailToStoreExceptionTable: { rows: 0 } } })

  // Somebody deletes a study in FHIR: verify finds it, and repairs it.
  const lost = held(world, 'ImagingStudy')[250]
  await fetch(`${world.fhir.url}/ImagingStudy/${lost?.id}`, { method: 'DELETE' })
  expect(await command('verify', '--all')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('1 study differs'),
  })
  expect(await command('verify', '--all', '--repair')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 repaired'),
  })

  expect(await command('verify', '--all')).toEqual({
    ...{ code: 0, stderr: '' },
    stdout: `${studies} studies compared: all in step\n`,
  })
  expect(held(world, 'ImagingStudy')).toHaveLength(studies)
  expect(await status()).toMatchObject({ state: 'fine', reasons: [] })
  expect((await command('status')).code).toBe(0)
}, 600_000)
