import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { EntryError, ServiceError } from '../../domain/cast-error'
import { type TransactionEntry, asIfMatch, transactionText, updateEntry } from '../../domain/fhir/bundle'
import { positionId, positionResource, positionSequence } from '../../domain/fhir/position'
import { gateOpen } from '../gate-open'
import { type Run, pauseBefore, remainingMs, retrying } from '../context'

export type Sent =
  /** `found`: entries that were to be created and were there: theirs was not written. */
  | { readonly _tag: 'Committed'; readonly found: ReadonlySet<TransactionEntry> }
  | { readonly _tag: 'Rejected'; readonly error: EntryError }
  /** Read again, merge again: another writer was there, or our own answer was lost. */
  | { readonly _tag: 'Reread'; readonly error: ServiceError }
  /** `attempts`: one is not enough to blame anybody. */
  | { readonly _tag: 'Failed'; readonly error: ServiceError; readonly attempts: number }
  | { readonly _tag: 'OutOfTime' }

/**
 * Our transactions of one run. Each carries our position in FHIR with If-Match: one that was built on an old snapshot
 * fails as a whole, whoever sent it.
 */
export interface FhirSession {
  /** Makes sure that our position is known; before every snapshot. */
  readonly readPosition: () => Promise<E.Either<ServiceError, void>>
  /** The version our last transaction left or met; none while unknown. */
  readonly version: () => string | undefined
  /** The highest sequence that an earlier run's last transaction held. */
  readonly reached: () => number
  /** True when a transaction was committed since the batch began, and since the last lost answer. */
  readonly moved: () => boolean
  /** `before`: nothing is sent until that came about. */
  readonly startBatch: (before?: Promise<E.Either<ServiceError, void>>) => void
  readonly send: (
    entries: ReadonlyArray<TransactionEntry>,
    sequences: { readonly from: number; readonly to: number },
  ) => Promise<Sent>
}

const unusable = (reason: string): E.Either<ServiceError, never> =>
  E.left({ _tag: 'ServiceUnavailable', hop: 'fhir', reason })

const noVersions =
  'it tells no versions (neither ETag nor meta.versionId): an update could not be guarded against another writer'

export const openSession = (run: Run, offersBasic: boolean): FhirSession => {
  const { ports, settings, runId } = run
  const { fhir, random } = ports
  const { root } = settings.dicom
  const id = positionId(root)
  let version: string | undefined
  let reached: number | undefined
  let moved = false
  /** The gate was open after this version was read. */
  let passed = false
  let before: Promise<E.Either<ServiceError, void>> | undefined

  const readVersion = async (): Promise<E.Either<ServiceError, string | undefined>> => {
    const read = await retrying(run, fhir.read('Basic', id))
    if (E.isLeft(read)) return read
    if (O.isNone(read.right)) return E.right(undefined)
    reached ??= positionSequence(read.right.value) ?? 0
    const versionId = read.right.value.meta?.versionId
    return versionId === undefined ? unusable(noVersions) : E.right(versionId)
  }

  /** After the version, each time it is read, and once a batch: who closes the gate moves the position then. */
  const readPosition = async (): Promise<E.Either<ServiceError, void>> => {
    const known = await knowVersion()
    if (E.isLeft(known) || passed) return known
    const open = await gateOpen(run)
    passed = E.isRight(open)
    if (E.isLeft(open)) version = undefined
    return open
  }

  const knowVersion = async (): Promise<E.Either<ServiceError, void>> => {
    if (!offersBasic || version !== undefined) return E.right(undefined)
    passed = false
    const first = await readVersion()
    if (E.isLeft(first)) return first
    if (first.right === undefined) {
      const held = run.lease.check()
      if (E.isLeft(held)) return held
      // Born with constant content: two runs that meet here write the same.
      const born = await retrying(run, fhir.put('Basic', id, JSON.stringify(positionResource({ root }))))
      if (E.isLeft(born) && born.left._tag !== 'FhirConflict') return born
    }
    const read = first.right === undefined ? await readVersion() : first
    if (E.isLeft(read)) return read
    if (read.right === undefined) {
      return unusable('our position (a Basic resource) cannot be read back after it was written')
    }
    // Another run may have worked while we slept: what we read of the feed is old then, and must not be written. From
    // here on it would have to move the position.
    const held = await retrying(run, run.lease.confirm())
    if (E.isLeft(held)) return held
    version = asIfMatch(read.right)
    return E.right(undefined)
  }

  return {
    readPosition,
    version: () => version,
    reached: () => reached ?? 0,
    moved: () => moved || !offersBasic,
    startBatch: (first) => {
      moved = false
      passed = false
      before = first
    },
    send: async (entries, { from, to }) => {
      const resource = positionResource({ root, run: runId, sequence: to, transaction: random.uuid() })
      const position = offersBasic ? [updateEntry(settings.fhirBase, resource, version)] : []
      const all = [...position, ...entries]
      const body = transactionText(all)
      if (all.length === 0) return { _tag: 'Committed', found: new Set() }
      const ready = await before
      if (ready !== undefined && E.isLeft(ready)) return { _tag: 'Failed', error: ready.left, attempts: 1 }
      for (let attempt = 1; ; attempt++) {
        if (remainingMs(run) <= 0) return { _tag: 'OutOfTime' }
        const held = run.lease.check()
        if (E.isLeft(held)) return { _tag: 'Failed', error: held.left, attempts: attempt }
        const result = await fhir.transact(body, all.length, `${from}-${to}`)()
        if (E.isRight(result)) {
          if (result.right._tag === 'Rejected') return result.right
          const answers = result.right.entries
          version = offersBasic ? answers[0]?.etag : undefined
          moved = true
          run.trouble = undefined
          const found = entries.filter(
            (entry, index) => entry.creates && answers[index + position.length]?.status !== 201,
          )
          return { _tag: 'Committed', found: new Set(found) }
        }
        const { left: error } = result
        if (error._tag === 'FhirConflict') {
          version = undefined
          return { _tag: 'Reread', error }
        }
        if (error._tag !== 'ServiceUnavailable') return { _tag: 'Failed', error, attempts: attempt }
        if (error.answerLost === true) {
          // It may have been carried out, or be at work still: what follows must read and move the position.
          version = undefined
          moved = false
          return { _tag: 'Reread', error }
        }
        if (!(await pauseBefore(run, attempt, error))) return { _tag: 'Failed', error, attempts: attempt }
      }
    },
  }
}
