import { createHash } from 'node:crypto'

/** So many different studies refused in a row, none stored between them: it is the server, not the studies. */
export const rejectsAllAfter = 20

/** A digest: the checkpoint row has to hold twenty of them. */
const digestOf = (study: string): string => createHash('sha256').update(study).digest('hex').slice(0, 12)

/**
 * Counts studies that FHIR refuses in a row, across runs. Rejections of the batch in hand are held back until the
 * next success, the end of the batch, or the twentieth.
 */
export interface Rejections {
  /** A study was stored: the server takes studies. */
  readonly stored: () => void
  /** True when the server rejects everything. */
  readonly reject: (rows: ReadonlyArray<{ readonly sequence: number; readonly study: string }>) => boolean
  /** Sequences that are held back. */
  readonly held: () => ReadonlyArray<number>
  readonly studies: () => ReadonlyArray<string>
}

export const countRejections = (earlier: ReadonlyArray<string>): Rejections => {
  const studies = new Set(earlier)
  let held: ReadonlyArray<number> = []
  return {
    stored: () => {
      studies.clear()
      held = []
    },
    reject: (rows) => {
      held = [...held, ...rows.map(({ sequence }) => sequence)]
      for (const { study } of rows) studies.add(digestOf(study))
      return studies.size >= rejectsAllAfter
    },
    held: () => held,
    studies: () => [...studies].slice(-rejectsAllAfter + 1),
  }
}
