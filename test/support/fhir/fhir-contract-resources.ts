import { describe, expect, it } from '@jest/globals'
import type { FhirReply } from './fhir-client'
import type { FhirFlavour } from './fhir-flavour'
import { patientOf, unique } from './fhir-samples'
import type { FhirSession } from './fhir-session'
import { versionOf } from './fhir-session'

/** Read, create, update, delete, one resource at a time. */
export const describeResources = (session: () => FhirSession, flavour: FhirFlavour): void => {
  describe('single resources', () => {
    it('creates by POST under an id of its own choice, and reads it back with an ETag', async () => {
      const id = await session().created(patientOf(unique(), { id: 'ignored' }))
      const read = await session().get(`/Patient/${id}`)
      expect(id).not.toBe('ignored')
      expect(read.status).toBe(200)
      expect(read.headers['etag']).toBe('W/"1"')
      expect(read.body).toMatchObject({ id, meta: { versionId: '1' }, name: [{ family: 'Doe' }] })
    })

    it('creates by PUT under the id of the client', async () => {
      const id = `put-${unique()}`
      const reply = await session().send('PUT', `/Patient/${id}`, patientOf(unique(), { id }))
      expect(reply.status).toBe(201)
      expect(reply.body).toMatchObject({ id, meta: { versionId: '1' } })
    })

    it('makes no new version of an identical PUT', async () => {
      const value = unique()
      const id = await session().created(patientOf(value))
      const reply = await session().send('PUT', `/Patient/${id}`, patientOf(value, { id }))
      expect([reply.status, versionOf(reply)]).toEqual([200, 'W/"1"'])
    })

    it('updates with the right If-Match and refuses a stale one', async () => {
      const value = unique()
      const id = await session().created(patientOf(value))
      const put = (gender: string): Promise<FhirReply> =>
        session().send('PUT', `/Patient/${id}`, patientOf(value, { id, gender }), { 'if-match': 'W/"1"' })
      const first = await put('female')
      const second = await put('male')
      expect([first.status, versionOf(first)]).toEqual([200, 'W/"2"'])
      expect(second.status).toBe(flavour.stale)
      expect((await session().get(`/Patient/${id}`)).body.gender).toBe('female')
    })

    it('answers 404 for what never was and 410 for what is deleted, and keeps the history', async () => {
      const id = await session().created(patientOf(unique()))
      const removed = await session().send('DELETE', `/Patient/${id}`)
      expect([200, 204]).toContain(removed.status)
      expect((await session().get(`/Patient/${id}`)).status).toBe(410)
      expect((await session().get(`/Patient/never-${unique()}`)).status).toBe(404)
      expect((await session().get(`/Patient/${id}/_history/1`)).body).toMatchObject({ id })
      expect((await session().get(`/Patient/${id}/_history`)).body.entry).toHaveLength(2)
    })

    it('creates conditionally: 201 without a match, 200 with the stored one, 412 with several', async () => {
      const value = unique()
      const create = (): Promise<FhirReply> =>
        session().send('POST', '/Patient', patientOf(value), {
          'if-none-exist': `identifier=urn:example:patients|${value}`,
        })
      const first = await create()
      const second = await create()
      await session().created(patientOf(value))
      expect([first.status, second.status, (await create()).status]).toEqual([201, 200, 412])
      expect(await session().found(value)).toHaveLength(2)
    })

    it('rejects an invalid resource with an OperationOutcome', async () => {
      const { status, body } = await session().send('POST', '/Patient', patientOf(unique(), { gender: 'M' }))
      expect(status).toBe(flavour.invalid)
      expect(body.resourceType).toBe('OperationOutcome')
    })
  })
}
