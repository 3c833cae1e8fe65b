import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, it } from '@jest/globals'
import { images } from '../support/world/cast-images'
import { type Overrides, useCastWorld } from '../support/world/cast-world'
import { writeCertificates } from '../support/world/certificates'
import { type TokenGate, startTokenGate } from '../support/world/token-gate'

const newWorld = useCastWorld()
const folder = mkdtempSync(join(tmpdir(), 'dicomcast-tls-'))
const { ca, server, client } = writeCertificates(folder)
const gates: TokenGate[] = []
afterEach(async () => {
  await Promise.all(gates.splice(0).map((gate) => gate.close()))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Both services, by a private CA, to who has a certificate of it. */
const behindTls = async () => {
  const world = await newWorld()
  world.dicom.control.append(...images(2, { study: '1.2.3' }))
  const tls = {
    ...{ cert: readFileSync(server.certificate), key: readFileSync(server.key), ca: readFileSync(ca.certificate) },
    // Under TLS 1.3 a server may just close: it refuses a certificate when the request is on its way.
    ...{ requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' as const },
  }
  const [dicom, fhir] = await Promise.all(
    [world.dicom.url, world.fhir.url].map((url) => startTokenGate(url, () => true, tls)),
  )
  if (dicom === undefined || fhir === undefined) throw new Error('no gate')
  gates.push(dicom, fhir)
  const trusting = (name: string): Overrides => ({
    [`${name}__Tls__CaFile`]: ca.certificate,
    [`${name}__Tls__CertificateFile`]: client.certificate,
    [`${name}__Tls__KeyFile`]: client.key,
  })
  const settings: Overrides = {
    ...{ DicomWeb__Endpoint: dicom.url, Fhir__Endpoint: fhir.url, DicomCast__TimeBudget: '00:00:03' },
    ...trusting('DicomWeb'),
    ...trusting('Fhir'),
  }
  return async (overrides: Overrides = {}) => world.cast({ ...settings, ...overrides })
}

it('services behind a private CA that want our certificate are read and written to', async () => {
  const cast = await behindTls()
  expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, reason: '' })
})

it.each<[string, Overrides, string]>([
  ['the CA is not trusted', { Fhir__Tls__CaFile: '' }, 'fhir: no trusted TLS connection came about'],
  [
    'our certificate is not sent',
    { Fhir__Tls__CertificateFile: '', Fhir__Tls__KeyFile: '' },
    'fhir: it does not take our certificate, or wants one',
  ],
  [
    'a file is missing',
    { DicomWeb__Tls__KeyFile: '/nowhere/key' },
    'dicom: the file of DicomWeb__Tls__KeyFile cannot be read (ENOENT)',
  ],
  [
    'a file is no key',
    { Fhir__Tls__KeyFile: __filename },
    'fhir: the files of Fhir__Tls are no certificates, or no key of them',
  ],
])('where %s the run ends and says so, and no entry is at fault', async (_name, wrong, reason) => {
  const cast = await behindTls()
  expect(await cast(wrong)).toMatchObject({ ended: 'ServiceUnavailable', reason, recorded: 0 })
  expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 2 })
})
