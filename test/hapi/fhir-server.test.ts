import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { fhirServer } from '../../lib/adapters/http/fhir-server'
import { createEntry, createdReference, deleteEntry, transactionText, updateEntry } from '../../lib/domain/fhir/bundle'
import type { FhirServer } from '../../lib/app/ports'
import { positionResource } from '../../lib/domain/fhir/position'
import { patientOf, unique, uniqueUid, studyOf } from '../support/fhir/fhir-samples'
import { openSession } from '../support/fhir/fhir-session'
import { callOf } from '../unit/adapters/http/loopback'
import { hapiUrl } from './hapi-url'
import type { Basic, FhirResource, ImagingStudy, Patient } from 'fhir/r4'

const hapi = (): FhirServer => fhirServer({ endpoint: hapiUrl() }, callOf('fhir'), 'run-1')

const patient = (value: string, more: object = {}): Patient => patientOf(value, { ...more }) as unknown as Patient

const conditionOf = (value: string): string => `identifier=${encodeURIComponent(`urn:example:patients|${value}`)}`

/** A new position of a feed that no other test has, as a run finds it before its first transaction. */
const newPosition = async (): Promise<{ readonly root: string; readonly position: Basic }> => {
  const root = `https://dicom.example/${unique()}`
  const position = positionResource({ dicom: { root, version: 'v2' } })
  expect(await hapi().put('Basic', position.id ?? '', JSON.stringify(position))()).toEqual(E.right(undefined))
  return { root, position }
}

const conflict = (status: number) => E.left({ _tag: 'FhirConflict', status })

describe('our client on HAPI', () => {
  it('finds R4 with transactions and Basic', async () => {
    expect(await hapi().check()()).toEqual(E.right({ offersBasic: true }))
  })

  it('reads a position once it is born, with its version', async () => {
    const { position } = await newPosition()
    const read = await hapi().read('Basic', position.id ?? '')()
    expect(read).toMatchObject(E.right(O.some({ id: position.id, meta: { versionId: '1' } })))
    expect(await hapi().read('Basic', `never-${unique()}`)()).toEqual(E.right(O.none))
  })

  it('reads many hits through all pages, each search of a batch for itself', async () => {
    const value = unique()
    const many = Array.from({ length: 120 }, (_, index) => createEntry(`${value} ${index}`, patient(value), ''))
    const body = transactionText(many).replaceAll(',"ifNoneExist":""', '')
    expect(await hapi().transact(body, many.length, '1-1')()).toMatchObject({ _tag: 'Right' })
    const byValue = (one: string) => ({
      type: 'Patient' as const,
      parameters: [
        ['identifier', `urn:example:patients|${one}`],
        ['_count', '50'],
      ] as const,
    })
    const found = await hapi().search([byValue(value), byValue(unique())])()
    if (E.isLeft(found)) throw new Error(JSON.stringify(found.left))
    expect(found.right.map((hits) => new Set(hits.map(({ id }) => id)).size)).toEqual([120, 0])
  })

  it('commits one of ten identical transactions in parallel, while the nine others leave nothing', async () => {
    const { root, position } = await newPosition()
    const [value, uid] = [unique(), uniqueUid()]
    const next = positionResource({ dicom: { root, version: 'v2' }, run: unique(), sequence: 1, transaction: unique() })
    const study = studyOf(uid, createdReference(value)) as unknown as ImagingStudy
    const entries = [
      updateEntry(hapiUrl(), next, '1'),
      createEntry(value, patient(value), conditionOf(value)),
      createEntry(uid, study, `identifier=${encodeURIComponent(`urn:dicom:uid|urn:oid:${uid}`)}`),
    ]
    const body = transactionText(entries)
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => hapi().transact(body, entries.length, '1-1')()))

    const [committed, ...others] = outcomes.filter(E.isRight)
    expect(others).toEqual([])
    expect(committed?.right).toEqual({
      _tag: 'Committed',
      entries: [
        { status: 200, etag: 'W/"2"', id: expect.stringMatching(/^dicomcast-/) },
        { status: 201, etag: 'W/"1"', id: expect.stringMatching(/^\d+$/) },
        { status: 201, etag: 'W/"1"', id: expect.stringMatching(/^\d+$/) },
      ],
    })
    expect(outcomes.filter(E.isLeft)).toEqual(Array.from({ length: 9 }, () => conflict(409)))
    const session = openSession(hapiUrl())
    const study1 = await session.search('ImagingStudy', { identifier: `urn:dicom:uid|urn:oid:${uid}` })
    expect([(await session.found(value)).length, study1.body.entry.length]).toEqual([1, 1])
    const history = await session.get(`/Basic/${position.id}/_history`)
    expect(history.body.entry).toHaveLength(2)
    await session.close()
  })

  it('tells a stale version, and a deletion that is refused, as conflicts', async () => {
    const session = openSession(hapiUrl())
    const value = unique()
    const id = await session.created(patientOf(value))
    const current: FhirResource = patient(value, { id, gender: 'female', meta: { versionId: '1' } })
    const update = (version: string) => transactionText([updateEntry(hapiUrl(), current, version)])
    expect(await hapi().transact(update('1'), 1, '1-1')()).toMatchObject(E.right({ _tag: 'Committed' }))
    expect(await hapi().transact(update('1'), 1, '1-1')()).toEqual(conflict(409))

    const study = await session.created(studyOf(uniqueUid(), `Patient/${id}`))
    const removal = transactionText([deleteEntry(hapiUrl(), current)])
    expect(await hapi().transact(removal, 1, '1-1')()).toEqual(conflict(409))
    await session.send('DELETE', `/ImagingStudy/${study}`)
    expect(await hapi().transact(removal, 1, '1-1')()).toMatchObject(E.right({ _tag: 'Committed' }))
    await session.close()
  })

  it('tells why a resource is refused by codes and element paths, and by nothing of its content', async () => {
    const value = unique()
    const name = `Secret${value}`
    const entry = createEntry(value, patient(value, { name: [{ family: name }], gender: name }), conditionOf(value))
    const outcome = await hapi().transact(transactionText([entry]), 1, '1-1')()
    const issues = ['processing Bundle.entry[0].resource.gender']
    expect(outcome).toEqual(E.right({ _tag: 'Rejected', error: { _tag: 'FhirRejected', status: 422, issues } }))
  })

  it('tells that a condition is met by several, which only a person can settle, as a conflict', async () => {
    const session = openSession(hapiUrl())
    const value = unique()
    await session.created(patientOf(value))
    await session.created(patientOf(value))
    const entry = createEntry(value, patient(value), conditionOf(value))
    expect(await hapi().transact(transactionText([entry]), 1, '1-1')()).toEqual(conflict(412))
    await session.close()
  })
})
