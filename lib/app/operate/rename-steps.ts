import * as E from 'fp-ts/Either'
import type { Endpoint, ImagingStudy } from 'fhir/r4'
import { type Renaming, renameEndpoints, renameStudies } from '../../domain/batch/rename'
import { findEndpoint } from '../../domain/batch/snapshot'
import { type ServiceError, describeEntryError } from '../../domain/cast-error'
import type { TransactionEntry } from '../../domain/fhir/bundle'
import { codeSystems } from '../../domain/fhir/code-systems'
import { identifierToken, studyIdentifier } from '../../domain/fhir/identifiers'
import type { FhirSession } from '../cast/fhir-session'
import { dicomEndpoints } from '../cast/load-snapshot'
import { byToken, ofType } from '../cast/snapshot-searches'
import { type Run, remainingMs, retrying } from '../context'
import type { OperatorPorts } from '../ports-operator'
import { type Operated, service } from './operating'

// Each of these may be repeated, and finds nothing left to do then.

type Planned = Promise<E.Either<ServiceError, ReadonlyArray<TransactionEntry>>>

export type Step = 'Done' | 'OutOfTime'

const attempts = 10

/** What is planned on the newest state, in transactions that carry the position, and are planned again when refused for it. */
export const sendPlanned = async (session: FhirSession, plan: () => Planned): Promise<Operated<Step>> => {
  let last: ServiceError | undefined
  for (let attempt = 1; attempt <= attempts; attempt++) {
    session.startBatch()
    const known = await session.readPosition()
    if (E.isLeft(known)) return service(known.left)
    const entries = await plan()
    if (E.isLeft(entries)) return service(entries.left)
    const at = session.reached()
    const sent = await session.send(entries.right, { from: at, to: at })
    switch (sent._tag) {
      case 'Committed':
        return E.right('Done')
      case 'OutOfTime':
        return E.right('OutOfTime')
      case 'Failed':
        return service(sent.error)
      case 'Rejected':
        return E.left({
          _tag: 'Refused',
          reason: `an Endpoint or a study cannot be re-pointed: ${describeEntryError(sent.error)}`,
        })
      case 'Reread':
        last = sent.error
    }
  }
  return service(last ?? { _tag: 'FhirConflict', status: 412 })
}

export const endpointsIn = async (run: Run): Promise<E.Either<ServiceError, ReadonlyArray<Endpoint>>> => {
  const found = await retrying(run, run.ports.fhir.search([dicomEndpoints]))
  return E.isLeft(found) ? found : E.right(ofType<Endpoint>('Endpoint', found.right.flat()))
}

/** Studies (UIDs) that refer to one of these Endpoints (ids); all of them, before the first is changed. */
export const studiesOf = async (
  run: Run,
  ports: OperatorPorts,
  endpoints: ReadonlyArray<string>,
): Promise<E.Either<ServiceError, ReadonlyArray<string>>> => {
  const uids = new Set<string>()
  let next: string | undefined
  do {
    const page = await retrying(run, ports.heldStudies.page(endpoints, next))
    if (E.isLeft(page)) return page
    for (const uid of page.right.studies) uids.add(uid)
    next = page.right.next
  } while (next !== undefined)
  return E.right([...uids])
}

export const planEndpoints = async (run: Run, renaming: Renaming): Planned =>
  E.map((endpoints: ReadonlyArray<Endpoint>) => renameEndpoints(renaming, endpoints).entries)(await endpointsIn(run))

/** Few enough that a transaction has room for them, though each has many images. */
const studiesAtOnce = 10

export interface Studies {
  readonly partition: string
  /** Ids of an administrator's Endpoints. */
  readonly theirs: ReadonlyArray<string>
  readonly uids: ReadonlyArray<string>
}

export interface Repointed {
  /** So many are done. */
  readonly done: (studies: number) => void
  /** FHIR does not take this one as it stands, whatever is changed in it. */
  readonly refused: (study: string) => void
}

/** Gives studies our Endpoint. One that FHIR refuses costs that study alone. */
export const repointStudies = async (
  run: Run,
  session: FhirSession,
  renaming: Renaming,
  { partition, theirs, uids }: Studies,
  told: Repointed,
): Promise<Operated<Step>> => {
  const endpoints = await endpointsIn(run)
  if (E.isLeft(endpoints)) return service(endpoints.left)
  const settings = { ...run.settings, dicom: renaming.to }
  const ours = findEndpoint({ endpoints: endpoints.right }, settings, partition)?.id
  if (ours === undefined) return service({ _tag: 'FhirConflict', status: 412 })
  const plan = async (chunk: ReadonlyArray<string>): Planned => {
    const tokens = chunk.map((uid) => identifierToken(codeSystems.dicomUid, studyIdentifier(uid).value ?? ''))
    const found = await retrying(run, run.ports.fhir.search(byToken('ImagingStudy', 'identifier', tokens, '100')))
    if (E.isLeft(found)) return found
    const studies = ofType<ImagingStudy>('ImagingStudy', found.right.flat())
    return E.right(renameStudies(renaming, studies, theirs, `Endpoint/${ours}`))
  }
  let [start, atOnce] = [0, studiesAtOnce]
  while (start < uids.length) {
    if (run.stopping() || remainingMs(run) <= 0) return E.right('OutOfTime')
    const chunk = uids.slice(start, start + atOnce)
    const sent = await sendPlanned(session, () => plan(chunk))
    const isRefused = E.isLeft(sent) && sent.left._tag === 'Refused'
    if (isRefused && chunk.length > 1) {
      atOnce = 1
      continue
    }
    if (isRefused) told.refused(chunk[0] ?? '')
    else if (E.isLeft(sent) || sent.right === 'OutOfTime') return sent
    told.done(chunk.length)
    start += chunk.length
    if (start % studiesAtOnce === 0) atOnce = studiesAtOnce
  }
  return E.right('Done')
}
