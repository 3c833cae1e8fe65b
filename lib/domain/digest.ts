import { createHash } from 'node:crypto'

/** SHA-256 of a list of texts, as 64 hexadecimal digits; a missing one counts as empty. */
export const digestOf = (parts: ReadonlyArray<string | undefined>): string =>
  createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? '')))
    .digest('hex')
