import type { Progress } from '../lib/composition/cast'

const width = 24

const duration = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return '–'
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min` : `${Math.ceil(seconds)} s`
}

export interface ProgressBar {
  /** `done` of `total`, of which `before` were done when this work began; `words` say the same in numbers. */
  readonly show: (done: number, total: number, words: string, before?: number) => void
  /** What is waited for, before anything can be counted. */
  readonly wait: (words: string) => void
  /** Makes room for a line of something else; the next `show` draws it again. */
  readonly clear: () => void
  readonly end: () => void
}

/** For a person who watches long work; silent where nobody does. */
export const progressBar = (
  visible: boolean,
  write: (text: string) => void = (text) => void process.stderr.write(text),
): ProgressBar => {
  const startedAt = Date.now()
  let shown = false
  return {
    show: (done, total, words, before = 0) => {
      if (!visible) return
      const part = total > before ? Math.min(1, Math.max(0, (done - before) / (total - before))) : 1
      const all = total > 0 ? Math.min(1, done / total) : 1
      const seconds = (Date.now() - startedAt) / 1000
      const left = part > 0 ? (seconds * (1 - part)) / part : Infinity
      const bar = '█'.repeat(Math.round(all * width)).padEnd(width, '░')
      // To the end of the line: what stood there before may have been longer.
      write(`\r${bar} ${words}, ${duration(left)} left\u001b[K`)
      shown = true
    },
    wait: (words) => {
      if (!visible) return
      write(`\r${words}\u001b[K`)
      shown = true
    },
    clear: () => {
      if (shown) write('\r\u001b[K')
    },
    end: () => {
      if (shown) write('\n')
      shown = false
    },
  }
}

/** What is cast where, and how to end it: told before anything is asked. `schedule`: of who watches. */
export const beginning = (
  {
    DicomWeb__Endpoint = 'no DICOM service',
    Fhir__Endpoint = 'no FHIR service',
  }: Readonly<Record<string, string | undefined>>,
  schedule?: string,
): string =>
  `${schedule === undefined ? 'Casting' : `Watching, on schedule ${schedule}`}: ${DicomWeb__Endpoint} → ${Fhir__Endpoint}. ` +
  'Ctrl-C ends it after the batch in hand.'

/** A long catch-up. */
export const progressLine = (visible: boolean, write?: (text: string) => void) => {
  const bar = progressBar(visible, write)
  const startedAt = Date.now()
  let first: number | undefined
  // Reading a page and what FHIR holds of it takes a while: nobody should sit before an empty line.
  const waiting = setInterval(
    () => bar.wait(`waiting for the first batch: ${duration((Date.now() - startedAt) / 1000)}`),
    1_000,
  )
  waiting.unref()
  return {
    show: ({ syncedSequence, head, entries }: Progress): void => {
      clearInterval(waiting)
      first ??= Math.max(0, syncedSequence - entries)
      const seconds = (Date.now() - startedAt) / 1000
      const rate = seconds > 0 ? Math.round(entries / seconds) : 0
      bar.show(syncedSequence - first, head - first, `${syncedSequence} of ${head}, ${rate} entries/s`)
    },
    end: () => {
      clearInterval(waiting)
      bar.end()
    },
  }
}

/** Work that tells how many of its steps are done. */
export const stepsOn =
  (bar: ProgressBar, what: string) =>
  (done: number, total: number): void =>
    bar.show(done, total, `${done} of ${total} ${what}`)
