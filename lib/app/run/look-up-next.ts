import { areApart } from '../../domain/batch/apart'
import { coalesce } from '../../domain/batch/coalesce'
import type { Judgement, LiveRow } from '../../domain/batch/judge'
import { type NoteRow, type RejectedInstances, heedRejection, noteRowsIn, withNotes } from '../../domain/batch/rejected'
import type { Ahead } from '../cast/ahead'
import { firstSearches } from '../cast/load-snapshot'
import type { Run } from '../context'
import type { Reading } from '../feed/read-feed'

export const liveOf = (judged: ReadonlyArray<Judgement>): ReadonlyArray<LiveRow> =>
  judged.flatMap((each) => {
    if (each._tag === 'Live') return [each.row]
    return each._tag === 'Superseded' && each.probe !== undefined ? [each.probe] : []
  })

interface Heeded {
  readonly before: RejectedInstances
  readonly notes: ReadonlyArray<NoteRow & { readonly sequence: number }>
  /** With what the notes among them say. */
  readonly rejected: RejectedInstances
  readonly heeded: ReadonlyArray<LiveRow>
}

/** The rows of a batch, heeding rejection notes: those that are known, those that have `moved`, and their own. */
export const heedRows = (run: Run, rows: ReadonlyArray<LiveRow>, moved: Heeded['notes'] = []): Heeded => {
  const before = run.rejected ?? new Map()
  const notes = [...moved, ...noteRowsIn(rows, before)]
  const rejected = withNotes(before, notes, run.settings.hidesRejectedForQuality)
  const heeded = rejected.size === 0 ? rows : rows.map((row) => heedRejection(rejected, row))
  return { before, notes, rejected, heeded }
}

/**
 * Looks up what FHIR holds of the batch behind these rows, as it was read ahead, when the two are apart. Nobody waits for
 * it before it is wanted.
 */
export const lookUpNext =
  (run: Run, reading: Reading, rows: ReadonlyArray<LiveRow>): (() => Ahead['lookUp']) =>
  () => {
    const [behind] = reading.ahead
    const lookUp = async (): ReturnType<typeof made> => made(run, await behind, rows)
    const begun = lookUp()
    const { onTheirWay } = reading
    const come = (): void => void onTheirWay.delete(begun)
    onTheirWay.add(begun)
    begun.then(come, come)
    return begun
  }

const made = async (
  run: Run,
  forward: Awaited<Reading['ahead'][number]>,
  rows: ReadonlyArray<LiveRow>,
): Ahead['lookUp'] => {
  if (forward === undefined || run.stopping()) return undefined
  const { heeded } = heedRows(run, liveOf(forward.found.map(({ judgement }) => judgement)))
  const { live } = coalesce(heeded)
  if (live.length === 0 || !areApart(rows, live)) return undefined
  const searches = firstSearches(run, live, [])
  return { searches, found: await run.ports.fhir.search(searches)() }
}
