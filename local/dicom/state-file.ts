import { readFile, rename, writeFile } from 'node:fs/promises'
import type { Action, Feed } from './feed'

interface SavedRow {
  readonly sequence: number
  readonly timestamp: string
  readonly action: Action
  readonly key: readonly [partition: string, study: string, series: string, sop: string]
  readonly metadata?: string
}

/** One line for the next sequence, one for each row: never all of a large feed in one string. */
function* lines(feed: Feed): Generator<string> {
  yield `${JSON.stringify({ next: feed.nextSequence() })}\n`
  for (const { sequence, timestamp, action, instance, metadata } of feed.rows()) {
    const { partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = instance
    const key = [partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid] as const
    const row: SavedRow = { sequence, timestamp, action, key, ...(metadata === undefined ? {} : { metadata }) }
    yield `${JSON.stringify(row)}\n`
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

export const loadFeed = async (file: string, feed: Feed): Promise<void> => {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return ''
    throw error
  })
  for (const line of text.split('\n').filter((part) => part !== '')) {
    const saved = JSON.parse(line) as SavedRow | { readonly next: number }
    if ('next' in saved) {
      feed.loadNext(saved.next)
      continue
    }
    const { key, ...row } = saved
    const [partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid] = key
    feed.load({ ...row, partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid })
  }
}

const saveDelayMs = 200

export interface Saver {
  /** The feed has changed: save it soon. */
  readonly touch: () => void
  /** Saves what is not saved yet. */
  readonly flush: () => Promise<void>
}

/** Saves in the background, one write at a time, each to a new file that then takes the place of the old one. */
export const createSaver = (file: string, feed: () => Feed): Saver => {
  let timer: NodeJS.Timeout | undefined
  let dirty = false
  let writing: Promise<void> = Promise.resolve()

  const save = async (): Promise<void> => {
    if (!dirty) return
    dirty = false
    try {
      await writeFile(`${file}.new`, lines(feed()), { mode: 0o600 })
      await rename(`${file}.new`, file)
    } catch (error) {
      dirty = true
      throw error
    }
  }
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const saved = writing.then(save)
    writing = saved.catch(() => {})
    return saved
  }
  return {
    touch: () => {
      dirty = true
      // What cannot be saved now is tried again after the next change, and at last by close, which reports it.
      timer ??= setTimeout(() => void flush().catch(() => {}), saveDelayMs)
    },
    flush,
  }
}
