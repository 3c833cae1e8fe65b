import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Backfill } from '../../domain/backfill/backfill'
import { type ListedStudy, chunksOfGiven } from '../../domain/backfill/parts'
import type { ServiceError } from '../../domain/cast-error'
import { isSamePartition } from '../../domain/dicom/partition'
import { type Run, retrying } from '../context'
import { partitionsOf } from '../operate/choose-studies'
import { type Operated, service } from '../operate/operating'
import type { StudyKey } from '../operate/resync'
import type { BackfillPorts, Stored } from '../ports-backfill-store'
import { countNamed, enterNamed, foreseenOf, newTally } from './enter-named'
import { walked } from './left-over'
import { type Foreseen, type Listing, listedAll } from './list-studies'
import { writeBackfill } from './rows'
import { unlistedOf } from './unlisted'
import { findParts } from './write-parts'

// A backfill of studies that somebody has named: their list is kept, and takes the place of the archive's.

type Result<A> = Promise<E.Either<ServiceError, A>>

/** As the service spells their partitions. One that it does not know would be a backfill of nothing. */
export const spelledGiven = async (
  run: Run,
  ports: BackfillPorts,
  studies: ReadonlyArray<StudyKey>,
): Promise<Operated<ReadonlyArray<StudyKey>>> => {
  const known = await partitionsOf(run, ports)
  if (E.isLeft(known)) return service(known.left)
  const spelled: Array<StudyKey> = []
  for (const { partition, studyInstanceUid } of studies) {
    const name = known.right.find((each) => isSamePartition(each, partition))
    if (name === undefined) {
      const reason = `the DICOM service has no partition ${partition}, or DicomCast__Partitions does not name it`
      return E.left({ _tag: 'Refused', reason })
    }
    spelled.push({ partition: name, studyInstanceUid })
  }
  return E.right(spelled)
}

/** Before the row of the whole: one that dies meanwhile leaves rows that nobody reads. */
export const keepGiven = async (
  run: Run,
  { backfills }: BackfillPorts,
  id: string,
  studies: ReadonlyArray<StudyKey>,
): Result<NonNullable<Backfill['scope']['given']>> => {
  const chunks = chunksOfGiven(studies)
  for (const [at, chunk] of chunks.entries()) {
    const written = await retrying(run, backfills.writeGiven(id, at, chunk))
    if (E.isLeft(written)) return written
  }
  const count = chunks.reduce((sum, chunk) => sum + chunk.studies.length, 0)
  return E.right({ chunks: chunks.length, studies: count })
}

/** One chunk of the list, under the lease. What the archive has not is looked after when all is listed. */
export const listGiven = async (listing: Listing, stored: Stored<Backfill>): Result<Stored<Backfill>> => {
  const { run, ports } = listing
  const { cursor = { partitions: [], at: 0, offset: 0 } } = stored
  const chunk = await retrying(run, ports.backfills.given(stored.id, cursor.at))
  if (E.isLeft(chunk)) return chunk
  if (O.isNone(chunk.right)) return listedAll(listing, stored, { cursor })
  const { partition, studies } = chunk.right.value
  const gathering = {
    ...{ run, ports, backfill: stored, partition, waiting: new Map<number, ReadonlyArray<ListedStudy>>() },
    ...{ parts: [...stored.parts], listed: { ...stored.listed } },
  }
  const there = await findParts(gathering)
  if (E.isLeft(there)) return there
  const entered = await enterNamed(listing, gathering, studies)
  if (E.isLeft(entered)) return entered
  if (!entered.right) return E.right(stored)
  const after = { ...cursor, at: cursor.at + 1 }
  return writeBackfill(run, ports, stored, {
    ...{ ...stored, cursor: after, parts: gathering.parts, listed: gathering.listed },
  })
}

/**
 * What of the list the archive did not have is gone, as it seems: whoever is alone looks twice. To name a study is not to
 * say that it may leave FHIR: they are counted first, and of too many none goes.
 */
export const walkGiven = async ({ run, ports }: Listing, stored: Stored<Backfill>): Result<Stored<Backfill>> => {
  const { walk = { at: 0 } } = stored
  const chunk = await retrying(run, ports.backfills.given(stored.id, walk.at))
  if (E.isLeft(chunk)) return chunk
  if (O.isNone(chunk.right)) return walked(run, ports, stored)
  const { partition, studies } = chunk.right.value
  const unknown = await unlistedOf(run, ports, stored.id, partition, studies)
  if (E.isLeft(unknown)) return unknown
  const keys = unknown.right.map((studyInstanceUid) => ({ partition, studyInstanceUid }))
  const isLeftOver = walk.isCounted === true && keys.length > 0
  const left = isLeftOver ? await retrying(run, ports.backfills.leaveOver(stored.id, keys)) : E.right(undefined)
  if (E.isLeft(left)) return left
  const unlisted = (walk.unlisted ?? 0) + keys.length
  return writeBackfill(run, ports, stored, { ...stored, walk: { ...walk, at: walk.at + 1, unlisted } })
}

/** What a backfill of these would be about; nothing is written. */
export const foreseeGiven = async (
  run: Run,
  ports: BackfillPorts,
  given: ReadonlyArray<StudyKey>,
): Result<Foreseen> => {
  const tally = newTally()
  for (const { partition, studies } of chunksOfGiven(given)) {
    const isCounted = await countNamed(run, ports, tally, partition, studies)
    if (E.isLeft(isCounted)) return isCounted
    if (!isCounted.right) return E.right(foreseenOf(tally, false))
  }
  return E.right(foreseenOf(tally, true))
}
