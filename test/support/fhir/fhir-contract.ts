import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { describeBundles } from './fhir-contract-bundles'
import { describeResources } from './fhir-contract-resources'
import { describeSearch } from './fhir-contract-search'
import type { FhirFlavour } from './fhir-flavour'
import type { FhirSession } from './fhir-session'
import { openSession } from './fhir-session'

export interface FhirServerUnderTest {
  readonly url: string
  close(): Promise<void>
}

/** What this project relies on in a FHIR R4 server. Every test makes its own resources, so a server may hold others. */
export const describeFhirServer = (
  name: string,
  start: () => Promise<FhirServerUnderTest>,
  flavour: FhirFlavour,
): void => {
  describe(`the FHIR contract on ${name}`, () => {
    let server: FhirServerUnderTest
    let opened: FhirSession
    const session = (): FhirSession => opened
    beforeAll(async () => {
      server = await start()
      opened = openSession(server.url)
    })
    afterAll(async () => {
      await opened.close()
      await server.close()
    })

    it('says in its metadata that it speaks R4, transactions, and updates of Basic', async () => {
      const { status, body } = await session().get('/metadata')
      const basic = body.rest[0].resource.find(({ type }: { type: string }) => type === 'Basic')
      expect(status).toBe(200)
      expect(body.fhirVersion).toMatch(/^4\.0\./)
      expect(body.rest[0].interaction).toContainEqual(expect.objectContaining({ code: 'transaction' }))
      expect(basic.interaction).toContainEqual(expect.objectContaining({ code: 'update' }))
    })

    describeResources(session, flavour)
    describeSearch(session, flavour)
    describeBundles(session, flavour)
  })
}
