import { Cron } from 'croner'
import { sequenceS } from 'fp-ts/Apply'
import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as RA from 'fp-ts/ReadonlyArray'
import * as t from 'io-ts'
import { isAbsoluteUri } from './domain/fhir/identifiers'
import { doseRules } from './domain/mapping/dose/rules'
import { allRuleTexts } from './domain/mapping/rules'

type Environment = Readonly<Record<string, string | undefined>>
type Problems = ReadonlyArray<string>

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

export type StartFrom =
  { readonly _tag: 'Beginning' } | { readonly _tag: 'Now' } | { readonly _tag: 'Sequence'; readonly sequence: number }

/** What a setting's text must look like. `read` answers `undefined` for a text it does not accept. */
interface Kind<A> {
  readonly expected: string
  readonly read: (text: string) => A | undefined
  /** An empty text is a value of its own; for all others it means "not set". */
  readonly emptyIsValue?: boolean
}

const kind = <A>(expected: string, read: (text: string) => A | undefined): Kind<A> => ({ expected, read })
const textLike = (expected: string, pattern: RegExp): Kind<string> =>
  kind(expected, (text) => (pattern.test(text) ? text : undefined))

const httpUrl = kind('an absolute http(s) URL without credentials, query or fragment', (text) => {
  if (!/^https?:\/\/[^\s?#\\]+$/i.test(text) || !URL.canParse(text)) return undefined
  const { username, password } = new URL(text)
  return username === '' && password === '' && !text.includes('@') ? text : undefined
})

const systemRule = 'an urn:oid: has four arcs or more, an urn:uuid: is in lower case'
const system = kind(`an absolute URI (${systemRule})`, (text) => (isAbsoluteUri(text) ? text : undefined))

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const systemMap = (from: string): Kind<Readonly<Record<string, string>>> =>
  kind(`a JSON object of ${from} to absolute URI (${systemRule})`, (text) => {
    const json = parsed(text)
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
    const pairs = Object.entries(json).map(([key, value]) => [key.trim(), value] as const)
    const good = pairs.every(([key, value]) => key !== '' && typeof value === 'string' && isAbsoluteUri(value))
    return good ? (Object.fromEntries(pairs) as Record<string, string>) : undefined
  })

const flag = kind('true or false', (text) => (/^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : undefined))

const whole = (min: number, max: number, unit: string): Kind<number> =>
  kind(`a whole number of ${unit} from ${min} to ${max}`, (text) =>
    /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined,
  )

const second = 1000
const minute = 60 * second
const day = 24 * 60 * minute

const milliseconds = (text: string): number | undefined => {
  const [whole, days = '0', hours, minutes, seconds, fraction = '0'] =
    /^(?:(\d{1,5})\.)?([01]?\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,7}))?$/.exec(text) ?? []
  if (whole === undefined) return undefined
  const clock = Number(hours) * 60 * minute + Number(minutes) * minute + Number(seconds) * second
  return Number(days) * day + clock + Math.round(Number(`0.${fraction}`) * second)
}

const duration = (min: string, max: string): Kind<number> =>
  kind(`a duration hh:mm:ss or d.hh:mm:ss from ${min} to ${max}`, (text) => {
    const ms = milliseconds(text)
    return ms !== undefined && ms >= (milliseconds(min) ?? 0) && ms <= (milliseconds(max) ?? 0) ? ms : undefined
  })

const oneOf = <A extends string>(...allowed: ReadonlyArray<A>): Kind<A> =>
  kind(`one of ${allowed.join(', ')}`, (text) => allowed.find((item) => item === text.toLowerCase()))

const list = (of: string, pattern: RegExp): Kind<ReadonlyArray<string>> =>
  kind(`a comma list of ${of}`, (text) => {
    const items = text.split(',').map((item) => item.trim())
    const named = items.filter((item) => item !== '')
    return named.every((item) => pattern.test(item)) ? named : undefined
  })

const startFrom = kind('beginning, now or a sequence number', (text): StartFrom | undefined => {
  if (text.toLowerCase() === 'beginning') return { _tag: 'Beginning' }
  if (text.toLowerCase() === 'now') return { _tag: 'Now' }
  return /^\d{1,15}$/.test(text) ? { _tag: 'Sequence', sequence: Number(text) } : undefined
})

const timeZone = kind('an IANA time zone such as Europe/Zurich', (text) => {
  try {
    // Intl takes a bare offset too, but that knows no daylight saving.
    return /^[a-z]/i.test(text)
      ? new Intl.DateTimeFormat('en-US', { timeZone: text }).resolvedOptions().timeZone
      : undefined
  } catch {
    return undefined
  }
})

