import * as E from 'fp-ts/Either'
import type { ImagingStudy } from 'fhir/r4'
import { type StudyAge, ageOf } from '../../domain/batch/newest-study'
import { referencedId } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { isOfService } from '../../domain/fhir/provenance'
import { type Run, retrying } from '../context'
import { byToken, ofType } from './snapshot-searches'

/** Our studies of these Patients (ids): when a value of one would change, the newest of them has the say. */
export const agesOf = async (
  run: Run,
  patients: ReadonlyArray<string>,
): Promise<E.Either<ServiceError, ReadonlyMap<string, ReadonlyArray<StudyAge>>>> => {
  if (patients.length === 0) return E.right(new Map())
  const { dicom, fhirBase } = run.settings
  const today = new Date(run.ports.clock.now()).toISOString().slice(0, 10)
  const subjects = patients.map((id) => `Patient/${id}`)
  const searches = byToken('ImagingStudy', 'subject', subjects, '200').map(({ type, parameters }) => ({
    type,
    parameters: [...parameters, ['_elements', 'identifier,started,subject,numberOfInstances,meta'] as const],
  }))
  const found = await retrying(run, run.ports.fhir.search(searches))
  if (E.isLeft(found)) return found
  const ages = new Map<string, Array<StudyAge>>(patients.map((id) => [id, []]))
  for (const study of ofType<ImagingStudy>('ImagingStudy', found.right.flat())) {
    // One that could not be deleted stands emptied, and says nothing any more.
    if (!isOfService(study.meta, dicom) || study.numberOfInstances === 0) continue
    ages.get(referencedId(fhirBase, 'Patient', study.subject) ?? '')?.push(ageOf(dicom, study, today))
  }
  return E.right(ages)
}
