import { partitionName } from '../domain/dicom/partition'
import {
  accountName,
  connectionString,
  duration,
  elements,
  flag,
  httpUrl,
  list,
  oneOf,
  partitionMap,
  schedule,
  scheduleOrOff,
  scopes,
  startFrom,
  system,
  systemMap,
  tablePrefix,
  timeZone,
  uuid,
  version,
  whole,
} from './kinds'
import { type SettingDescription, optional, required, withDefault } from './setting'

export const storageSettings = {
  AzureWebJobsStorage: optional(connectionString, 'Storage for lease, checkpoint and error tables.'),
  AzureWebJobsStorage__accountName: optional(accountName, 'With a managed identity instead: name of the account.'),
  AzureWebJobsStorage__blobServiceUri: optional(httpUrl, 'With a managed identity: URL of the blob service.'),
  AzureWebJobsStorage__tableServiceUri: optional(httpUrl, 'With a managed identity: URL of the table service.'),
  AzureWebJobsStorage__queueServiceUri: optional(
    httpUrl,
    'With a managed identity: URL of the queue service. The Functions host needs it for a backfill.',
  ),
  AzureWebJobsStorage__clientId: optional(uuid, 'Client id of a user-assigned identity.'),
}

/** Of Azure's DICOM service. */
export const dicomScope = 'https://dicom.healthcareapis.azure.com/.default'

