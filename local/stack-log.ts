import type { LogLine } from './functions-host'
import { castTimer, wake } from './stack-settings'

/** The fields of `dicomcast cast --json`, as the function app logs them at the end of a run. */
export interface RunSummary {
  readonly ended: string
  readonly kind?: string
  readonly to?: number
  readonly head?: number
  readonly entries?: number
  readonly stored?: number
  readonly unchanged?: number
  readonly superseded?: number
  readonly skipped?: number
  readonly recorded?: number
  readonly fhirRequests?: number
  readonly durationMs?: number
  readonly reason?: string
}

/** The summary of a run, if the line is one. */
export const summaryOf = ({ functionName, message }: LogLine): RunSummary | undefined => {
  const fields = functionName === castTimer || functionName === wake ? jsonOf(message) : undefined
  return typeof fields?.ended === 'string' ? { ...fields, ended: fields.ended } : undefined
}

/** What a person should read of a warning or an error, if the line is one: its message, no fields, no stack trace. */
export const warningOf = ({ level, message }: LogLine): string | undefined => {
  if (level !== 'warning' && level !== 'error') return undefined
  const fields = jsonOf(message)
  if (typeof fields?.message === 'string') return `${level}: ${fields.message}`
  return /^\s*(at .*)?$/.test(message) ? undefined : `${level}: ${message.split('\n')[0]}`
}

const jsonOf = (text: string): Record<string, unknown> | undefined => {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
