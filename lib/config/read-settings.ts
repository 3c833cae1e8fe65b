import { sequenceS } from 'fp-ts/Apply'
import * as E from 'fp-ts/Either'
import * as RA from 'fp-ts/ReadonlyArray'
import { pipe } from 'fp-ts/function'
import type * as t from 'io-ts'
import type { Access } from '../domain/access'
import { withoutTrailing } from '../domain/text'
import { storageExpected } from './kinds'
import { destinationsOf, plainHttpProblems } from './plain-http'
import { type Environment, type Problems, decoded } from './setting'
import { readAccess } from './access'
import { dicomScope, settings, storageSettings } from './settings'

export type StorageSettings =
  | { readonly _tag: 'ConnectionString'; readonly connectionString: string }
  | {
      readonly _tag: 'Identity'
      readonly blobServiceUri: string
      readonly tableServiceUri: string
      /** None: it cannot be told from the others, and there is no backfill. */
      readonly queueServiceUri: string | undefined
      readonly clientId: string | undefined
    }

const withoutSlash = (url: string): string => withoutTrailing(url, '/')

/** In every cloud of Azure the services of an account differ by one word. */
const queueBeside = (tableServiceUri: string): string | undefined =>
  tableServiceUri.includes('.table.') ? tableServiceUri.replace('.table.', '.queue.') : undefined

const readStorage = (environment: Environment): E.Either<Problems, StorageSettings> =>
  pipe(
    decoded(storageSettings, environment),
    E.flatMap((given): E.Either<Problems, StorageSettings> => {
      // The Functions host prefers the connection string too.
      if (given.AzureWebJobsStorage !== undefined) {
        return E.right({ _tag: 'ConnectionString', connectionString: given.AzureWebJobsStorage })
      }
      const account = given.AzureWebJobsStorage__accountName
      const uriOf = (service: string, uri: string | undefined): string | undefined =>
        uri ?? (account === undefined ? undefined : `https://${account}.${service}.core.windows.net`)
      const blobServiceUri = uriOf('blob', given.AzureWebJobsStorage__blobServiceUri)
      const tableServiceUri = uriOf('table', given.AzureWebJobsStorage__tableServiceUri)
      if (blobServiceUri !== undefined && tableServiceUri !== undefined) {
        return E.right({
          _tag: 'Identity',
          blobServiceUri,
          tableServiceUri,
          queueServiceUri: uriOf('queue', given.AzureWebJobsStorage__queueServiceUri) ?? queueBeside(tableServiceUri),
          clientId: given.AzureWebJobsStorage__clientId,
        })
      }
      const missing =
        blobServiceUri !== undefined
          ? 'AzureWebJobsStorage__tableServiceUri'
          : tableServiceUri !== undefined
            ? 'AzureWebJobsStorage__blobServiceUri'
            : 'AzureWebJobsStorage'
      return E.left([`${missing}: missing; expected ${storageExpected}`])
    }),
  )

type Given = t.TypeOf<t.TypeC<typeof settings>>

const services = (given: Given, dicom: Access, fhir: Access) => ({
  dicomWeb: {
    endpoint: given.DicomWeb__Endpoint,
    privateEndpoint: given.DicomWeb__PrivateEndpoint,
    source: given.DicomWeb__Source,
    /** Empty: the service's URLs have no version. */
    version: given.DicomWeb__Source === 'changefeed' ? given.DicomWeb__Version : '',
    ...dicom,
    maxPageBytes: given.DicomCast__MaxPageBytes,
    holeAgeMs: given.DicomCast__HoleAge,
  },
  fhir: {
    endpoint: given.Fhir__Endpoint,
    linkOrigins: (given.Fhir__LinkOrigins ?? []).map(withoutSlash),
    ...fhir,
    maxBundleEntries: given.DicomCast__MaxBundleEntries,
    maxBundleBytes: given.DicomCast__MaxBundleBytes,
  },
})

