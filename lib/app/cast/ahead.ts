import type * as E from 'fp-ts/Either'
import type { FhirResource } from 'fhir/r4'
import type { ServiceError } from '../../domain/cast-error'
import type { TransactionEntry } from '../../domain/fhir/bundle'
import type { FhirSearch } from '../ports'

// The first look-up of a batch, made while a transaction of the batch before is on its way. Docs/adr/0002 says why and
// when it may be believed.

/** What FHIR holds, by search. */
export type Found = E.Either<ServiceError, ReadonlyArray<ReadonlyArray<FhirResource>>>

export interface LookUp {
  readonly searches: ReadonlyArray<FhirSearch>
  readonly found: Found
}

export interface Ahead {
  /** None: it could not be made, or the two batches are not apart. */
  readonly lookUp: Promise<LookUp | undefined>
  /** References of what our transactions wrote since it was begun; of what they created, its type. */
  readonly written: Set<string>
}

const writtenBy = ({ creates, updates, deletes }: TransactionEntry): string | undefined =>
  updates ?? deletes ?? creates?.split(' ')[0]

/** Of Endpoints a look-up finds all: what is made beside such an entry, or was before it, is old. */
export const writesEndpoint = (entry: TransactionEntry): boolean => /^Endpoint(\/|$)/.test(writtenBy(entry) ?? '')

export const noteWritten = ({ written }: Ahead, entries: ReadonlyArray<TransactionEntry>): void => {
  for (const entry of entries) {
    const reference = writtenBy(entry)
    if (reference !== undefined) written.add(reference)
  }
}

/** Of what it found, something has been written since. */
const isOld = ({ found }: LookUp, written: ReadonlySet<string>): boolean =>
  found._tag === 'Right' && found.right.flat().some(({ resourceType, id }) => written.has(`${resourceType}/${id}`))

/** What it found, when it is what is asked for now, and still stands. */
export const foundAhead = async (
  { lookUp, written }: Ahead,
  searches: ReadonlyArray<FhirSearch>,
): Promise<Found | undefined> => {
  const made = await lookUp
  if (made === undefined || JSON.stringify(made.searches) !== JSON.stringify(searches)) return undefined
  return isOld(made, written) ? undefined : made.found
}