/** All but the storage, of which there are several forms: `readStorage` chooses one. */
export const settings = {
  DicomWeb__Endpoint: required(httpUrl, 'Public URL of the DICOM service. It goes into FHIR.'),
  DicomWeb__PrivateEndpoint: optional(
    httpUrl,
    'URL at which to reach the DICOM service, if it is another.',
    '{DicomWeb__Endpoint}',
  ),
  DicomWeb__Source: withDefault(
    oneOf('changefeed', 'orthanc', 'dicomweb'),
    'changefeed',
    "What tells of changes: Azure's change feed, the log of an Orthanc, or nothing (docs/archives.md).",
  ),
  DicomWeb__Version: withDefault(version, 'v2', 'API version in the URLs of studies; only with a change feed.'),
  DicomWeb__Authentication__Enabled: withDefault(
    flag,
    'false',
    'Send a token of the managed identity. Azure needs it.',
  ),
  DicomWeb__Authentication__Scope: optional(scopes, 'Scope of that token.', dicomScope),
  Fhir__Endpoint: required(httpUrl, 'URL of the FHIR service.'),
  Fhir__Authentication__Enabled: withDefault(flag, 'false', 'Send a token of the managed identity. Azure needs it.'),
  Fhir__Authentication__Scope: optional(scopes, 'Scope of that token.', '{Fhir__Endpoint}/.default'),
  Fhir__LinkOrigins: optional(
    list('http(s) URLs', /^https?:\/\/[^\s?#@]+$/i),
    'Other URLs under which the FHIR server names itself in links to a next page: a proxy stands between.',
  ),
  TableStore__TableNamePrefix: optional(tablePrefix, 'Prefix of each table name.'),
  Patient__PatientSystemId: optional(system, 'Identifier system of patients without a known issuer.'),
  Patient__IsIssuerIdUsed: withDefault(flag, 'false', "Take the system from the PatientID's issuer."),
  Patient__IssuerSystems: withDefault(systemMap('issuer'), '{}', 'System of each issuer.'),
  Patient__PartitionSystems: withDefault(
    partitionMap,
    '{}',
    "System of each partition's patients; `*` for the rest. An unlisted partition is refused.",
  ),
  Patient__RejectedIds: optional(list('PatientIDs', /./), 'PatientIDs that stand for nobody, in upper or lower case.'),
  Patient__MatchGuard: withDefault(
    flag,
    'true',
    'Refuse an image when the Patient of its PatientID has another birth date and another name or sex.',
  ),
  Patient__PlaceholderBirthDates: withDefault(
    list('dates as yyyy-mm-dd', /^\d{4}-\d{2}-\d{2}$/),
    '1800-01-01,1850-01-01,1885-01-01,1900-01-01,1901-01-01,9999-12-31',
    'Birth dates that stand for an unknown one.',
  ),
  Patient__AliasNames: optional(
    list('name patterns', /^[^*]*(\*[^*]*){0,8}$/),
    'Names that stand for an unknown one, such as TRAUMA*,UNKNOWN*; * is any text.',
  ),
  Patient__Overwrite: withDefault(
    oneOf('own', 'never', 'always'),
    'own',
    'Which Patients follow the feed: those created here, none, or all. Others only get what they lack.',
  ),
  DicomCast__Features__EnforceValidationOfTagValues: withDefault(
    flag,
    'false',
    'One invalid tag keeps the entry out of FHIR.',
  ),
  DicomCast__Features__GenerateObservations: withDefault(flag, 'true', 'Write radiation dose reports as Observations.'),
  DicomCast__HideRejectedForQuality: withDefault(
    flag,
    'false',
    'Images that a rejection note withdraws for quality reasons (DCM 113001) leave FHIR, too.',
  ),
  RetryConfiguration__TotalRetryDuration: withDefault(
    duration('00:00:00', '7.00:00:00'),
    '00:10:00',
    'How long an entry that fails alone is retried.',
  ),
  CastSchedule: withDefault(
    schedule,
    '0 * * * * *',
    'When the timer fires, in UTC. Azure Functions has no default: without it nothing is cast.',
  ),
  DicomCast__Events: withDefault(
    flag,
    'false',
    'Events of the DICOM service wake it, by POST /api/wake; the timer stays.',
  ),
  DicomCast__BatchSize: withDefault(whole(1, 100_000, 'entries'), '1000', 'Entries of the change feed in one batch.'),
  DicomCast__TimerBatches: withDefault(
    whole(0, 100_000, 'batches'),
    '1',
    'Batches of one timer run. 0: until caught up or out of time.',
  ),
  DicomCast__TimeBudget: withDefault(
    // host.json's functionTimeout of ten minutes kills the worker, so a run ends by itself before that.
    duration('00:00:01', '00:09:00'),
    '00:04:00',
    'Longest time of one run.',
  ),
  DicomCast__DefaultTimeZone: optional(
    timeZone,
    'Time zone of times without an offset. If not set, only their date is written.',
  ),
  DicomCast__StartFrom: withDefault(
    startFrom,
    'beginning',
    'Where a new installation starts in the change feed; with a sequence, after it.',
  ),
  DicomCast__Partitions: optional(list('partition names', partitionName), 'The partitions to sync.', 'all'),
  DicomCast__Mapping__Exclude: optional(
    elements,
    'Optional elements that are not written; docs/mapping.md names them all.',
  ),
  DicomCast__MaxBundleEntries: withDefault(whole(3, 10_000, 'entries'), '500', 'Most entries in one transaction.'),
  DicomCast__MaxBundleBytes: withDefault(
    whole(65_536, 104_857_600, 'bytes'),
    '8388608',
    'Most bytes in one transaction; a single larger resource is sent alone.',
  ),
  DicomCast__HoleAge: withDefault(
    duration('00:00:01', '1.00:00:00'),
    '00:02:00',
    'How long a missing sequence is looked for.',
  ),
  DicomCast__RequestTimeout: withDefault(
    duration('00:00:01', '00:10:00'),
    '00:01:40',
    'Longest time of one request, including its answer.',
  ),
  DicomCast__MaxGone: withDefault(
    whole(0, 1_000_000, 'studies'),
    '50',
    'Studies that a comparison, or hints of an archive in a day, may take out of FHIR unasked; 1 % of those compared, if that is more.',
  ),
  DicomCast__BackfillReads: withDefault(
    whole(1, 64, 'studies'),
    '4',
    'Studies that a worker of a backfill reads at once.',
  ),
  DicomCast__ReconcileSchedule: withDefault(
    scheduleOrOff,
    '0 0 2 * * *',
    'When an archive without a change feed is compared with FHIR, in UTC; the first time at once.',
  ),
  DicomCast__ReconcileFullDays: withDefault(
    whole(1, 3650, 'days'),
    '30',
    'Each study of such an archive is read whole once in so many days, whatever its lists say.',
  ),
  DicomCast__AllowPlainHttp: optional(
    list('host names', /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])$/i),
    'Hosts that tokens may be sent to over http, in a network that nobody else is on.',
  ),
  DicomCast__MaxPageBytes: withDefault(
    whole(65_536, 268_435_456, 'bytes'),
    '33554432',
    'Largest page of the change feed that is read.',
  ),
}

/** Every setting: its name, what it must look like, its default and its meaning. */
export const settingDescriptions: ReadonlyArray<SettingDescription> = Object.entries({
  ...settings,
  ...storageSettings,
}).map(([name, { description }]) => ({ name, ...description }))
