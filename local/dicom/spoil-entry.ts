import { parseJson } from '../../lib/domain/json'
import type { FaultRule } from './faults'
import type { EntryText } from './page'

type JsonObject = Record<string, unknown>

const parse = (entry: EntryText): JsonObject => parseJson(entry.text) as JsonObject

/** Adds an element to the metadata as text, because some of what is added is not JSON. */
const withElement = (entry: EntryText, tag: string, element: string): string =>
  !entry.hasMetadata || !entry.text.endsWith('}}') ? entry.text : `${entry.text.slice(0, -2)},"${tag}":${element}}}`

const mapElements = (value: unknown, change: (element: JsonObject) => JsonObject): unknown => {
  if (Array.isArray(value)) return value.map((item) => mapElements(item, change))
  if (typeof value !== 'object' || value === null) return value
  const mapped = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapElements(inner, change)]))
  return typeof mapped['vr'] === 'string' ? change(mapped) : mapped
}

const withMetadata = (entry: EntryText, change: (metadata: unknown) => unknown): string => {
  const { metadata, ...rest } = parse(entry)
  return JSON.stringify(metadata === undefined ? rest : { ...rest, metadata: change(metadata) })
}

const numbersAsStrings = (element: JsonObject): JsonObject =>
  (element['vr'] === 'DS' || element['vr'] === 'IS') && Array.isArray(element['Value'])
    ? {
        ...element,
        Value: element['Value'].map((value: unknown) => (typeof value === 'number' ? String(value) : value)),
      }
    : element

const wrongValues = [7, 'text', null, { Alphabetic: 7 }, [], true]

/** Puts a value of a wrong type into every slot, another one each time. */
const wrongTypes = (): ((element: JsonObject) => JsonObject) => {
  let turn = 0
  return (element) => {
    const wrong = wrongValues[turn++ % wrongValues.length]
    return element['vr'] === 'SQ' ? { ...element, Value: wrong } : { ...element, Value: [wrong] }
  }
}

const malformed = (entry: EntryText, variant: string): string => {
  switch (variant) {
    case 'null':
      return 'null'
    case 'number':
      return '7'
    case 'missingUid': {
      const { sopInstanceUid: _, ...rest } = parse(entry)
      return JSON.stringify(rest)
    }
    case 'sequenceString':
      return JSON.stringify({ ...parse(entry), sequence: 'seven' })
    case 'sequenceNaN':
      return JSON.stringify({ ...parse(entry), sequence: 'NaN' })
    default:
      throw new Error(`malformedEntry has no variant ${variant}`)
  }
}

/** As Microsoft's documentation prints an entry. */
const asDocumented = (entry: EntryText): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(parse(entry)).map(([key, value]) => [
        key.charAt(0).toUpperCase() + key.slice(1),
        (key === 'action' || key === 'state') && typeof value === 'string' ? value.toLowerCase() : value,
      ]),
    ),
  )

const spoiledText = (rule: FaultRule, entry: EntryText): string => {
  switch (rule.fault) {
    case 'malformedEntry':
      return malformed(entry, rule.variant ?? 'null')
    case 'malformedJson':
      return entry.text.replace(':', ':,')
    case 'negativeInfinity': {
      const values = rule.variant === 'tokens' ? '-Infinity,NaN' : '"-Infinity","NaN"'
      return withElement(entry, '00189073', `{"vr":"FD","Value":[${values}]}`)
    }
    case 'stringDs':
      return withMetadata(entry, (metadata) => mapElements(metadata, numbersAsStrings))
    case 'pascalCase':
      return asDocumented(entry)
    case 'oversizedEntry':
      return withElement(entry, '000910FF', `{"vr":"UT","Value":["${'x'.repeat(rule.bytes ?? 1024 * 1024)}"]}`)
    case 'wrongType':
      return rule.variant === 'metadata'
        ? withMetadata(entry, () => ['not a dataset'])
        : withMetadata(entry, (metadata) => mapElements(metadata, wrongTypes()))
    default:
      return entry.text
  }
}

/** One rule applied to the entries it names, or to all of them. */
export const spoilEntries = (rule: FaultRule, entries: ReadonlyArray<EntryText>): ReadonlyArray<EntryText> =>
  entries.map((entry) =>
    rule.match?.sequence === undefined || rule.match.sequence === entry.sequence
      ? { ...entry, text: spoiledText(rule, entry) }
      : entry,
  )
