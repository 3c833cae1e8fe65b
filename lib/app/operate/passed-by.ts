import * as E from 'fp-ts/Either'
import type { Checkpoint } from '../../domain/checkpoint'
import type { Run } from '../context'
import { plural } from './words'

/** Entries that a checkpoint was moved over. */
export interface PassedBy {
  /** Sequence numbers; both ends belong to it. */
  readonly from: number
  readonly to: number
  /** At the most: numbers that never became rows count. */
  readonly entries: number
  /** `verify --since` this time finds their studies. None when the feed does not tell it. */
  readonly since?: string
}

// An entry takes its timestamp first and its number later, so a later number may have the earlier time.
const leadMs = 120_000

/** None when the checkpoint does not move forth. Where the feed cannot be asked, the number alone is told. */
export const passedBy = async (run: Run, from: Checkpoint, to: number): Promise<PassedBy | undefined> => {
  const { syncedSequence } = from
  if (to <= syncedSequence) return undefined
  const page = await run.ports.dicom.range(syncedSequence, Math.min(100, to - syncedSequence), false)()
  const times = E.isRight(page) ? page.right.elements.flatMap((element) => timeOf(run, element)) : []
  const earliest = Math.min(...times, ...(times.length === 0 ? timeAt(from.timestamp) : []))
  return {
    ...{ from: syncedSequence + 1, to, entries: to - syncedSequence },
    ...(Number.isFinite(earliest) ? { since: new Date(earliest - leadMs).toISOString() } : {}),
  }
}

const timeOf = (run: Run, element: unknown): ReadonlyArray<number> => {
  const decoded = run.judge.decode(element)
  return E.isRight(decoded) ? timeAt(decoded.right.timestamp) : []
}

const timeAt = (timestamp: string | undefined): ReadonlyArray<number> => {
  const time = Date.parse(timestamp ?? '')
  return Number.isNaN(time) ? [] : [time]
}

/** For the run history, and for whoever moved it. */
export const describePassedBy = ({ from, to, entries, since }: PassedBy): string =>
  `at most ${plural(entries, 'entry is', 'entries are')} passed by and never cast, sequence ${from} to ${to}; ` +
  `dicomcast verify ${since === undefined ? '--all' : `--since ${since}`} --repair finds them and casts their studies`