// What the Functions host reads too: croner's L, W, # and ? are unknown there.
const hostsCron = /^([\d\s*,/-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)+$/i

const schedule = kind('a cron expression of six fields, seconds first', (text) => {
  try {
    // One that never fires has no next run.
    return hostsCron.test(text) && new Cron(text, { mode: '6-part', paused: true, timezone: 'UTC' }).nextRun()
      ? text
      : undefined
  } catch {
    return undefined
  }
})

const scope = textLike('a token scope such as https://dicom.healthcareapis.azure.com/.default', /^\S+\/\.default$/)
const uuid = textLike('a UUID', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
const accountName = textLike('a storage account name', /^[a-z0-9]{3,24}$/)
// The longest table name has 30 characters, and Azure allows 63.
const tablePrefix = textLike('at most 33 letters and digits, a letter first', /^[A-Za-z][A-Za-z0-9]{0,32}$/)
// An empty setting is one of its own only outside Azure: there the host drops it. So the same has a word, too.
const version: Kind<string> = {
  ...kind('v and a number, or none (or empty) for a service without versions', (text) =>
    /^(none)?$/i.test(text) ? '' : /^v\d+$/.test(text) ? text : undefined,
  ),
  emptyIsValue: true,
}

const storageExpected =
  'a storage connection string, or AzureWebJobsStorage__accountName, or AzureWebJobsStorage__blobServiceUri and __tableServiceUri'

const connectionString = kind(storageExpected, (text) => {
  const has = (name: string): boolean => new RegExp(`(^|;)\\s*${name}\\s*=[^;]`, 'i').test(text)
  if (/(^|;)\s*UseDevelopmentStorage\s*=\s*true\s*(;|$)/i.test(text)) return text
  const where = has('AccountName') || (has('BlobEndpoint') && has('TableEndpoint'))
  return where && (has('AccountKey') || has('SharedAccessSignature')) ? text : undefined
})

const excludable = new Set(
  [...allRuleTexts, ...doseRules].flatMap(({ element, required }) => (required ? [] : [element])),
)

const elements: Kind<ReadonlyArray<string>> = kind(
  'a comma list of optional elements such as ImagingStudy.referrer (docs/mapping.md)',
  (text) => {
    const given = text.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]))
    return given.every((each) => excludable.has(each)) ? given : undefined
  },
)

export interface SettingDescription {
  readonly name: string
  readonly expected: string
  /** As it would be written; `undefined` when there is none. */
  readonly default: string | undefined
  readonly required: boolean
  readonly meaning: string
}

type Setting<A> = t.Type<A, A, unknown> & { readonly description: Omit<SettingDescription, 'name'> }

/** `absent` tells what an unset one is worth. The io-ts error carries a message only, since values may be secrets. */
const setting = <A, B>(
  { expected, read, emptyIsValue = false }: Kind<A>,
  absent: () => A | B | undefined,
  description: Omit<SettingDescription, 'name' | 'expected'>,
): Setting<A | B> => {
  const type = new t.Type<A | B, A | B, unknown>(
    expected,
    (_value): _value is A | B => true,
    (value, context) => {
      const text = typeof value === 'string' ? value.trim() : undefined
      const unset = text === undefined || (text === '' && !emptyIsValue)
      const result = unset ? absent() : read(text)
      if (result !== undefined || (unset && !description.required)) return t.success(result as A | B)
      return t.failure(undefined, context, `${unset ? 'missing' : 'not understood'}; expected ${expected}`)
    },
    t.identity,
  )
  return Object.assign(type, { description: { ...description, expected } })
}

const required = <A>(of: Kind<A>, meaning: string): Setting<A> =>
  setting<A, never>(of, () => undefined, { default: undefined, required: true, meaning })

/** The default is written once, as a text, and read like any other value. */
const withDefault = <A>(of: Kind<A>, standard: string, meaning: string): Setting<A> =>
  setting<A, never>(of, () => of.read(standard), { default: standard, required: false, meaning })

const optional = <A>(of: Kind<A>, meaning: string, standard?: string): Setting<A | undefined> =>
  setting<A, undefined>(of, () => undefined, { default: standard, required: false, meaning })

const storageSettings = {
  AzureWebJobsStorage: optional(connectionString, 'Storage for lease, checkpoint and error tables.'),
  AzureWebJobsStorage__accountName: optional(accountName, 'The same by managed identity: name of the account.'),
  AzureWebJobsStorage__blobServiceUri: optional(httpUrl, 'By managed identity: URL of the blob service.'),
  AzureWebJobsStorage__tableServiceUri: optional(httpUrl, 'By managed identity: URL of the table service.'),
  AzureWebJobsStorage__clientId: optional(uuid, 'Client id of a user-assigned identity.'),
}

