import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ListedStudy } from '../../domain/backfill/parts'
import type { ServiceError } from '../../domain/cast-error'
import { type Run, remainingMs, retrying } from '../context'
import type { BackfillPorts } from '../ports-backfill-store'
import { type Foreseen, type Listing, bearEndpoint } from './list-studies'
import { type Gathering, gather, writeParts } from './write-parts'

// Studies that are known by name, somebody's list or the feed's: the archive is asked for each.

type Result<A> = Promise<E.Either<ServiceError, A>>

/** Questions that the DICOM service has at once. */
const findsAtOnce = 8

/** Each study as the archive lists it. None: the time is used up. */
const findStudies = async (
  run: Run,
  { studyList }: Pick<BackfillPorts, 'studyList'>,
  partition: string,
  studies: ReadonlyArray<string>,
): Result<ReadonlyArray<O.Option<ListedStudy>> | undefined> => {
  const all: Array<O.Option<ListedStudy>> = []
  for (let at = 0; at < studies.length; at += findsAtOnce) {
    if (run.stopping() || remainingMs(run) <= 0) return E.right(undefined)
    const some = studies.slice(at, at + findsAtOnce)
    for (const found of await Promise.all(some.map((uid) => retrying(run, studyList.find(partition, uid))))) {
      if (E.isLeft(found)) return found
      all.push(found.right)
    }
  }
  return E.right(all)
}

/** Those that the archive has, into parts. False: the time is used up, and they are to be named again. */
export const enterNamed = async (
  listing: Listing,
  gathering: Gathering,
  studies: ReadonlyArray<string>,
): Result<boolean> => {
  const { run, ports } = listing
  const found = await findStudies(run, ports, gathering.partition, studies)
  if (E.isLeft(found)) return found
  if (found.right === undefined) return E.right(false)
  const listed = found.right.flatMap((each) => (O.isSome(each) ? [each.value] : []))
  const born = await bearEndpoint(listing, gathering.partition, listed[0])
  if (E.isLeft(born)) return born
  gather(gathering, listed)
  return E.map(() => true)(await writeParts(gathering, true))
}

/** What a backfill of studies that are named would be about. */
export interface Tally {
  readonly partitions: Map<string, { partition: string; studies: number; images: number }>
  missing: number
}

export const newTally = (): Tally => ({ partitions: new Map(), missing: 0 })

export const foreseenOf = ({ partitions, missing }: Tally, whole: boolean): Foreseen => ({
  ...{ partitions: [...partitions.values()], missing, whole },
})

/** Nothing is written. False: the time is used up. */
export const countNamed = async (
  run: Run,
  ports: BackfillPorts,
  tally: Tally,
  partition: string,
  studies: ReadonlyArray<string>,
): Result<boolean> => {
  const found = await findStudies(run, ports, partition, studies)
  if (E.isLeft(found)) return found
  if (found.right === undefined) return E.right(false)
  const counts = tally.partitions.get(partition) ?? { partition, studies: 0, images: 0 }
  tally.partitions.set(partition, counts)
  for (const each of found.right) {
    if (O.isNone(each)) tally.missing += 1
    else [counts.studies, counts.images] = [counts.studies + 1, counts.images + each.value.instances]
  }
  return E.right(true)
}