interface Read {
  readonly given: Given
  readonly storage: StorageSettings
  readonly dicom: Access
  readonly fhir: Access
}

const shaped = ({ given, storage, dicom, fhir }: Read) => ({
  storage,
  tableNamePrefix: given.TableStore__TableNamePrefix ?? '',
  ...services(given, dicom, fhir),
  allowPlainHttp: given.DicomCast__AllowPlainHttp ?? [],
  patient: {
    systemId: given.Patient__PatientSystemId,
    isIssuerIdUsed: given.Patient__IsIssuerIdUsed,
    issuerSystems: given.Patient__IssuerSystems,
    partitionSystems: given.Patient__PartitionSystems,
    /** In upper case. */
    rejectedIds: new Set((given.Patient__RejectedIds ?? []).map((id) => id.toUpperCase())) as ReadonlySet<string>,
    matchGuard: given.Patient__MatchGuard,
    placeholderBirthDates: new Set(given.Patient__PlaceholderBirthDates) as ReadonlySet<string>,
    aliasNames: given.Patient__AliasNames ?? [],
    overwrite: given.Patient__Overwrite,
  },
  enforceValidationOfTagValues: given.DicomCast__Features__EnforceValidationOfTagValues,
  generateObservations: given.DicomCast__Features__GenerateObservations,
  hidesRejectedForQuality: given.DicomCast__HideRejectedForQuality,
  defaultTimeZone: given.DicomCast__DefaultTimeZone,
  excludedElements: new Set(given.DicomCast__Mapping__Exclude ?? []) as ReadonlySet<string>,
  /** Empty: all of them. */
  partitions: given.DicomCast__Partitions ?? [],
  castSchedule: given.CastSchedule,
  events: given.DicomCast__Events,
  startFrom: given.DicomCast__StartFrom,
  batchSize: given.DicomCast__BatchSize,
  timerBatches: given.DicomCast__TimerBatches,
  timeBudgetMs: given.DicomCast__TimeBudget,
  requestTimeoutMs: given.DicomCast__RequestTimeout,
  maxGone: given.DicomCast__MaxGone,
  backfillReads: given.DicomCast__BackfillReads,
  reconcile: {
    /** None: only by hand. */
    schedule:
      given.DicomWeb__Source === 'changefeed' || given.DicomCast__ReconcileSchedule === 'off'
        ? undefined
        : given.DicomCast__ReconcileSchedule,
    fullDays: given.DicomCast__ReconcileFullDays,
  },
  totalRetryDurationMs: given.RetryConfiguration__TotalRetryDuration,
})

type DeepReadonly<A> =
  A extends ReadonlySet<string> ? A : A extends object ? { readonly [K in keyof A]: DeepReadonly<A[K]> } : A

export type Settings = DeepReadonly<ReturnType<typeof shaped>>

const safe = (read: Settings): E.Either<Problems, Settings> => {
  const problems = plainHttpProblems(destinationsOf(read), read.allowPlainHttp)
  return problems.length > 0 ? E.left(problems) : E.right(read)
}

/** The endpoint itself is judged with the other settings. */
const fhirScope = (environment: Environment): string =>
  pipe(
    decoded({ Fhir__Endpoint: settings.Fhir__Endpoint }, environment),
    E.match(
      () => dicomScope,
      ({ Fhir__Endpoint }) => `${withoutSlash(Fhir__Endpoint)}/.default`,
    ),
  )

/** All settings, or every problem: each with the setting's name and what is expected, never with its value. */
export const readSettings = (environment: Environment): E.Either<Problems, Settings> =>
  pipe(
    sequenceS(E.getApplicativeValidation(RA.getSemigroup<string>()))({
      given: decoded(settings, environment),
      dicom: readAccess(environment, 'DicomWeb', dicomScope),
      fhir: readAccess(environment, 'Fhir', fhirScope(environment)),
      storage: readStorage(environment),
    }),
    E.map(shaped),
    E.flatMap(safe),
    E.mapLeft((problems) => [...new Set(problems)]),
  )
