import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { readSettings, type Settings } from '../../../lib/config/read-settings'
import { settingDescriptions } from '../../../lib/config/settings'

const minimal = {
  DicomWeb__Endpoint: 'https://ws-dicom.dicom.azurehealthcareapis.com',
  Fhir__Endpoint: 'https://ws-fhir.fhir.azurehealthcareapis.com/',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
}

const valid = (environment: Record<string, string | undefined>): Settings => {
  const result = readSettings({ ...minimal, ...environment })
  if (E.isLeft(result)) throw new Error(result.left.join('\n'))
  return result.right
}

const problems = (environment: Record<string, string | undefined>): ReadonlyArray<string> => {
  const result = readSettings({ ...minimal, ...environment })
  return E.isLeft(result) ? result.left : []
}

describe('readSettings', () => {
  it('fills in every default', () => {
    expect(readSettings(minimal)).toEqual(
      E.right({
        storage: { _tag: 'ConnectionString', connectionString: 'UseDevelopmentStorage=true' },
        tableNamePrefix: '',
        allowPlainHttp: [],
        dicomWeb: {
          endpoint: 'https://ws-dicom.dicom.azurehealthcareapis.com',
          privateEndpoint: undefined,
          source: 'changefeed',
          version: 'v2',
          authentication: { mode: 'none' },
          tls: {},
          maxPageBytes: 33_554_432,
          holeAgeMs: 120_000,
        },
        fhir: {
          endpoint: 'https://ws-fhir.fhir.azurehealthcareapis.com/',
          authentication: { mode: 'none' },
          tls: {},
          linkOrigins: [],
          maxBundleEntries: 500,
          maxBundleBytes: 8_388_608,
        },
        patient: {
          systemId: undefined,
          isIssuerIdUsed: false,
          issuerSystems: {},
          partitionSystems: {},
          rejectedIds: new Set(),
          matchGuard: true,
          placeholderBirthDates: new Set([
            '1800-01-01',
            '1850-01-01',
            '1885-01-01',
            '1900-01-01',
            '1901-01-01',
            '9999-12-31',
          ]),
          aliasNames: [],
          overwrite: 'own',
        },
        enforceValidationOfTagValues: false,
        generateObservations: true,
        excludedElements: new Set(),
        defaultTimeZone: undefined,
        maxGone: 50,
        backfillReads: 4,
        reconcile: { schedule: undefined, fullDays: 30 },
        partitions: [],
        castSchedule: '0 * * * * *',
        events: false,
        startFrom: { _tag: 'Beginning' },
        batchSize: 1000,
        timerBatches: 1,
        timeBudgetMs: 240_000,
        requestTimeoutMs: 100_000,
        hidesRejectedForQuality: false,
        totalRetryDurationMs: 600_000,
      }),
    )
  })

  it('an archive without a change feed has no version in its URLs, and is compared each night', () => {
    const read = readSettings({ ...minimal, DicomWeb__Source: 'orthanc', DicomWeb__Version: 'v2' })
    expect(read).toMatchObject({
      right: { dicomWeb: { source: 'orthanc', version: '' }, reconcile: { schedule: '0 0 2 * * *', fullDays: 30 } },
    })
    const off = readSettings({ ...minimal, DicomWeb__Source: 'dicomweb', DicomCast__ReconcileSchedule: 'off' })
    expect(off).toMatchObject({ right: { reconcile: { schedule: undefined } } })
  })

  it('takes an empty text for not set, but for the version, where it means "none"', () => {
    const empty = Object.fromEntries(settingDescriptions.map(({ name }) => [name, '']))
    expect(readSettings({ ...empty, ...minimal })).toEqual(
      E.map((settings: Settings) => ({ ...settings, dicomWeb: { ...settings.dicomWeb, version: '' } }))(
        readSettings(minimal),
      ),
    )
  })

  it('reports everything that is wrong at once, in one line each', () => {
    expect(
      readSettings({
        Fhir__Endpoint: 'fhir',
        DicomCast__BatchSize: '0',
        Patient__MatchGuard: 'yes',
        CastSchedule: '* * * * *',
      }),
    ).toEqual(
      E.left([
        'DicomWeb__Endpoint: missing; expected an absolute http(s) URL without credentials, query or fragment',
        'Fhir__Endpoint: not understood; expected an absolute http(s) URL without credentials, query or fragment',
        'Patient__MatchGuard: not understood; expected true or false',
        'CastSchedule: not understood; expected a cron expression of six fields, seconds first',
        'DicomCast__BatchSize: not understood; expected a whole number of entries from 1 to 100000',
        'AzureWebJobsStorage: missing; expected a storage connection string, or AzureWebJobsStorage__accountName, or AzureWebJobsStorage__blobServiceUri and __tableServiceUri',
      ]),
    )
  })

  it('never prints a value: it may be a secret', () => {
    const secret = 'c2VjcmV0'
    const everySetting = Object.fromEntries(settingDescriptions.map(({ name }) => [name, `${secret} ${secret}`]))
    // Any text is one of these.
    const lists = [
      'Patient__RejectedIds',
      'Patient__AliasNames',
      'DicomWeb__Authentication__Scope',
      'Fhir__Authentication__Scope',
    ]
    const found = problems(everySetting)
    expect(found.map((line) => line.split(':')[0]).sort()).toEqual(
      settingDescriptions
        .map(({ name }) => name)
        .filter((name) => !lists.includes(name))
        .sort(),
    )
    expect(found.join('\n')).not.toContain(secret)
  })

  it.each([
    ['DicomWeb__Endpoint', 'ftp://dicom.example'],
    ['DicomWeb__Endpoint', 'https://user:password@dicom.example'],
    ['DicomWeb__Endpoint', 'https://dicom.example/?sig=1'],
    ['DicomWeb__Endpoint', 'https://dicom.example/#x'],
    ['DicomWeb__Endpoint', 'dicom.example'],
    ['DicomWeb__PrivateEndpoint', 'http:dicom'],
    ['DicomWeb__Version', '2'],
    ['DicomWeb__Authentication__Enabled', '1'],
    ['DicomWeb__Authentication__Scope', 'https://dicom.healthcareapis.azure.com'],
    ['Fhir__Authentication__Scope', 'two scopes/.default'],
    ['TableStore__TableNamePrefix', '1cast'],
    ['TableStore__TableNamePrefix', 'with-hyphen'],
    ['Patient__PatientSystemId', 'hospital'],
    ['Patient__PatientSystemId', 'urn:oid:1.2.3'],
    ['Patient__PatientSystemId', 'urn:oid:1.2.840.0113'],
    ['Patient__IssuerSystems', '{"A":"hospital"}'],
    ['Patient__IssuerSystems', '{"":"urn:oid:1.2.3.4"}'],
    ['Patient__IssuerSystems', '["urn:oid:1.2.3.4"]'],
    ['Patient__IssuerSystems', '{"A":'],
    ['Patient__PartitionSystems', 'null'],
    ['Patient__PartitionSystems', '{"..":"urn:oid:1.2.3.4"}'],
    ['Patient__PartitionSystems', '{"clinic":"urn:oid:1.2.3.4","Clinic":"urn:oid:1.2.3.5"}'],
    ['Patient__Overwrite', 'sometimes'],
    ['RetryConfiguration__TotalRetryDuration', '10'],
    ['RetryConfiguration__TotalRetryDuration', '8.00:00:00'],
    ['CastSchedule', '0 0 0 30 2 *'],
    ['CastSchedule', '0 0 0 L * *'],
    ['CastSchedule', '@hourly'],
    ['DicomCast__BatchSize', '1e3'],
    ['DicomCast__BatchSize', '100001'],
    ['DicomCast__TimerBatches', '-1'],
    ['DicomCast__TimeBudget', '00:10:00'],
    ['DicomCast__TimeBudget', '00:60:00'],
    ['DicomCast__DefaultTimeZone', 'Europe/Nowhere'],
    ['DicomCast__DefaultTimeZone', '+01:00'],
    ['DicomCast__StartFrom', 'yesterday'],
    ['DicomCast__Partitions', 'a,b/c'],
    ['DicomCast__Partitions', 'a,..'],
    ['DicomCast__Mapping__Exclude', 'ImagingStudy.reason'],
    ['DicomCast__Mapping__Exclude', 'ImagingStudy.referrer,imagingstudy.note'],
    ['DicomCast__Mapping__Exclude', 'ImagingStudy.series.modality'],
    ['DicomCast__Mapping__Exclude', 'Observation.status'],
    ['DicomCast__MaxBundleEntries', '2'],
    ['DicomCast__MaxBundleBytes', '65535'],
    ['DicomCast__HoleAge', '00:00:00'],
    ['DicomCast__RequestTimeout', '100'],
    ['DicomCast__MaxPageBytes', '1024'],
    ['AzureWebJobsStorage', 'AccountName=x'],
    ['AzureWebJobsStorage', 'secret'],
    ['AzureWebJobsStorage__clientId', 'me'],
    ['AzureWebJobsStorage__accountName', 'Not-An-Account'],
  ])('refuses %s = %j', (name, value) => {
    const { expected } = settingDescriptions.find((setting) => setting.name === name) ?? { expected: '?' }
    expect(problems({ [name]: value })).toEqual([`${name}: not understood; expected ${expected}`])
  })

  it('has a word for a service without versions, since the Functions host drops an empty setting', () => {
    expect(['none', 'None', ''].map((version) => valid({ DicomWeb__Version: version }).dicomWeb.version)).toEqual([
      '',
      '',
      '',
    ])
  })

  it('reads what is given', () => {
    const settings = valid({
      DicomWeb__Version: 'v1',
      DicomWeb__Authentication__Enabled: 'TRUE',
      Fhir__Authentication__Mode: 'ManagedIdentity',
      Fhir__Authentication__Scope: 'api://smart/.default',
      Patient__PatientSystemId: ' urn:oid:1.2.756.1 ',
      Patient__IssuerSystems:
        '{"HOSP A":"urn:oid:1.2.3.4","B":"https://b.example/ids","constructor":"urn:uuid:6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a11"}',
      Patient__RejectedIds: '0, unknown,,',
      Patient__Overwrite: 'Always',
      RetryConfiguration__TotalRetryDuration: '1.02:03:04.5',
      DicomCast__TimerBatches: '0',
      DicomCast__DefaultTimeZone: 'Europe/Zurich',
      DicomCast__StartFrom: '42',
      DicomCast__Partitions: 'Microsoft.Default, research',
      DicomCast__Mapping__Exclude: 'Patient.name, ImagingStudy.series.performer,,Observation.device',
      CastSchedule: '*/10 * 8-18 * * MON-FRI',
    })
    expect(settings.dicomWeb.version).toBe('v1')
    expect(settings.dicomWeb.authentication).toMatchObject({ mode: 'managedIdentity' })
    expect(settings.fhir.authentication).toEqual({ mode: 'managedIdentity', scope: 'api://smart/.default' })
    expect(settings.patient).toMatchObject({
      systemId: 'urn:oid:1.2.756.1',
      issuerSystems: {
        'HOSP A': 'urn:oid:1.2.3.4',
        B: 'https://b.example/ids',
        constructor: 'urn:uuid:6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a11',
      },
      rejectedIds: new Set(['0', 'UNKNOWN']),
      overwrite: 'always',
    })
    expect(settings.totalRetryDurationMs).toBe(((26 * 60 + 3) * 60 + 4) * 1000 + 500)
    expect(settings.timerBatches).toBe(0)
    expect(settings.defaultTimeZone).toBe('Europe/Zurich')
    expect(settings.startFrom).toEqual({ _tag: 'Sequence', sequence: 42 })
    expect(settings.partitions).toEqual(['Microsoft.Default', 'research'])
    expect(settings.excludedElements).toEqual(
      new Set(['Patient.name', 'ImagingStudy.series.performer', 'Observation.device']),
    )
    expect(settings.castSchedule).toBe('*/10 * 8-18 * * MON-FRI')
  })

  it("takes the original's `:` for `__`", () => {
    expect(valid({ 'Patient:IsIssuerIdUsed': 'true' }).patient.isIssuerIdUsed).toBe(true)
  })
})

