import * as E from 'fp-ts/Either'
import { type ServiceError, describeServiceError } from '../../domain/cast-error'

/** `look`: it works, and needs a look. `unknown`: it could not be tried, and the fact says why. */
export type FactState = 'fine' | 'look' | 'bad' | 'unknown'

/** What to do when a fact is not fine. */
export const remedies = {
  settings: 'Correct them where the app or the command gets its settings (README.md, Settings).',
  schedule: 'Set CastSchedule to a cron expression of six fields, and AzureWebJobs.castTimer.Disabled to false.',
  'time-zone': 'Set DicomCast__DefaultTimeZone to the zone of the modalities.',
  gate: 'dicomcast status says who closed it, and what opens it; storage must answer first.',
  'dicom-reach':
    'Check DicomWeb__Endpoint (or DicomWeb__PrivateEndpoint), the name in DNS, the firewall and the certificate.',
  'dicom-clock': 'Set the clock of this machine by a time server; if it is right, that of the DICOM service.',
  'dicom-identity': 'Assign an identity to the app, and check DicomWeb__Authentication__Scope.',
  'dicom-feed-v1': 'Give this identity the role DICOM Data Reader, and check DicomWeb__Endpoint.',
  'dicom-feed-v2': 'Use a DICOM service with change feed v2: gaps, times and verify --since need it.',
  'dicom-source': 'Check DicomWeb__Source and DicomWeb__Endpoint; of an Orthanc that ends with /dicom-web.',
  'dicom-studies': 'Check DicomWeb__Version, and what a proxy lets through.',
  'dicom-partitions': 'Correct DicomCast__Partitions and Patient__PartitionSystems.',
  'dicom-name': 'Correct DicomWeb__Endpoint, or say that it was renamed: dicomcast rename-service.',
  'fhir-reach': 'Check Fhir__Endpoint, the name in DNS, the firewall and the certificate.',
  'fhir-clock': 'Set the clock of this machine by a time server; if it is right, that of the FHIR server.',
  'fhir-identity': 'Assign an identity to the app, and check Fhir__Authentication__Scope.',
  'fhir-r4': 'Let Fhir__Endpoint name the base URL of a FHIR R4 server with transactions.',
  'fhir-basic': 'Switch on Basic with create on update: it keeps the position that fences off a run that slept.',
  'fhir-read': 'Check Fhir__Endpoint, and the role FHIR Data Writer, or what lets this identity search on your server.',
  'fhir-write': 'Give this identity the role FHIR Data Writer, or what lets it update on your server.',
  'fhir-transaction': 'Give this identity the role FHIR Data Writer, or what lets it send transactions on your server.',
  'fhir-if-match': 'Let nobody else write images to that server, and never two installations (docs/reliability.md).',
  'storage-lease': 'Check AzureWebJobsStorage and the firewall; the role is Storage Blob Data Owner.',
  'storage-read': 'Check AzureWebJobsStorage and the firewall; the role is Storage Table Data Contributor.',
  'storage-write': 'Check AzureWebJobsStorage and the firewall; the role is Storage Table Data Contributor.',
  'storage-queue':
    'The role is Storage Queue Data Contributor, on the queue and on its poison queue; docs/deploy.md tells what lies in that one.',
  'storage-clock': 'Set the clock of this machine by a time server.',
} as const

export type FactName = keyof typeof remedies

export interface Fact {
  readonly name: FactName
  readonly state: FactState
  /** In words; never a value of a patient. */
  readonly says: string
  /** What to do; none when it is fine. */
  readonly remedy?: string
}

export const fact = (name: FactName, state: FactState, says: string): Fact =>
  state === 'bad' || state === 'look' ? { name, state, says, remedy: remedies[name] } : { name, state, says }

/** A service that fails is a fact, and ends nothing. */
export const factOf = <A>(
  name: FactName,
  result: E.Either<ServiceError, A>,
  fine: (answer: A) => string | Pick<Fact, 'state' | 'says'>,
): Fact => {
  if (E.isLeft(result)) return fact(name, 'bad', describeServiceError(result.left))
  const found = fine(result.right)
  return typeof found === 'string' ? fact(name, 'fine', found) : fact(name, found.state, found.says)
}
