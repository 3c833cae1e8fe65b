import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import forge from 'node-forge'

export interface Certificate {
  readonly certificate: string
  readonly key: string
}

interface Signer {
  readonly certificate: forge.pki.Certificate
  readonly keys: forge.pki.rsa.KeyPair
}

let serial = 0

const signed = (name: string, extensions: ReadonlyArray<object>, by?: Signer): Signer => {
  const keys = forge.pki.rsa.generateKeyPair(2048)
  const certificate = forge.pki.createCertificate()
  const subject = [{ name: 'commonName', value: name }]
  certificate.publicKey = keys.publicKey
  certificate.serialNumber = `0${++serial}`
  certificate.validity.notBefore = new Date(Date.now() - 86_400_000)
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000)
  certificate.setSubject(subject)
  certificate.setIssuer(by === undefined ? subject : by.certificate.subject.attributes)
  certificate.setExtensions([...extensions])
  certificate.sign((by?.keys ?? keys).privateKey, forge.md.sha256.create())
  return { certificate, keys }
}

const written = (folder: string, name: string, { certificate, keys }: Signer): Certificate => {
  const paths = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
  writeFileSync(paths.certificate, forge.pki.certificateToPem(certificate))
  writeFileSync(paths.key, forge.pki.privateKeyToPem(keys.privateKey))
  return paths
}

/** A private CA, a server of it on 127.0.0.1, and a client of it: paths of PEM files. */
export const writeCertificates = (folder: string) => {
  const ca = signed('Hospital CA', [{ name: 'basicConstraints', cA: true }])
  const server = signed('fhir', [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }], ca)
  return {
    ca: written(folder, 'ca', ca),
    server: written(folder, 'server', server),
    client: written(folder, 'client', signed('dicomcast', [], ca)),
  }
}
