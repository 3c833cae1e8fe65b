import type { Log } from '../app/ports'

type Level = Parameters<Log>[0]

// Counters and sequences read from Int64 columns are bigints, which JSON does not know.
const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

interface HostContext {
  readonly error: (line: string) => void
  readonly warn: (line: string) => void
  readonly log: (line: string) => void
}

/** To the Functions host: its own level is what Application Insights stores, whatever the line says. */
export const hostLog = (context: HostContext): Log =>
  jsonLog((line, level) => {
    if (level === 'error') context.error(line)
    else if (level === 'warn') context.warn(line)
    else context.log(line)
  })

/** One line of JSON a call: the host's `context.log` cuts objects at depth 2. A line that cannot be written never throws. */
export const jsonLog =
  (sink: (line: string, level: Level) => void, now: () => number = Date.now): Log =>
  (level, message, fields = {}) => {
    const line = { level, message, time: new Date(now()).toISOString() }
    try {
      sink(JSON.stringify({ ...line, ...fields, ...line }, plain), level)
    } catch {
      sink(JSON.stringify(line), level)
    }
  }
