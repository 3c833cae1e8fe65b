import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Endpoint, FhirResource } from 'fhir/r4'
import type { Action, Event, ToPlan } from '../../domain/batch/delivery'
import { isEmptied } from '../../domain/batch/emptied'
import type { Mismatched } from '../../domain/batch/fold'
import type { LiveRow } from '../../domain/batch/judge'
import { planEndpoint } from '../../domain/batch/plan'
import { otherSpellings } from '../../domain/batch/spelling'
import type { Snapshot } from '../../domain/batch/snapshot'
import { withMismatched } from '../../domain/batch/witnesses'
import type { ServiceError } from '../../domain/cast-error'
import { type TransactionEntry, deleteEntry, updateEntry } from '../../domain/fhir/bundle'
import { isEndpointOf } from '../../domain/mapping/endpoint'
import { type Run, pauseBefore, retrying } from '../context'
import type { FhirSession } from './fhir-session'
import { dicomEndpoints } from './load-snapshot'
import { type Known, prepare } from './prepare'
import { ofType } from './snapshot-searches'

/** What the actions of one batch need besides what they say themselves. */
export interface Delivering {
  readonly run: Run
  readonly session: FhirSession
  /** For our position and the audit log. */
  readonly position: { readonly from: number; readonly to: number }
  /** Of the first row. */
  readonly partition: string
  /** Instances with a PatientMismatch on record, by study. */
  readonly mismatched: Mismatched
  /** All live instances of the studies, in a rebuild. */
  readonly rebuilt: ReadonlyArray<LiveRow> | undefined
}

/** Does what the delivery decided, and says what it came to. What it means is decided there (domain/batch/delivery). */
export const perform = (delivering: Delivering, action: Exclude<Action, { _tag: 'Finish' }>): Promise<Event> => {
  switch (action._tag) {
    case 'Plan':
      return planRows(delivering, action.input)
    case 'Send':
      return send(delivering, action.entries)
    case 'Wait':
      return wait(delivering, action)
    case 'ReadEmptied':
      return readEmptied(delivering, action.reference)
  }
}

const planRows = async (delivering: Delivering, { rows, strays, ...known }: ToPlan): Promise<Event> => {
  const { run, session, rebuilt } = delivering
  const mismatched = withMismatched(delivering.mismatched, strays)
  const makeKnown = async (): Promise<E.Either<ServiceError, Known>> => {
    // Our position is read before every snapshot: a transaction that was built on an older one must fail.
    const read = await session.beginPosition()
    return E.isLeft(read)
      ? read
      : E.right({
          ...{ ...known, mismatched, reached: session.reached(), created: session.created() },
          ...(rebuilt === undefined ? {} : { rebuilt }),
        })
  }
  const prepared = await prepare(run, rows, makeKnown, session.foundAhead)
  const open = await session.mayWrite()
  if (E.isLeft(open)) return { _tag: 'NotPlanned', error: open.left }
  if (E.isLeft(prepared)) return { _tag: 'NotPlanned', error: prepared.left }
  const { plan, snapshot, isRowsAlone } = prepared.right
  if (!isRowsAlone) session.standAlone()
  return { _tag: 'Planned', plan, endpoint: endpointFor(run, rows, snapshot), isRowsAlone }
}

/** An Endpoint that is not as it should be. */
const endpointFor = (
  { settings }: Run,
  rows: ReadonlyArray<LiveRow>,
  snapshot: Snapshot,
): TransactionEntry | undefined => {
  const partitions = new Set(rows.flatMap((row) => (row._tag === 'Upsert' ? [row.key.partition] : [])))
  const others = otherSpellings(settings.dicom, snapshot.endpoints, rows)
  for (const partition of partitions) {
    if (others.has(partition)) continue
    const entry = planEndpoint(settings, snapshot, partition)
    if (entry !== undefined) return entry
  }
  return undefined
}

const send = async (delivering: Delivering, entries: ReadonlyArray<TransactionEntry>): Promise<Event> => {
  const { run, session, position } = delivering
  const ready = entries.length === 0 ? await nothingElse(delivering) : E.right(entries)
  const sent = E.isLeft(ready)
    ? ({ _tag: 'Failed', error: ready.left, attempts: 1 } as const)
    : await session.send(ready.right, position)
  return { _tag: 'Sent', sent, now: run.ports.clock.now() }
}

/** What shows that the server takes a write: our position moves; where it keeps none, our Endpoint is written as it stands. */
const nothingElse = async (
  delivering: Delivering,
): Promise<E.Either<ServiceError, ReadonlyArray<TransactionEntry>>> => {
  const { session } = delivering
  const known = await session.readPosition()
  if (E.isLeft(known)) return known
  return session.hasPosition ? E.right([]) : ourEndpoint(delivering)
}

const noEndpoint: ServiceError = {
  ...{ _tag: 'ServiceUnavailable', hop: 'fhir' },
  reason: 'it offers no Basic and has no Endpoint of ours: there is nothing to compare a failure with',
}

const ourEndpoint = async ({
  run,
  partition,
}: Delivering): Promise<E.Either<ServiceError, ReadonlyArray<TransactionEntry>>> => {
  const { dicom, fhirBase } = run.settings
  const found = await retrying(run, run.ports.fhir.search([dicomEndpoints]))
  if (E.isLeft(found)) return found
  const own = ofType<Endpoint>('Endpoint', found.right.flat()).find(isEndpointOf(dicom, partition))
  return own === undefined ? E.left(noEndpoint) : E.right([updateEntry(fhirBase, own, own.meta?.versionId)])
}

const wait = async ({ run }: Delivering, { error, attempt }: Extract<Action, { _tag: 'Wait' }>): Promise<Event> => {
  const held = run.lease.check()
  if (E.isLeft(held)) return { _tag: 'Halted', stop: held.left }
  const goOn = error._tag === 'FhirConflict' || (await pauseBefore(run, attempt, error))
  return { _tag: 'Waited', goOn, now: run.ports.clock.now() }
}

/** Read right before: a delete minds no If-Match on most servers. Whatever somebody has filled since stays. */
const readEmptied = async ({ run, session }: Delivering, reference: string): Promise<Event> => {
  const known = await session.readPosition()
  if (E.isLeft(known)) return { _tag: 'Halted', stop: known.left }
  const [type = '', id = ''] = reference.split('/')
  const read = await retrying(run, run.ports.fhir.read(type, id))
  if (E.isLeft(read)) return { _tag: 'Halted', stop: read.left }
  const deletion = O.isSome(read.right) && isEmptied(read.right.value) ? deletionOf(run, read.right.value) : undefined
  return { _tag: 'EmptiedRead', deletion }
}

const deletionOf = ({ settings }: Run, resource: FhirResource): TransactionEntry =>
  deleteEntry(settings.fhirBase, resource)
