import { describe, expect, it } from '@jest/globals'
import type { FhirFlavour } from './fhir-flavour'
import { endpointOf, observationOf, patientOf, studyOf, unique, uniqueUid } from './fhir-samples'
import type { FhirSession } from './fhir-session'
import { idsOf } from './fhir-session'

/** Search, as far as this project uses it. */
export const describeSearch = (session: () => FhirSession, flavour: FhirFlavour): void => {
  describe('search', () => {
    it('finds identifiers by system and value, without system, in any system, and several at once', async () => {
      const [a, b] = [unique(), unique()]
      const withSystem = await session().created(patientOf(a))
      const without = await session().created(patientOf(a, { identifier: [{ value: a }] }))
      const other = await session().created(patientOf(b))
      const ids = async (identifier: string): Promise<ReadonlyArray<string>> =>
        [...idsOf(await session().search('Patient', { identifier }))].sort()
      expect(await ids(`urn:example:patients|${a}`)).toEqual([withSystem])
      expect(await ids(`|${a}`)).toEqual([without])
      expect(await ids(a)).toEqual([withSystem, without].sort())
      expect(await ids(`urn:example:patients|${a},urn:example:patients|${b}`)).toEqual([withSystem, other].sort())
      expect(await ids(`urn:example:others|${a}`)).toEqual([])
    })

    it('takes a backslash before comma, bar and dollar as an escape', async () => {
      const value = `a,b|c$d\\e-${unique()}`
      const id = await session().created(patientOf(value))
      expect(await session().found(value.replace(/[\\,|$]/g, '\\$&'))).toEqual([id])
    })

    it('finds studies by subject and endpoint, and observations by part-of, focus and has-member', async () => {
      const patient = await session().created(patientOf(unique()))
      const endpoint = await session().created(endpointOf(`https://dicom.example/${unique()}`))
      const study = await session().created(
        studyOf(uniqueUid(), `Patient/${patient}`, { endpoint: [{ reference: `Endpoint/${endpoint}` }] }),
      )
      const event = await session().created(observationOf(uniqueUid(), `Patient/${patient}`))
      const summary = await session().created(
        observationOf(uniqueUid(), `Patient/${patient}`, {
          partOf: [{ reference: `ImagingStudy/${study}` }],
          focus: [{ reference: `ImagingStudy/${study}` }],
          hasMember: [{ reference: `Observation/${event}` }],
        }),
      )
      const ids = async (type: string, form: Record<string, string>): Promise<ReadonlyArray<string>> =>
        idsOf(await session().search(type, form))
      expect(await ids('ImagingStudy', { subject: `Patient/${patient}` })).toEqual([study])
      expect(await ids('ImagingStudy', { patient })).toEqual([study])
      expect(await ids('ImagingStudy', { endpoint: `Endpoint/${endpoint}` })).toEqual([study])
      expect(await ids('Observation', { 'part-of': `ImagingStudy/${study}` })).toEqual([summary])
      expect(await ids('Observation', { focus: `ImagingStudy/${study}` })).toEqual([summary])
      expect(await ids('Observation', { 'has-member': `Observation/${event}` })).toEqual([summary])
      expect(await ids('Observation', { patient, code: 'http://loinc.org|73569-6' })).toHaveLength(2)
    })

    it('finds an Endpoint by the beginning of its name, and by its connection type', async () => {
      const address = `https://dicom.example/${unique()}`
      const id = await session().created(endpointOf(address))
      expect(idsOf(await session().search('Endpoint', { name: `dicom wado-rs endpoint ${address}` }))).toEqual([id])
      const both = { name: `DICOM WADO-RS endpoint ${address}`, 'connection-type': 'dicom-wado-rs' }
      expect(idsOf(await session().search('Endpoint', both))).toEqual([id])
    })

    it('follows the changes of a resource', async () => {
      const [before, after] = [unique(), unique()]
      const id = await session().created(patientOf(before))
      await session().send('PUT', `/Patient/${id}`, patientOf(after, { id }))
      expect([await session().found(before), await session().found(after)]).toEqual([[], [id]])
      await session().send('DELETE', `/Patient/${id}`)
      expect(await session().found(after)).toEqual([])
    })

    it('leads through the pages by next links on its own origin', async () => {
      const family = `Fam${unique().replaceAll('-', '')}`
      const ids = await Promise.all(
        Array.from({ length: 5 }, () => session().created(patientOf(unique(), { name: [{ family }] }))),
      )
      const seen: string[] = []
      let page = await session().search('Patient', { name: family, _count: '2' })
      for (;;) {
        seen.push(...idsOf(page))
        const next = page.body.link.find(({ relation }: { relation: string }) => relation === 'next')?.url
        if (next === undefined) break
        expect(new URL(next).origin).toBe(new URL(session().url).origin)
        page = await session().get(next)
      }
      expect(seen.sort()).toEqual(ids.sort())
    })

    it('refuses an unknown parameter when handling is strict', async () => {
      const strict = await session().get('/Patient?identifierr=x', { prefer: 'handling=strict' })
      const lenient = await session().get('/Patient?identifierr=x')
      expect(strict.status).toBe(400)
      expect(lenient.status).toBe(flavour.ignoresUnknownParameters ? 200 : 400)
    })
  })
}
