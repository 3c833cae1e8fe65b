import * as E from 'fp-ts/Either'
import type { ImagingStudy, Observation } from 'fhir/r4'
import type { LiveRow, UpsertRow } from '../../domain/batch/judge'
import { isEmptied } from '../../domain/batch/emptied'
import { isReportClass, studiesOf as partsOf } from '../../domain/batch/observation-index'
import { byStudy } from '../../domain/batch/parts'
import { findStudy } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { codeSystems } from '../../domain/fhir/code-systems'
import { identifierToken, studyIdentifier } from '../../domain/fhir/identifiers'
import { carriesOurMark } from '../../domain/fhir/provenance'
import { doseIdentifier, doseUidOf } from '../../domain/mapping/dose/identity'
import type { MappingSettings } from '../../domain/mapping/settings'
import { type Run, retrying } from '../context'
import { type Loading, addStudy, byToken, ofType, studiesOf } from './snapshot-searches'

const studyToken = (uid: string): string => identifierToken(codeSystems.dicomUid, studyIdentifier(uid).value ?? '')

/**
 * What the Observations of a dose report are looked up by: their identities, and the study's UID, by which alone the
 * original's are found. Of a study that is looked at as a whole also the UIDs themselves.
 */
export const doseTokens =
  (settings: MappingSettings) =>
  ({ dose, key, isWhole }: UpsertRow): ReadonlyArray<string> => {
    if (dose === undefined) return []
    const owner = { settings, partition: key.partition, uid: key.studyInstanceUid }
    const known = [
      ['summary', doseUidOf(dose.summary, 'summary')] as const,
      ...dose.events.map((each) => ['event', doseUidOf(each, 'event')] as const),
    ]
    return [
      studyToken(key.studyInstanceUid),
      ...known.flatMap(([kind, uid]) => {
        const { system, value = '' } = doseIdentifier(owner, kind, uid)
        return [identifierToken(system, value), ...(isWhole === true ? [studyToken(uid)] : [])]
      }),
    ]
  }

const hasReports = ({ series }: ImagingStudy): boolean =>
  (series ?? []).some(({ instance }) => (instance ?? []).some(({ sopClass }) => isReportClass(sopClass?.code)))

const instancesOf = ({ series }: ImagingStudy): ReadonlySet<string> =>
  new Set((series ?? []).flatMap(({ uid, instance = [] }) => instance.map((each) => `${uid} ${each.uid}`)))

/** A study that can have Observations: of reports that it has, that come now, or that are gone from it already. */
const mayHaveDoses = (study: ImagingStudy, rows: ReadonlyArray<LiveRow>): boolean => {
  if (hasReports(study) || rows.some((row) => row.isWhole === true)) return true
  if (rows.some((row) => row._tag === 'Upsert' && row.dose !== undefined)) return true
  const deleted = rows.filter(({ _tag }) => _tag === 'Delete')
  const held = deleted.length === 0 ? new Set<string>() : instancesOf(study)
  return deleted.some(({ key }) => !held.has(`${key.seriesInstanceUid} ${key.sopInstanceUid}`))
}

/**
 * Without an image it stands only because something refers to it, as what was emptied with it. That may have gone ahead of it to
 * another Patient, who was refused then.
 */
const isKeptEmpty = ({ settings }: Run, study: ImagingStudy): boolean =>
  isEmptied(study) && carriesOurMark(study.meta, settings.dicom)

interface Owner {
  readonly id: string
  readonly uid: string
  readonly mayHaveDoses: boolean
}

/** Studies that an updated instance may have left: what is not alive there any more goes with its Observations. */
const ownersElsewhere = (run: Run, snapshot: Loading, rows: ReadonlyArray<LiveRow>): ReadonlyArray<Owner> =>
  rows.flatMap(({ key: { partition, sopInstanceUid } }) =>
    (snapshot.elsewhere.get(sopInstanceUid) ?? []).flatMap((uid) => {
      const study = findStudy(snapshot, run.settings, partition, studyIdentifier(uid).value ?? '')
      return study?.id === undefined ? [] : [{ id: study.id, uid, mayHaveDoses: hasReports(study) }]
    }),
  )

/**
 * Observations of the studies that can have some: they go with their report and with their study, and move with it.
 * `leaving`: studies (references) that are about to go or to change hands; what was emptied once is part of them still.
 */
export const addReports = async (
  run: Run,
  snapshot: Loading,
  rows: ReadonlyArray<LiveRow>,
  leaving: ReadonlySet<string>,
): Promise<E.Either<ServiceError, void>> => {
  const own = byStudy(rows).flatMap((ofStudy): ReadonlyArray<Owner> => {
    const [study] = studiesOf(run, snapshot, ofStudy)
    const uid = ofStudy[0]?.key.studyInstanceUid
    if (study?.id === undefined || uid === undefined) return []
    return [{ id: study.id, uid, mayHaveDoses: isKeptEmpty(run, study) || mayHaveDoses(study, ofStudy) }]
  })
  const owners = [...own, ...ownersElsewhere(run, snapshot, rows)].filter(
    (each) => each.mayHaveDoses || leaving.has(`ImagingStudy/${each.id}`),
  )
  const found = await retrying(
    run,
    run.ports.fhir.search([
      ...byToken(
        'Observation',
        'part-of',
        owners.map(({ id }) => `ImagingStudy/${id}`),
        '500',
      ),
      ...byToken(
        'Observation',
        'identifier',
        owners.map(({ uid }) => studyToken(uid)),
        '500',
      ),
    ]),
  )
  if (E.isLeft(found)) return found
  const observations = ofType<Observation>('Observation', found.right.flat())
  for (const each of observations) snapshot.observations.set(each.id ?? '', each)
  for (const { id } of owners) snapshot.observed.add(`ImagingStudy/${id}`)
  return addSharing(run, snapshot, observations)
}

/** The version before had Observations that two studies share: the other one may keep it, with its own subject. */
const addSharing = async (
  run: Run,
  snapshot: Loading,
  observations: ReadonlyArray<Observation>,
): Promise<E.Either<ServiceError, void>> => {
  const shared = observations.map((each) => partsOf(run.settings.fhirBase, each)).filter(({ length }) => length > 1)
  const known = new Set([...snapshot.studies.values()].flat().map(({ id }) => id))
  const missing = [...new Set(shared.flat())].filter((id) => !known.has(id))
  const found = await retrying(run, run.ports.fhir.search(byToken('ImagingStudy', '_id', missing, '100')))
  if (E.isLeft(found)) return found
  for (const study of ofType<ImagingStudy>('ImagingStudy', found.right.flat())) addStudy(snapshot.studies, study)
  return E.right(undefined)
}
