import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { Patient } from 'fhir/r4'
import { acceptedDigest } from '../../domain/accepted'
import type { UpsertRow } from '../../domain/batch/judge'
import { identityDigest } from '../../domain/fail-row'
import { hasIdentifier } from '../../domain/fhir/identifiers'
import { firstRoot } from '../../domain/fhir/provenance'
import { type PatientIdentity, patientKeyText } from '../../domain/mapping/patient-identity'
import { type CastSettings, type Run, retrying } from '../context'
import { gateOpen } from '../gate-open'
import { numbered } from '../feed/read-instance'
import { judgeNow } from '../feed/read-page'
import type { FailRowKey } from '../ports'
import type { OperatorPorts } from '../ports-operator'
import { type FailIndex, readFailIndex } from '../run/fail-index'
import { type Operated, type OperatorFailure, type OperatorOptions, casting, onlyLooking, service } from './operating'
import { type Replay, replayRows } from './replay'
import { readEntries } from './reread-entries'

export interface AcceptRequest {
  /** The logical id. */
  readonly patientId: string
  readonly identifier: Pick<PatientIdentity, 'system' | 'value'>
}

/** One conflict: `accepted` kinds of demographics, and what became of the images that have them. */
export interface Accepted {
  readonly patient: string
  readonly accepted: number
  readonly replay: Replay
}

const refused = (reason: string): E.Either<OperatorFailure, never> => E.left({ _tag: 'Refused', reason })

const atOnce = 200

/**
 * Lets through what stands recorded as DemographicsConflict under this identifier, for this Patient: the demographics
 * that these images have now. They are cast, and later images that say the same are not doubted any more.
 */
export const accept = (
  ports: OperatorPorts,
  settings: CastSettings,
  options: OperatorOptions & { readonly by: string },
  request: AcceptRequest,
  dryRun: boolean,
): Promise<Operated<Accepted>> => {
  const work = async (run: Run): Promise<Operated<Accepted>> => {
    const patient = await patientOf(run, request)
    if (E.isLeft(patient)) return patient
    const conflicting = await conflictingRows(run, request)
    if (E.isLeft(conflicting)) return conflicting
    const { index, rows, digests } = conflicting.right
    if (rows.length === 0) return refused('no image of this identifier stands recorded as DemographicsConflict')
    run.accepted = new Set(digests)
    if (!dryRun) {
      const open = await gateOpen(run)
      if (E.isLeft(open)) return service(open.left)
      for (const digest of digests) {
        const row = { digest, patientId: request.patientId, by: options.by, since: ports.clock.now() }
        const added = await retrying(run, ports.accepted.add(row))
        if (E.isLeft(added)) return service(added.left)
      }
    }
    const replayed = await replayRows(run, ports, index, rows, { dryRun, selected: rows.length, steps: options.steps })
    return E.isLeft(replayed)
      ? replayed
      : E.right({ patient: `Patient/${request.patientId}`, accepted: digests.length, replay: replayed.right })
  }
  return (dryRun ? onlyLooking : casting)(ports, settings, options, work)
}

const patientOf = async (run: Run, { patientId, identifier }: AcceptRequest): Promise<Operated<Patient>> => {
  const read = await retrying(run, run.ports.fhir.read('Patient', patientId))
  if (E.isLeft(read)) return service(read.left)
  const patient = O.toUndefined(read.right)
  if (patient?.resourceType !== 'Patient') return E.left({ _tag: 'NotFound', what: `Patient/${patientId}` })
  const { system, value } = identifier
  return hasIdentifier(patient, system, value)
    ? E.right(patient)
    : refused(`Patient/${patientId} does not have this identifier`)
}

interface Conflicting {
  readonly index: FailIndex
  readonly rows: ReadonlyArray<FailRowKey>
  readonly digests: ReadonlyArray<string>
}

/** Rows by which somebody under this identifier is kept out, and what their images say of him now. */
const conflictingRows = async (run: Run, { patientId, identifier }: AcceptRequest): Promise<Operated<Conflicting>> => {
  const index = await readFailIndex(run)
  if (E.isLeft(index)) return service(index.left)
  const root = firstRoot(run.settings.dicom)
  const digest = identityDigest(root, identifier)
  const candidates = [...index.right.rows.values()].filter(
    ({ code, identity }) => code === 'DemographicsConflict' && (identity === undefined || identity === digest),
  )
  const [rows, digests]: [Array<FailRowKey>, Set<string>] = [[], new Set()]
  for (let start = 0; start < candidates.length; start += atOnce) {
    const chunk = numbered(candidates.slice(start, start + atOnce))
    const read = await readEntries(run, chunk)
    if (E.isLeft(read)) return service(read.left)
    for (const entry of read.right) {
      const judged = judgeNow(run, entry)
      const row = judged._tag === 'Live' && judged.row._tag === 'Upsert' ? judged.row : undefined
      const candidate = row === undefined ? undefined : chunk.get(row.sequence)
      if (row === undefined || candidate === undefined || !names(row, identifier)) continue
      rows.push(candidate)
      digests.add(acceptedDigest(root, patientId, row.identity, row.claimed))
    }
  }
  return E.right({ index: index.right, rows, digests: [...digests] })
}

const names = ({ identity }: UpsertRow, identifier: AcceptRequest['identifier']): boolean =>
  patientKeyText(identity) === patientKeyText(identifier)