const settings = {
  DicomWeb__Endpoint: required(httpUrl, 'Public URL of the DICOM service. It goes into FHIR.'),
  DicomWeb__PrivateEndpoint: optional(
    httpUrl,
    'URL to talk to the DICOM service at, if it is another.',
    '{DicomWeb__Endpoint}',
  ),
  DicomWeb__Version: withDefault(version, 'v2', 'API version in the URLs of studies.'),
  DicomWeb__Authentication__Enabled: withDefault(
    flag,
    'false',
    'Send a token of the managed identity. Azure needs it.',
  ),
  DicomWeb__Authentication__Scope: withDefault(
    scope,
    'https://dicom.healthcareapis.azure.com/.default',
    'What that token is for.',
  ),
  Fhir__Endpoint: required(httpUrl, 'URL of the FHIR service.'),
  Fhir__Authentication__Enabled: withDefault(flag, 'false', 'Send a token of the managed identity. Azure needs it.'),
  Fhir__Authentication__Scope: optional(scope, 'What that token is for.', '{Fhir__Endpoint}/.default'),
  TableStore__TableNamePrefix: optional(tablePrefix, 'Put before the name of each table.'),
  Patient__PatientSystemId: optional(system, "The identifiers' system of patients without a known issuer."),
  Patient__IsIssuerIdUsed: withDefault(flag, 'false', "Take the system from the PatientID's issuer."),
  Patient__IssuerSystems: withDefault(systemMap('issuer'), '{}', 'System of each issuer.'),
  Patient__PartitionSystems: withDefault(systemMap('partition'), '{}', "System of each partition's patients."),
  Patient__RejectedIds: optional(list('PatientIDs', /./), 'PatientIDs that stand for nobody, in any case.'),
  Patient__MatchGuard: withDefault(
    flag,
    'true',
    'Refuse a PatientID whose birth date and name or sex are of somebody else.',
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
    'Whose Patients follow the feed: those created here, none, or all. The others get only what they lack.',
  ),
  DicomCast__Features__EnforceValidationOfTagValues: withDefault(
    flag,
    'false',
    'One invalid tag keeps the entry out of FHIR.',
  ),
  DicomCast__Features__GenerateObservations: withDefault(flag, 'true', 'Write radiation dose reports as Observations.'),
  RetryConfiguration__TotalRetryDuration: withDefault(
    duration('00:00:00', '7.00:00:00'),
    '00:10:00',
    'How long an entry that fails alone is tried again.',
  ),
  CastSchedule: withDefault(schedule, '0 * * * * *', 'When the timer fires, in UTC.'),
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
    'Time of one run.',
  ),
  DicomCast__DefaultTimeZone: optional(
    timeZone,
    'Time zone of times without an offset. Not set: their date alone is written.',
  ),
  DicomCast__StartFrom: withDefault(
    startFrom,
    'beginning',
    'Where a new installation starts in the change feed; a sequence: behind it.',
  ),
  DicomCast__Partitions: optional(list('partition names', /^[A-Za-z0-9._-]{1,64}$/), 'The partitions to sync.', 'all'),
  DicomCast__Mapping__Exclude: optional(
    elements,
    'Optional elements that are not written; docs/mapping.md names them all.',
  ),
  DicomCast__MaxBundleEntries: withDefault(
    whole(3, 10_000, 'entries'),
    '500',
    'Entries of one transaction at the most.',
  ),
  DicomCast__MaxBundleBytes: withDefault(
    whole(65_536, 104_857_600, 'bytes'),
    '8388608',
    'Bytes of one transaction at the most; a single larger resource is sent alone.',
  ),
  DicomCast__HoleAge: withDefault(
    duration('00:00:01', '1.00:00:00'),
    '00:02:00',
    'How long a missing sequence is looked for.',
  ),
  DicomCast__RequestTimeout: withDefault(
    duration('00:00:01', '00:10:00'),
    '00:01:40',
    'Time of one request, answer included.',
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

const decoded = <P extends t.Props>(
  properties: P,
  environment: Environment,
): E.Either<Problems, t.TypeOf<t.TypeC<P>>> =>
  pipe(
    t.type(properties).decode(
      // `:` is how the original's JSON configuration separates what an environment variable separates by `__`.
      Object.fromEntries(
        Object.keys(properties).map((name) => [name, environment[name] ?? environment[name.replaceAll('__', ':')]]),
      ),
    ),
    E.mapLeft(RA.map((error) => `${error.context.at(-1)?.key}: ${error.message}`)),
  )

const withoutSlash = (url: string): string => url.replace(/\/+$/, '')

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
