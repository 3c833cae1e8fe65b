import { describe, expect, it } from '@jest/globals'
import { createFhirTestClient } from './fhir-client'
import type { FhirFlavour } from './fhir-flavour'
import type { Loose } from './fhir-samples'
import { basicOf, bundle, entry, patientOf, studyOf, unique, uniqueUid, urn } from './fhir-samples'
import type { FhirSession } from './fhir-session'
import { idsOf } from './fhir-session'

/** Transactions and batches. */
export const describeBundles = (session: () => FhirSession, flavour: FhirFlavour): void => {
  describe('transactions', () => {
    it('create linked resources, answering each entry with status, location, etag and id', async () => {
      const [patient, study, value] = [urn(), urn(), unique()]
      const { status, body } = await session().post(
        bundle(
          'transaction',
          entry('POST', 'ImagingStudy', studyOf(uniqueUid(), patient), { fullUrl: study }),
          entry('POST', 'Patient', patientOf(value), {
            fullUrl: patient,
            ifNoneExist: `identifier=urn:example:patients|${value}`,
          }),
        ),
      )
      expect(status).toBe(200)
      expect(body.type).toBe('transaction-response')
      const [first, second] = body.entry
      expect(parseInt(first.response.status, 10)).toBe(201)
      const [, studyId] = /ImagingStudy\/([^/]+)\/_history\/1$/.exec(first.response.location) ?? []
      const [, patientId] = /Patient\/([^/]+)\/_history\/1$/.exec(second.response.location) ?? []
      expect(first.response.etag).toMatch(/1/)
      expect((await session().get(`/ImagingStudy/${studyId}`)).body.subject.reference).toBe(`Patient/${patientId}`)
    })

    it('resolve a reference to a conditional create that matched to what is stored', async () => {
      const [patient, value, uid] = [urn(), unique(), uniqueUid()]
      const id = await session().created(patientOf(value))
      const { body } = await session().post(
        bundle(
          'transaction',
          entry('POST', 'Patient', patientOf(value, { gender: 'other' }), {
            fullUrl: patient,
            ifNoneExist: `identifier=urn:example:patients|${value}`,
          }),
          entry('POST', 'ImagingStudy', studyOf(uid, patient), { fullUrl: urn() }),
        ),
      )
      expect(parseInt(body.entry[0].response.status, 10)).toBe(200)
      const stored = await session().search('ImagingStudy', { identifier: `urn:dicom:uid|urn:oid:${uid}` })
      expect(stored.body.entry[0].resource.subject.reference).toBe(`Patient/${id}`)
      expect((await session().get(`/Patient/${id}`)).body.gender).toBeUndefined()
    })

    it('refuse a conditional create that several resources match, saying that it is not selective enough', async () => {
      const value = unique()
      await session().created(patientOf(value))
      await session().created(patientOf(value))
      const options = { fullUrl: urn(), ifNoneExist: `identifier=urn:example:patients|${value}` }
      const { status, body } = await session().post(
        bundle('transaction', entry('POST', 'Patient', patientOf(value), options)),
      )
      expect(status).toBe(412)
      expect(JSON.stringify(body)).toMatch(/not selective enough|multiple|matched/i)
    })

    it('leave nothing of themselves when one entry fails', async () => {
      const [value, id] = [unique(), await session().created(patientOf(unique()))]
      const { status, body } = await session().post(
        bundle(
          'transaction',
          entry('POST', 'Patient', patientOf(value), { fullUrl: urn() }),
          entry('DELETE', `Patient/${id}`),
          entry('POST', 'Patient', patientOf(unique(), { birthDate: '2023-02-29' }), { fullUrl: urn() }),
        ),
      )
      expect(status).toBe(flavour.invalid)
      expect(body.resourceType).toBe('OperationOutcome')
      expect(await session().found(value)).toEqual([])
      expect((await session().get(`/Patient/${id}`)).status).toBe(200)
    })

    it('refuse a stale If-Match as a whole', async () => {
      const [value, other] = [unique(), unique()]
      const id = await session().created(patientOf(value))
      await session().send('PUT', `/Patient/${id}`, patientOf(value, { id, gender: 'female' }))
      const { status } = await session().post(
        bundle(
          'transaction',
          entry('POST', 'Patient', patientOf(other), { fullUrl: urn() }),
          entry('PUT', `Patient/${id}`, patientOf(value, { id, gender: 'male' }), {
            fullUrl: `${session().url}/Patient/${id}`,
            ifMatch: 'W/"1"',
          }),
        ),
      )
      expect(status).toBe(flavour.stale)
      expect(await session().found(other)).toEqual([])
    })

    it('delete, whatever If-Match says', async () => {
      const id = await session().created(patientOf(unique()))
      const { status } = await session().post(
        bundle('transaction', entry('DELETE', `Patient/${id}`, undefined, { ifMatch: 'W/"7"' })),
      )
      expect(status).toBe(200)
      expect((await session().get(`/Patient/${id}`)).status).toBe(410)
    })

    it('commit once of ten in parallel that carry the same position, and the nine others leave nothing', async () => {
      const position = `position-${unique()}`
      const write = (text: string, ifMatch?: string): Loose =>
        entry('PUT', `Basic/${position}`, basicOf(position, text), {
          fullUrl: `${session().url}/Basic/${position}`,
          ...(ifMatch === undefined ? {} : { ifMatch }),
        })
      expect((await session().post(bundle('transaction', write('born')))).status).toBe(200)
      const values = Array.from({ length: 10 }, unique)
      const clients = values.map(() => createFhirTestClient(session().url))
      const replies = await Promise.all(
        values.map((value, at) =>
          clients[at]?.send(
            'POST',
            '/',
            bundle(
              'transaction',
              entry('POST', 'Patient', patientOf(value), { fullUrl: urn() }),
              write(value, 'W/"1"'),
            ),
          ),
        ),
      )
      await Promise.all(clients.map((each) => each.close()))
      const winners = values.filter((_value, at) => replies[at]?.status === 200)
      expect(winners).toHaveLength(1)
      expect(replies.filter((reply) => reply?.status === 409 || reply?.status === 412)).toHaveLength(9)
      const stored = await Promise.all(values.map((value) => session().found(value)))
      expect(values.filter((_value, at) => stored[at]?.length === 1)).toEqual(winners)
      expect((await session().get(`/Basic/${position}`)).body).toMatchObject({
        code: { text: winners[0] },
        meta: { versionId: '2' },
      })
    })

    it('hold a resource only once', async () => {
      const value = unique()
      const id = await session().created(patientOf(value))
      const put = (gender: string): Loose =>
        entry('PUT', `Patient/${id}`, patientOf(value, { id, gender }), { fullUrl: `${session().url}/Patient/${id}` })
      const { status } = await session().post(bundle('transaction', put('male'), put('female')))
      expect(status).toBe(flavour.invalid)
    })
  })

  describe('batches', () => {
    it('answer each search with a bundle of its own', async () => {
      const [a, b] = [unique(), unique()]
      const [first, second] = [await session().created(patientOf(a)), await session().created(patientOf(b))]
      const { status, body } = await session().send(
        'POST',
        '/',
        bundle(
          'batch',
          ...[a, b].map((value) => entry('GET', `Patient?identifier=urn:example:patients%7C${value}&_count=100`)),
        ),
        { 'cache-control': 'no-cache' },
      )
      expect(status).toBe(200)
      expect(body.type).toBe('batch-response')
      const ids = body.entry.map((each: { resource: Loose }) => idsOf({ body: each.resource }))
      expect(ids).toEqual([[first], [second]])
    })

    it('answer the entry that fails with its status, and do the others', async () => {
      const id = await session().created(patientOf(unique()))
      const { status, body } = await session().post(
        bundle('batch', entry('GET', `Patient/never-${unique()}`), entry('GET', `Patient/${id}`)),
      )
      expect(status).toBe(200)
      expect(body.entry.map((each: { response: { status: string } }) => parseInt(each.response.status, 10))).toEqual([
        404, 200,
      ])
    })
  })
}
