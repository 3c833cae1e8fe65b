import { expect, it } from '@jest/globals'
import { readSettings } from '../../../lib/config/read-settings'
import { destinationsOf, plainHttpWarnings } from '../../../lib/config/plain-http'

const environment = (extra: Readonly<Record<string, string>>) => ({
  DicomWeb__Endpoint: 'https://dicom.example',
  Fhir__Endpoint: 'https://fhir.example',
  DicomWeb__Authentication__Enabled: 'true',
  Fhir__Authentication__Enabled: 'true',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  ...extra,
})
const identity = { AzureWebJobsStorage: '', AzureWebJobsStorage__accountName: 'account' }
const problemsOf = (extra: Readonly<Record<string, string>>): ReadonlyArray<string> => {
  const read = readSettings(environment(extra))
  return read._tag === 'Left' ? read.left.map((each) => each.replace(/:.*/, '')) : []
}

it.each([
  ['DicomWeb__Endpoint', { DicomWeb__Endpoint: 'http://dicom.example' }],
  ['DicomWeb__PrivateEndpoint', { DicomWeb__PrivateEndpoint: 'HTTP://dicom:8080' }],
  ['Fhir__Endpoint', { Fhir__Endpoint: 'http://fhir/r4' }],
  // Names that only look like this machine.
  ['Fhir__Endpoint', { Fhir__Endpoint: 'http://localhost.example' }],
  ['Fhir__Endpoint', { Fhir__Endpoint: 'http://127.0.0.1.example' }],
  ['Fhir__Endpoint', { Fhir__Endpoint: 'http://fhir', DicomCast__AllowPlainHttp: 'other-fhir,fhir.example' }],
  ['AzureWebJobsStorage__blobServiceUri', { ...identity, AzureWebJobsStorage__blobServiceUri: 'http://blobs' }],
  ['AzureWebJobsStorage__tableServiceUri', { ...identity, AzureWebJobsStorage__tableServiceUri: 'http://tables' }],
  ['AzureWebJobsStorage__queueServiceUri', { ...identity, AzureWebJobsStorage__queueServiceUri: 'http://queues' }],
])('a token over plain http is refused: %s, %j', (setting, extra) => {
  expect(problemsOf(extra)).toEqual([setting])
})

it('both services are named at once, and no host is repeated', () => {
  const read = readSettings(
    environment({ DicomWeb__Endpoint: 'http://one', Fhir__Endpoint: 'http://two', CastSchedule: '' }),
  )
  expect(read).toEqual({
    _tag: 'Left',
    left: ['DicomWeb__Endpoint', 'Fhir__Endpoint'].map(
      (setting) =>
        `${setting}: a token would go over plain http; expected https, or its host in DicomCast__AllowPlainHttp where nobody else is on the network`,
    ),
  })
})

it.each([
  { Fhir__Endpoint: 'http://127.0.0.1:8080', DicomWeb__Endpoint: 'http://localhost' },
  { Fhir__Endpoint: 'http://[::1]:8080/fhir', DicomWeb__Endpoint: 'http://127.8.9.1' },
  { Fhir__Endpoint: 'http://fhir', Fhir__Authentication__Enabled: 'false' },
  { DicomWeb__Endpoint: 'http://dicom', DicomWeb__PrivateEndpoint: 'https://dicom' },
  { Fhir__Endpoint: 'http://HAPI:8080/fhir', DicomCast__AllowPlainHttp: 'hapi' },
  { ...identity, AzureWebJobsStorage__blobServiceUri: 'http://blobs', DicomCast__AllowPlainHttp: 'blobs' },
  { AzureWebJobsStorage__blobServiceUri: 'http://blobs' },
  { Fhir__Endpoint: 'http://[fd00::1]/fhir', DicomCast__AllowPlainHttp: '[FD00::1]' },
])('on this machine, without a token, or where it is allowed, http is used: %j', (extra) => {
  expect(problemsOf(extra)).toEqual([])
})

it('what is allowed is told all the same', () => {
  const read = readSettings(environment({ Fhir__Endpoint: 'http://hapi', DicomCast__AllowPlainHttp: 'hapi' }))
  if (read._tag === 'Left') throw new Error(read.left.join())
  expect(plainHttpWarnings(destinationsOf(read.right), read.right.allowPlainHttp)).toEqual([
    'Fhir__Endpoint: tokens go over plain http, as DicomCast__AllowPlainHttp allows',
  ])
})
