import * as E from 'fp-ts/Either'
import type { Endpoint } from 'fhir/r4'
import type { ServiceError } from '../../domain/cast-error'
import type { InstanceKey } from '../../domain/dicom/change-feed-entry'
import { isEndpointOf } from '../../domain/mapping/endpoint'
import { dicomEndpoints } from '../cast/load-snapshot'
import { ofType } from '../cast/snapshot-searches'
import { type Run, retrying } from '../context'
import type { OperatorPorts } from '../ports-operator'

type Result<A> = Promise<E.Either<ServiceError, A>>
type StudyKey = Pick<InstanceKey, 'partition' | 'studyInstanceUid'>

/** Ids of the Endpoints of a partition. */
export const endpointsOf = async (run: Run, partition: string): Result<ReadonlyArray<string>> => {
  const found = await retrying(run, run.ports.fhir.search([dicomEndpoints]))
  if (E.isLeft(found)) return found
  const own = ofType<Endpoint>('Endpoint', found.right.flat()).filter(isEndpointOf(run.settings.dicom, partition))
  return E.right(own.flatMap(({ id }) => id ?? []))
}

/** Studies that FHIR holds and the list of the DICOM service did not give. */
export interface Unlisted {
  /** The service has them: its list, which has no count to be checked against (QIDO-RS), was read past them. */
  readonly missed: ReadonlyArray<StudyKey>
  readonly alone: ReadonlyArray<StudyKey>
}

/** Pages in a row that bring nothing new: a study may come twice while others are written, but not all of them. */
const mostKnownPages = 100

const endless: ServiceError = {
  ...{ _tag: 'ServiceUnavailable', hop: 'fhir', reason: 'its list of ImagingStudies does not end' },
}

/** What FHIR holds. All of it is read before the first is used: what is removed meanwhile would shift the pages. */
export const heldIn = async (run: Run, ports: OperatorPorts, partition: string): Result<ReadonlySet<string>> => {
  const held = new Set<string>()
  const endpoints = await endpointsOf(run, partition)
  if (E.isLeft(endpoints) || endpoints.right.length === 0) return E.map(() => held)(endpoints)
  let next: string | undefined
  let known = 0
  do {
    const before = held.size
    const page = await retrying(run, ports.heldStudies.page(endpoints.right, next))
    if (E.isLeft(page)) return page
    for (const uid of page.right.studies) held.add(uid)
    next = page.right.next
    known = held.size > before ? 0 : known + 1
    if (known > mostKnownPages) return E.left(endless)
  } while (next !== undefined)
  return E.right(held)
}

export const unlistedIn = async (
  run: Run,
  ports: OperatorPorts,
  partition: string,
  listed: ReadonlySet<string>,
): Result<Unlisted> => {
  const held = await heldIn(run, ports, partition)
  if (E.isLeft(held)) return held
  const [missed, alone]: [Array<StudyKey>, Array<StudyKey>] = [[], []]
  for (const studyInstanceUid of held.right) {
    if (listed.has(studyInstanceUid)) continue
    const has = await retrying(run, ports.studyIndex.has(partition, studyInstanceUid))
    if (E.isLeft(has)) return has
    ;(has.right ? missed : alone).push({ partition, studyInstanceUid })
  }
  return E.right({ missed, alone })
}

/** The study that was last found in the archive, by partition. */
export type Witnesses = Map<string, string>

const mostAsked = 10

const hidden: ServiceError = {
  ...{ _tag: 'ServiceUnavailable', hop: 'dicom' },
  reason: 'its list has the study, and its metadata is not to be found: nothing is taken for gone',
}

const notThere = (asked: number): ServiceError => ({
  ...{ _tag: 'ServiceUnavailable', hop: 'dicom' },
  reason:
    `it has neither this study nor any of ${asked} others that FHIR holds: is it the right archive, and whole? ` +
    'Nothing is taken for gone',
})

/**
 * "No such study" is believed only when the list of studies says the same, and another study that FHIR holds is
 * found by the same route: an archive that is empty, or another one, has none of them. Where FHIR holds no other there is
 * nothing to compare with.
 */
export const believeStudyGone = async (
  run: Run,
  ports: OperatorPorts,
  { partition, studyInstanceUid }: StudyKey,
  witnesses: Witnesses,
): Result<void> => {
  const listed = await retrying(run, ports.studyIndex.has(partition, studyInstanceUid))
  if (E.isLeft(listed)) return listed
  if (listed.right) return E.left(hidden)
  const known = witnesses.get(partition)
  const first = known === undefined || known === studyInstanceUid ? [] : [known]
  const others = await someHeld(run, ports, partition)
  if (E.isLeft(others)) return others
  const asked = [...new Set([...first, ...others.right])].filter((uid) => uid !== studyInstanceUid).slice(0, mostAsked)
  if (asked.length === 0) return E.right(undefined)
  let forbidden: E.Either<ServiceError, never> | undefined
  for (const uid of asked) {
    const read = await retrying(run, run.ports.dicom.study(partition, uid))
    if (E.isLeft(read) && read.left._tag !== 'AccessDenied') return read
    // Of another study that says nothing about this one.
    if (E.isLeft(read)) forbidden = read
    else if (read.right.length > 0) {
      witnesses.set(partition, uid)
      return E.right(undefined)
    }
  }
  return forbidden ?? E.left(notThere(asked.length))
}

/** Of the first page, so many as are asked for, spread over it. */
const someHeld = async (run: Run, ports: OperatorPorts, partition: string): Result<ReadonlyArray<string>> => {
  const endpoints = await endpointsOf(run, partition)
  if (E.isLeft(endpoints) || endpoints.right.length === 0) return E.map(() => [])(endpoints)
  const page = await retrying(run, ports.heldStudies.page(endpoints.right, undefined))
  if (E.isLeft(page)) return page
  const { studies } = page.right
  const step = Math.max(1, Math.floor(studies.length / (mostAsked + 1)))
  return E.right(studies.filter((_, index) => index % step === 0))
}
