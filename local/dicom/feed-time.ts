/** `2026-11-23T20:01:39.5941234+00:00`: seven fraction digits in UTC, so that the order of the text is that of time. */
const written = (ms: number, subMillisecondDigits: string): string =>
  `${new Date(ms).toISOString().slice(0, -1)}${subMillisecondDigits.padEnd(4, '0').slice(0, 4)}+00:00`

const pattern = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.(\d{1,7}))?)?(Z|[+-]\d{2}:\d{2})?)?$/i

/** Reads an ISO 8601 instant, UTC when it names no offset; `undefined` when it is none. */
export const readTime = (text: string): string | undefined => {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const fraction = match[4] ?? ''
  // Date.parse rounds neither up nor down reliably beyond milliseconds: give it three digits and keep the rest.
  const milliseconds = text.replace(/\.\d+/, fraction === '' ? '' : `.${fraction.slice(0, 3)}`)
  const ms = Date.parse(match[1] !== undefined && match[5] === undefined ? `${milliseconds}Z` : milliseconds)
  return Number.isNaN(ms) ? undefined : written(ms, fraction.slice(3))
}

export const normalizedTime = (text: string): string => {
  const time = readTime(text)
  if (time === undefined) throw new Error(`not an ISO 8601 time: ${text}`)
  return time
}

/** The time of a statement. Two statements in one millisecond differ in the digits below it. */
export const createStatementClock = (now: () => Date): (() => string) => {
  let lastMs = Number.NaN
  let ticks = 0
  return () => {
    const ms = now().getTime()
    ticks = ms === lastMs ? Math.min(ticks + 1, 9999) : 0
    lastMs = ms
    return written(ms, String(ticks).padStart(4, '0'))
  }
}
