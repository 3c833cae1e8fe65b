import { accessDescriptions } from './access'
import { apiKeyName } from './api-key'
import { settingDescriptions } from './settings'

// A slip in a setting's name would otherwise be a setting left out, and nobody would hear of it.

const known = [
  ...settingDescriptions.map(({ name }) => name),
  apiKeyName,
  ...['DicomWeb', 'Fhir'].flatMap((service) => accessDescriptions.map(({ name }) => `${service}__${name}`)),
]
/** What begins like one of ours is meant for us; storage is the Functions host's, which has more names than we read. */
const ours = [
  ...new Set(known.flatMap((name) => (name.includes('__') ? [name.slice(0, name.indexOf('__') + 2)] : []))),
].filter((prefix) => prefix !== 'AzureWebJobsStorage__')

/** Letters to insert, take away or exchange (Levenshtein). */
const distance = (left: string, right: string): number => {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...left].entries()) {
    const next = [index + 1]
    for (const [column, other] of [...right].entries()) {
      const exchanged = (row[column] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(exchanged, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? 0
}

const nearest = (name: string): { readonly name: string; readonly letters: number } => {
  const [first] = known
    .map((each) => ({ name: each, letters: distance(name.toLowerCase(), each.toLowerCase()) }))
    .sort((left, right) => left.letters - right.letters)
  return first ?? { name: '', letters: Infinity }
}

const warning = (given: string): ReadonlyArray<string> => {
  const name = given.replaceAll(':', '__')
  if (known.includes(name)) return []
  const { name: meant, letters } = nearest(name)
  const isOurs = ours.some((prefix) => name.toLowerCase().startsWith(prefix.toLowerCase()))
  if (!isOurs && !(meant === 'CastSchedule' && letters <= 2)) return []
  const hint = letters <= name.length / 3 ? `; did you mean ${meant}?` : '.'
  return [`${given} is no setting of DICOMcast, and has no effect${hint}`]
}

/** Names that look like a setting of ours and are none, with the nearest that is. Values are not looked at. */
export const settingWarnings = (environment: Readonly<Record<string, string | undefined>>): ReadonlyArray<string> =>
  Object.keys(environment).sort().flatMap(warning)
