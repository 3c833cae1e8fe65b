import * as E from 'fp-ts/Either'
import type { ImagingStudy, Patient } from 'fhir/r4'
import { referencedId } from '../../domain/batch/snapshot'
import { finishPatient } from '../../domain/batch/take-over'
import type { ServiceError } from '../../domain/cast-error'
import { type TransactionEntry, updateEntry } from '../../domain/fhir/bundle'
import { codeSystems } from '../../domain/fhir/code-systems'
import { hasIdentifier, identifierToken, studyIdentifier } from '../../domain/fhir/identifiers'
import { isOfService } from '../../domain/fhir/provenance'
import type { FhirSession } from '../cast/fhir-session'
import { byToken, ofType } from '../cast/snapshot-searches'
import { type Run, remainingMs, retrying } from '../context'
import { type Operated, service } from './operating'
import { type Step, sendPlanned } from './rename-steps'

// Each of these may be repeated, and finds nothing left to do then.

/** A Patient that stays as it is, and why. */
export interface PatientLeft {
  readonly patient: string
  readonly reason: 'issuer not mapped' | 'another Patient has the identifier' | 'refused by FHIR'
}

export interface PatientsSeen {
  /** Ids. */
  readonly seen: Set<string>
  readonly left: Array<PatientLeft>
  patients: number
}

interface Plan {
  readonly entries: ReadonlyArray<{ readonly id: string; readonly entry: TransactionEntry }>
  readonly left: ReadonlyArray<PatientLeft>
}

type Result<A> = Promise<E.Either<ServiceError, A>>

/** Subjects (ids) of these studies, as far as they are the service's own. */
export const subjectsOf = async (run: Run, uids: ReadonlyArray<string>): Result<ReadonlyArray<string>> => {
  const tokens = uids.map((uid) => identifierToken(codeSystems.dicomUid, studyIdentifier(uid).value ?? ''))
  const searches = byToken('ImagingStudy', 'identifier', tokens, '100').map(({ type, parameters }) => ({
    type,
    parameters: [...parameters, ['_elements', 'subject,meta'] as const],
  }))
  const found = await retrying(run, run.ports.fhir.search(searches))
  if (E.isLeft(found)) return found
  const { dicom, fhirBase } = run.settings
  return E.right(
    ofType<ImagingStudy>('ImagingStudy', found.right.flat())
      .filter(({ meta }) => isOfService(meta, dicom))
      .flatMap(({ subject }) => referencedId(fhirBase, 'Patient', subject) ?? []),
  )
}

export const planPatients = async (run: Run, ids: ReadonlyArray<string>): Result<Plan> => {
  const found = await retrying(run, run.ports.fhir.search(byToken('Patient', '_id', ids, '500')))
  if (E.isLeft(found)) return found
  const planned = ofType<Patient>('Patient', found.right.flat()).map((patient) => ({
    ...{ id: patient.id ?? '', patient },
    ...finishPatient(run.settings, patient),
  }))
  const tokens = planned.flatMap((each) => each.tokens)
  const others = await retrying(run, run.ports.fhir.search(byToken('Patient', 'identifier', tokens, '500')))
  if (E.isLeft(others)) return others
  const known = ofType<Patient>('Patient', others.right.flat())
  const isTaken = ({ id, next, tokens: made }: (typeof planned)[number]): boolean =>
    made.length > 0 &&
    known.some(
      (each) =>
        each.id !== id &&
        (next?.identifier ?? []).some(
          ({ system, value = '' }) =>
            made.includes(identifierToken(system, value)) && hasIdentifier(each, system, value),
        ),
    )
  const taken = planned.filter(isTaken)
  return E.right({
    entries: planned.flatMap((each) =>
      each.next === undefined || taken.includes(each)
        ? []
        : [{ id: each.id, entry: updateEntry(run.settings.fhirBase, each.next, each.patient.meta?.versionId) }],
    ),
    left: [
      ...taken.map(({ id }): PatientLeft => ({ patient: id, reason: 'another Patient has the identifier' })),
      ...planned.flatMap(({ id, isUnmapped }): ReadonlyArray<PatientLeft> =>
        isUnmapped ? [{ patient: id, reason: 'issuer not mapped' }] : [],
      ),
    ],
  })
}

/** Gives the subjects of these studies today's identifiers. One that FHIR refuses costs that one alone. */
export const finishSubjects = async (
  run: Run,
  session: FhirSession,
  uids: ReadonlyArray<string>,
  told: PatientsSeen,
): Promise<Operated<Step>> => {
  if (run.stopping() || remainingMs(run) <= 0) return E.right('OutOfTime')
  const subjects = await subjectsOf(run, uids)
  if (E.isLeft(subjects)) return service(subjects.left)
  const ids = [...new Set(subjects.right)].filter((id) => !told.seen.has(id))
  const planned = await planPatients(run, ids)
  if (E.isLeft(planned)) return service(planned.left)
  const { entries, left } = planned.right
  told.left.push(...left)
  const send = (some: ReadonlyArray<string>): Promise<Operated<Step>> =>
    sendPlanned(session, async () =>
      E.map(({ entries: again }: Plan) => again.flatMap(({ id, entry }) => (some.includes(id) ? [entry] : [])))(
        await planPatients(run, some),
      ),
    )
  const together = entries.length === 0 ? E.right('Done' as const) : await send(entries.map(({ id }) => id))
  const isRefused = E.isLeft(together) && together.left._tag === 'Refused'
  if (!isRefused && (E.isLeft(together) || together.right === 'OutOfTime')) return together
  if (!isRefused) told.patients += entries.length
  for (const { id } of isRefused ? entries : []) {
    const alone = await send([id])
    if (E.isLeft(alone) && alone.left._tag === 'Refused') told.left.push({ patient: id, reason: 'refused by FHIR' })
    else if (E.isLeft(alone) || alone.right === 'OutOfTime') return alone
    else told.patients += 1
  }
  ids.forEach((id) => told.seen.add(id))
  return E.right('Done')
}
