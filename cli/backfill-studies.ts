import { readFileSync, statSync } from 'node:fs'
import { parseStudyLines } from '../lib/requests/backfill'
import type { Parsed } from '../lib/requests/codecs'

/** A hundred thousand of the longest lines are less. */
const mostBytes = 16 * 1024 * 1024

/** The studies of --studies-file, as they are written there. */
export const readStudies = (file: string): Parsed<ReadonlyArray<string>> => {
  try {
    if (statSync(file).size > mostBytes) return { _tag: 'Left', left: ['studies: the file has more than 16 MB'] }
    return parseStudyLines(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown reason'
    return { _tag: 'Left', left: [`studies: the file cannot be read: ${reason}`] }
  }
}
