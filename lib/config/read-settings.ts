import { sequenceS } from 'fp-ts/Apply'
import * as E from 'fp-ts/Either'
import * as RA from 'fp-ts/ReadonlyArray'
import { pipe } from 'fp-ts/function'
import type * as t from 'io-ts'
import { withoutTrailing } from '../domain/text'
import { storageExpected } from './kinds'
import { type Environment, type Problems, decoded } from './setting'
import { settings, storageSettings } from './settings'

interface Authentication {
  readonly enabled: boolean
  readonly scope: string
}

export type StorageSettings =
  | { readonly _tag: 'ConnectionString'; readonly connectionString: string }
  | {
      readonly _tag: 'Identity'
      readonly blobServiceUri: string
      readonly tableServiceUri: string
      readonly clientId: string | undefined
    }

const withoutSlash = (url: string): string => withoutTrailing(url, '/')

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

const authentication = (enabled: boolean, scope: string): Authentication => ({ enabled, scope })

const shaped = (given: t.TypeOf<t.TypeC<typeof settings>>, storage: StorageSettings) => ({
  storage,
  tableNamePrefix: given.TableStore__TableNamePrefix ?? '',
  dicomWeb: {
    endpoint: given.DicomWeb__Endpoint,
    privateEndpoint: given.DicomWeb__PrivateEndpoint,
    /** Empty: the service's URLs have no version. */
    version: given.DicomWeb__Version,
    authentication: authentication(given.DicomWeb__Authentication__Enabled, given.DicomWeb__Authentication__Scope),
    maxPageBytes: given.DicomCast__MaxPageBytes,
    holeAgeMs: given.DicomCast__HoleAge,
  },
  fhir: {
    endpoint: given.Fhir__Endpoint,
    authentication: authentication(
      given.Fhir__Authentication__Enabled,
      given.Fhir__Authentication__Scope ?? `${withoutSlash(given.Fhir__Endpoint)}/.default`,
    ),
    maxBundleEntries: given.DicomCast__MaxBundleEntries,
    maxBundleBytes: given.DicomCast__MaxBundleBytes,
  },
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
  defaultTimeZone: given.DicomCast__DefaultTimeZone,
  excludedElements: new Set(given.DicomCast__Mapping__Exclude ?? []) as ReadonlySet<string>,
  /** Empty: all of them. */
  partitions: given.DicomCast__Partitions ?? [],
  castSchedule: given.CastSchedule,
  startFrom: given.DicomCast__StartFrom,
  batchSize: given.DicomCast__BatchSize,
  timerBatches: given.DicomCast__TimerBatches,
  timeBudgetMs: given.DicomCast__TimeBudget,
  requestTimeoutMs: given.DicomCast__RequestTimeout,
  maxGone: given.DicomCast__MaxGone,
  totalRetryDurationMs: given.RetryConfiguration__TotalRetryDuration,
})

type DeepReadonly<A> =
  A extends ReadonlySet<string> ? A : A extends object ? { readonly [K in keyof A]: DeepReadonly<A[K]> } : A

export type Settings = DeepReadonly<ReturnType<typeof shaped>>

/** All settings, or every problem: each with the setting's name and what is expected, never with its value. */
export const readSettings = (environment: Environment): E.Either<Problems, Settings> =>
  pipe(
    sequenceS(E.getApplicativeValidation(RA.getSemigroup<string>()))({
      given: decoded(settings, environment),
      storage: readStorage(environment),
    }),
    E.map(({ given, storage }) => shaped(given, storage)),
  )