describe('storage', () => {
  const storage = (environment: Record<string, string>) => {
    const result = readSettings({ ...minimal, AzureWebJobsStorage: undefined, ...environment })
    return E.isRight(result) ? result.right.storage : result.left
  }
  const keyed = 'DefaultEndpointsProtocol=https;AccountName=cast;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net'

  it.each([
    keyed,
    'BlobEndpoint=https://a.example;TableEndpoint=https://b.example;SharedAccessSignature=sv=1&sig=x',
    'UseDevelopmentStorage=true;',
  ])('takes a connection string (%#)', (connectionString) => {
    expect(storage({ AzureWebJobsStorage: connectionString })).toEqual({ _tag: 'ConnectionString', connectionString })
  })

  it('derives the URLs of a named account', () => {
    expect(storage({ AzureWebJobsStorage__accountName: 'cast' })).toEqual({
      _tag: 'Identity',
      blobServiceUri: 'https://cast.blob.core.windows.net',
      tableServiceUri: 'https://cast.table.core.windows.net',
      queueServiceUri: 'https://cast.queue.core.windows.net',
      clientId: undefined,
    })
  })

  it('takes the URLs of the services and an identity', () => {
    const clientId = '5a1fc7df-4bf1-4951-a576-89034ee01acd'
    expect(
      storage({
        AzureWebJobsStorage__blobServiceUri: 'https://cast.blob.example',
        AzureWebJobsStorage__tableServiceUri: 'https://cast.table.example',
        AzureWebJobsStorage__clientId: clientId,
      }),
    ).toEqual({
      _tag: 'Identity',
      blobServiceUri: 'https://cast.blob.example',
      tableServiceUri: 'https://cast.table.example',
      queueServiceUri: 'https://cast.queue.example',
      clientId,
    })
  })

  it.each([
    ['as it is named', { AzureWebJobsStorage__queueServiceUri: 'https://other.example' }, 'https://other.example'],
    ['not at all, where the name of the others does not tell', {}, undefined],
  ])('takes the URL of the queues, which only a backfill needs, %s', (_, more, queueServiceUri) => {
    const others = {
      AzureWebJobsStorage__blobServiceUri: 'https://b',
      AzureWebJobsStorage__tableServiceUri: 'https://t',
    }
    expect(storage({ ...others, ...more })).toMatchObject({ _tag: 'Identity', queueServiceUri })
  })

  it('names the service that is missing', () => {
    expect(storage({ AzureWebJobsStorage__blobServiceUri: 'https://cast.blob.example' })).toEqual([
      expect.stringMatching(/^AzureWebJobsStorage__tableServiceUri: missing; /),
    ])
  })
})

describe('local.settings.sample.json', () => {
  const sample = JSON.parse(readFileSync('local.settings.sample.json', 'utf8')) as {
    IsEncrypted: boolean
    Values: Record<string, string>
  }

  it('has every setting with its default, and asks for tokens, since its services are in Azure', () => {
    const { FUNCTIONS_WORKER_RUNTIME, ...values } = sample.Values
    expect(sample.IsEncrypted).toBe(false)
    expect(FUNCTIONS_WORKER_RUNTIME).toBe('node')
    expect(Object.keys(values).sort()).toEqual(settingDescriptions.map(({ name }) => name).sort())
    const result = readSettings(values)
    expect(result).toEqual(
      readSettings({
        DicomWeb__Endpoint: values['DicomWeb__Endpoint'],
        Fhir__Endpoint: values['Fhir__Endpoint'],
        DicomWeb__Authentication__Enabled: 'true',
        Fhir__Authentication__Enabled: 'true',
        AzureWebJobsStorage: 'UseDevelopmentStorage=true',
      }),
    )
    expect(E.isRight(result)).toBe(true)
  })
})
