import { createHash } from 'node:crypto'

/** So many different studies refused in a row, none stored between them: it is the server, not the studies. */
export const rejectsAllAfter = 20

/**
 * Studies that FHIR has refused in a row, across runs. Rejections of the batch in hand are held back until the next
 * success, the end of the batch, or the twentieth.
 */
export interface Rejections {
  /** Digests: the checkpoint row has to hold twenty of them. */
  readonly studies: ReadonlyArray<string>
  /** Sequences that are held back. */
  readonly held: ReadonlyArray<number>
}

const digestOf = (study: string): string => createHash('sha256').update(study).digest('hex').slice(0, 12)

export const rejectionsSince = (earlier: ReadonlyArray<string>): Rejections => ({ studies: earlier, held: [] })

/** A study was stored: the server takes studies. */
export const noRejections: Rejections = { studies: [], held: [] }

export const withRejected = (
  { studies, held }: Rejections,
  rows: ReadonlyArray<{ readonly sequence: number; readonly study: string }>,
): Rejections => ({
  studies: [...new Set([...studies, ...rows.map(({ study }) => digestOf(study))])],
  held: [...held, ...rows.map(({ sequence }) => sequence)],
})

/** The server rejects everything. */
export const rejectsAll = ({ studies }: Rejections): boolean => studies.length >= rejectsAllAfter

/** What the checkpoint keeps of them: one more must be able to be the twentieth. */
export const keptRejections = ({ studies }: Rejections): ReadonlyArray<string> => studies.slice(-rejectsAllAfter + 1)
