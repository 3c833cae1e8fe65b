import { Cron } from 'croner'
import { partitionName } from '../domain/dicom/partition'
import { isAbsoluteUri } from '../domain/fhir/identifiers'
import { doseRules } from '../domain/mapping/dose/rules'
import { allRuleTexts } from '../domain/mapping/rules'

export type StartFrom =
  { readonly _tag: 'Beginning' } | { readonly _tag: 'Now' } | { readonly _tag: 'Sequence'; readonly sequence: number }

/** What a setting's text must look like. `read` answers `undefined` for a text it does not accept. */
export interface Kind<A> {
  readonly expected: string
  readonly read: (text: string) => A | undefined
  /** An empty text is a value of its own; for all others it means "not set". */
  readonly emptyIsValue?: boolean
}

const kind = <A>(expected: string, read: (text: string) => A | undefined): Kind<A> => ({ expected, read })
export const textLike = (expected: string, pattern: RegExp): Kind<string> =>
  kind(expected, (text) => (pattern.test(text) ? text : undefined))

export const httpUrl = kind('an absolute http(s) URL without credentials, query or fragment', (text) => {
  if (!/^https?:\/\/[^\s?#\\]+$/i.test(text) || !URL.canParse(text)) return undefined
  const { username, password } = new URL(text)
  return username === '' && password === '' && !text.includes('@') ? text : undefined
})

const systemRule = 'a urn:oid: has four arcs or more, a urn:uuid: is in lower case'
export const system = kind(`an absolute URI (${systemRule})`, (text) => (isAbsoluteUri(text) ? text : undefined))

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

export const systemMap = (from: string): Kind<Readonly<Record<string, string>>> =>
  kind(`a JSON object of ${from} to absolute URI (${systemRule})`, (text) => {
    const json = parsed(text)
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
    const pairs = Object.entries(json).map(([key, value]) => [key.trim(), value] as const)
    const good = pairs.every(([key, value]) => key !== '' && typeof value === 'string' && isAbsoluteUri(value))
    return good ? (Object.fromEntries(pairs) as Record<string, string>) : undefined
  })

/** Names in lower case; `*` stands for the rest. */
export const partitionMap: Kind<Readonly<Record<string, string>>> = {
  ...systemMap('partition (or *)'),
  read: (text) => {
    const pairs = Object.entries(systemMap('').read(text) ?? { '/': '' }).map(
      ([name, value]) => [name.toLowerCase(), value] as const,
    )
    const good = pairs.every(([name]) => name === '*' || partitionName.test(name))
    return good && new Map(pairs).size === pairs.length ? Object.fromEntries(pairs) : undefined
  },
}

export const flag = kind('true or false', (text) =>
  /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : undefined,
)

export const whole = (min: number, max: number, unit: string): Kind<number> =>
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

export const duration = (min: string, max: string): Kind<number> =>
  kind(`a duration hh:mm:ss or d.hh:mm:ss from ${min} to ${max}`, (text) => {
    const ms = milliseconds(text)
    return ms !== undefined && ms >= (milliseconds(min) ?? 0) && ms <= (milliseconds(max) ?? 0) ? ms : undefined
  })

export const oneOf = <A extends string>(...allowed: ReadonlyArray<A>): Kind<A> =>
  kind(`one of ${allowed.join(', ')}`, (text) => allowed.find((item) => item.toLowerCase() === text.toLowerCase()))

export const list = (of: string, pattern: RegExp): Kind<ReadonlyArray<string>> =>
  kind(`a comma-separated list of ${of}`, (text) => {
    const items = text.split(',').map((item) => item.trim())
    const named = items.filter((item) => item !== '')
    return named.every((item) => pattern.test(item)) ? named : undefined
  })

export const startFrom = kind('beginning, now or a sequence number', (text): StartFrom | undefined => {
  if (text.toLowerCase() === 'beginning') return { _tag: 'Beginning' }
  if (text.toLowerCase() === 'now') return { _tag: 'Now' }
  return /^\d{1,15}$/.test(text) ? { _tag: 'Sequence', sequence: Number(text) } : undefined
})

export const timeZone = kind('an IANA time zone such as Europe/Zurich', (text) => {
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

export const schedule = kind('a cron expression of six fields, seconds first', (text) => {
  try {
    // One that never fires has no next run.
    return hostsCron.test(text) && new Cron(text, { mode: '6-part', paused: true, timezone: 'UTC' }).nextRun()
      ? text
      : undefined
  } catch {
    return undefined
  }
})

export const scheduleOrOff: Kind<string> = {
  expected: `${schedule.expected}, or off`,
  read: (text) => (/^off$/i.test(text) ? 'off' : schedule.read(text)),
}

const scopeExpected = 'a token scope such as https://dicom.healthcareapis.azure.com/.default'
export const azureScope = textLike(scopeExpected, /^\S+\/\.default$/)
/** What is a good one depends on who is asked for the token. */
export const scopes = textLike(scopeExpected, /^\S+( \S+)*$/)
export const uuid = textLike('a UUID', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
export const accountName = textLike('a storage account name', /^[a-z0-9]{3,24}$/)
// The longest table name has 30 characters, and Azure allows 63.
export const tablePrefix = textLike('at most 33 letters and digits, a letter first', /^[A-Za-z][A-Za-z0-9]{0,32}$/)
// An empty setting is one of its own only outside Azure: there the host drops it. So the same has a word, too.
export const version: Kind<string> = {
  ...kind('v and a number, or none (or empty) for a service without versions', (text) =>
    /^(none)?$/i.test(text) ? '' : /^v\d+$/.test(text) ? text : undefined,
  ),
  emptyIsValue: true,
}

export const storageExpected =
  'a storage connection string, or AzureWebJobsStorage__accountName, or AzureWebJobsStorage__blobServiceUri and __tableServiceUri'

export const connectionString = kind(storageExpected, (text) => {
  const has = (name: string): boolean => new RegExp(`(^|;)\\s*${name}\\s*=[^;]`, 'i').test(text)
  if (/(^|;)\s*UseDevelopmentStorage\s*=\s*true\s*(;|$)/i.test(text)) return text
  const where = has('AccountName') || (has('BlobEndpoint') && has('TableEndpoint'))
  return where && (has('AccountKey') || has('SharedAccessSignature')) ? text : undefined
})

const excludable = new Set(
  [...allRuleTexts, ...doseRules].flatMap(({ element, required }) => (required ? [] : [element])),
)

export const elements: Kind<ReadonlyArray<string>> = kind(
  'a comma-separated list of optional elements such as ImagingStudy.referrer (docs/mapping.md)',
  (text) => {
    const given = text.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]))
    return given.every((each) => excludable.has(each)) ? given : undefined
  },
)
