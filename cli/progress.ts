import type { Progress } from '../lib/composition'

const width = 24

const duration = (seconds: number): string => {
  if (!Number.isFinite(seconds)) return '–'
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)]
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min` : `${Math.ceil(seconds)} s`
}

/** A bar for a person who watches a long catch-up; silent where nobody does. */
export const progressLine = (visible: boolean) => {
  const startedAt = Date.now()
  let first: number | undefined
  let shown = false
  return {
    show: ({ syncedSequence, head, entries }: Progress): void => {
      first ??= Math.max(0, syncedSequence - entries)
      if (!visible) return
      const seconds = (Date.now() - startedAt) / 1000
      const done = head === first ? 1 : (syncedSequence - first) / (head - first)
      const bar = '█'.repeat(Math.round(done * width)).padEnd(width, '░')
      const left = done > 0 ? (seconds * (1 - done)) / done : Infinity
      const rate = seconds > 0 ? Math.round(entries / seconds) : 0
      process.stderr.write(`\r${bar} ${syncedSequence} of ${head}, ${rate} entries/s, ${duration(left)} left   `)
      shown = true
    },
    end: (): void => {
      if (shown) process.stderr.write('\n')
    },
  }
}
