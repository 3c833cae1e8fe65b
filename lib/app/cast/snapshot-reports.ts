import * as E from 'fp-ts/Either'
import type { ImagingStudy, Observation } from 'fhir/r4'
import type { LiveRow, UpsertRow } from '../../domain/batch/judge'
import { isReportClass, membersOf } from '../../domain/batch/observation-index'
import type { ServiceError } from '../../domain/cast-error'
import { identifierToken } from '../../domain/fhir/identifiers'
import { type Run, retrying } from '../context'
import { type Loading, byToken, ofType, studiesOf } from './snapshot-searches'

/** What the Observations of a dose report are looked up by. */
export const doseTokens = ({ dose }: UpsertRow): ReadonlyArray<string> =>
  dose === undefined
    ? []
    : [dose.summary, ...dose.events].map(({ identifier: [{ system, value }] }) => identifierToken(system, value ?? ''))

const hasReports = ({ series }: ImagingStudy): boolean =>
  (series ?? []).some(({ instance }) => (instance ?? []).some(({ sopClass }) => isReportClass(sopClass?.code)))

/**
 * Observations of the studies that have structured reports: they go with their report and with their study, and move
 * with it. An event goes only when no summary lists it any more, in whatever study.
 */
export const addReports = async (
  run: Run,
  snapshot: Loading,
  rows: ReadonlyArray<LiveRow>,
): Promise<E.Either<ServiceError, void>> => {
  const studies = studiesOf(run, snapshot, rows).flatMap((study) =>
    study.id !== undefined && hasReports(study) ? [`ImagingStudy/${study.id}`] : [],
  )
  const ofStudies = byToken('Observation', 'part-of', studies, '500')
  const found = await retrying(run, run.ports.fhir.search(ofStudies))
  if (E.isLeft(found)) return found
  for (const each of ofType<Observation>('Observation', found.right.flat()))
    snapshot.observations.set(each.id ?? '', each)
  if (!rows.some((row) => row._tag === 'Delete' || row.dose !== undefined)) return E.right(undefined)
  const { fhirBase } = run.settings
  const events = [...snapshot.observations.values()]
    .flatMap((each) => membersOf(fhirBase, each))
    .map((id) => `Observation/${id}`)
  const summaries = await retrying(run, run.ports.fhir.search(byToken('Observation', 'has-member', events, '500')))
  if (E.isLeft(summaries)) return summaries
  for (const each of ofType<Observation>('Observation', summaries.right.flat())) {
    snapshot.observations.set(each.id ?? '', each)
  }
  return E.right(undefined)
}
