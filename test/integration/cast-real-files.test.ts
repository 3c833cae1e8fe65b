import { describe, expect, it } from '@jest/globals'
import type { ImagingStudy } from 'fhir/r4'
import { findFiles } from '../../local/dicom/sample-studies'
import { storeFiles } from '../../local/dicom/stow-client'
import { validateResource } from '../../local/fhir/validate'
import { held, heldBesidesPosition, requested, sole, substance } from '../support/fhir/cast-fhir'
import { type Headers, metaOf, patientOf, readHeaders, studyOf } from '../support/assert/cast-headers'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const studyUid = '0020000D'
const patientId = '00100020'

/** All real files, in order; what the DICOM service took, by the UID of the instance. */
const storeSamples = async ({ dicom }: CastWorld): Promise<ReadonlyArray<Headers>> => {
  const results = await storeFiles(dicom.url, await findFiles())
  return Promise.all(results.filter(({ stored }) => stored).map(({ file }) => readHeaders(file)))
}

const groupedBy = (files: ReadonlyArray<Headers>, tag: string): ReadonlyMap<string, ReadonlyArray<Headers>> => {
  const groups = new Map<string, ReadonlyArray<Headers>>()
  for (const headers of files) groups.set(headers(tag), [...(groups.get(headers(tag)) ?? []), headers])
  return groups
}

const sorted = (studies: ReadonlyArray<ImagingStudy>): ReadonlyArray<ImagingStudy> => {
  const uid = ({ identifier }: ImagingStudy): string => identifier?.[0]?.value ?? ''
  return [...studies].sort((left, right) => (uid(left) < uid(right) ? -1 : 1))
}

describe('the real files', () => {
  it('become the resources that their headers ask for, field by field, and nothing else', async () => {
    const world = await newWorld()
    const stored = await storeSamples(world)
    const report = await world.cast()
    const castable = stored.filter((headers) => headers(patientId) !== '')
    const source = world.dicom.url

    const endpoint = sole(world, 'Endpoint')
    expect(substance(endpoint)).toEqual({
      resourceType: 'Endpoint',
      meta: metaOf(source),
      identifier: [{ system: 'urn:ietf:rfc:3986', value: `${source}/v2` }],
      status: 'active',
      connectionType: {
        system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
        code: 'dicom-wado-rs',
      },
      name: `DICOM WADO-RS endpoint ${source}/v2`,
      payloadType: [{ text: 'DICOM WADO-RS' }],
      payloadMimeType: ['application/dicom'],
      address: `${source}/v2`,
    })

    const people = groupedBy(castable, patientId)
    expect(held(world, 'Patient').map(substance)).toEqual([...people.values()].map((files) => patientOf(files, source)))

    const idOf = (headers: Headers | undefined): string =>
      `Patient/${held(world, 'Patient').find(({ identifier }) => identifier?.[0]?.value === headers?.(patientId))?.id}`
    const studies = [...groupedBy(castable, studyUid).values()]
    expect(sorted(held(world, 'ImagingStudy')).map(substance)).toEqual(
      sorted(
        studies.map((files) =>
          studyOf(files, { source, patient: idOf(files[0]), endpoint: `Endpoint/${endpoint.id}` }),
        ),
      ),
    )
    expect(studies.map(({ length }) => length)).toEqual([19, 1, 1, 1, 1])

    expect(report).toMatchObject({
      ended: 'CaughtUp',
      entries: 27,
      stored: castable.length,
      recorded: stored.length - castable.length,
    })
    // Those without PatientID; dirty values of tags that are mapped there are none among the others.
    expect(await world.failed()).toEqual({
      DicomFailToStoreExceptionTable: ['1 TagsRejected', '3 TagsRejected', '4 TagsRejected', '7 TagsRejected'],
    })
    expect(await world.rows('InvalidDicomTagExceptionTable')).toEqual([])
  })

  it('leave nothing on the server that a strict R4 validator objects to', async () => {
    const world = await newWorld()
    await storeSamples(world)
    await world.cast()
    const issues = world.fhir.store.all().flatMap((resource) => validateResource(resource))
    expect([world.fhir.store.all().length, issues]).toEqual([13, []])
  })

  it('are written once: the same feed from the start again moves our position and nothing else', async () => {
    const world = await newWorld()
    await storeSamples(world)
    const first = await world.cast()
    const [before, position] = [heldBesidesPosition(world), sole(world, 'Basic')]

    await world.writeSyncState({ SyncedSequence: 0n })
    world.fhir.requests.clear()
    const again = await world.cast()

    expect(heldBesidesPosition(world)).toEqual(before)
    expect(world.fhir.store.versions('Basic', position.id ?? '')).toHaveLength(Number(position.meta?.versionId) + 1)
    expect(requested(world)).toEqual([`GET /Basic/${position.id} → 200`, 'POST / → 200', 'POST / → 200'])
    expect(again).toMatchObject({ ended: 'CaughtUp', from: 0, to: 27, stored: 0, unchanged: first.stored, recorded: 4 })
    expect(await world.failed()).toEqual({
      DicomFailToStoreExceptionTable: ['1 TagsRejected', '3 TagsRejected', '4 TagsRejected', '7 TagsRejected'],
    })
  })
})
