import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { settingWarnings } from '../lib/config/setting-names'

type Environment = Readonly<Record<string, string | undefined>>

/** A wrong configuration, as a missing setting is. */
export class UnreadableSettings extends Error {}

const file = 'local.settings.json'

const isRecord = (json: unknown): json is Record<string, unknown> =>
  typeof json === 'object' && json !== null && !Array.isArray(json)

const readFileIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new UnreadableSettings(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}`)
  }
}

// Never JSON.parse's own words: they quote the file, and it may hold the key of a storage account.
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw new UnreadableSettings(`${file} is not valid JSON`)
  }
}

/** A setting is a text; a number or a boolean written as such must not count as "not set". */
const settingsOf = (json: unknown): Environment => {
  const values = isRecord(json) ? (json['Values'] ?? {}) : undefined
  if (!isRecord(values)) throw new UnreadableSettings(`${file} must be an object with an object "Values"`)
  const entries = Object.entries(values).map(([name, value]) => {
    if (typeof value === 'object' && value !== null) throw new UnreadableSettings(`${file}: ${name} must be a text`)
    return [name, value === null ? undefined : String(value)] as const
  })
  return Object.fromEntries(entries)
}

/** The environment; what it does not name comes from `local.settings.json` in this folder, as in the Functions host. Warns of names that nobody reads. */
export const environment = (): Environment => {
  const text = readFileIfThere(join(process.cwd(), file))
  const all = text === undefined ? process.env : { ...settingsOf(parsed(text)), ...process.env }
  for (const warning of settingWarnings(all)) process.stderr.write(`dicomcast: ${warning}\n`)
  return all
}
