import * as E from 'fp-ts/Either'
import type { ImagingStudy } from 'fhir/r4'
import { isOfUpdate, mayComeFromElsewhere } from '../../domain/batch/fold-elsewhere'
import type { LiveRow } from '../../domain/batch/judge'
import { findStudy } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { codeSystems } from '../../domain/fhir/code-systems'
import { studyIdentifier } from '../../domain/fhir/identifiers'
import { type Run, retrying } from '../context'
import type { FhirSearch } from '../ports'
import { type Loading, addStudy, byToken, ofType } from './snapshot-searches'

/** Where a row says that its instance is: a study of FHIR, none when that has none, and a series. */
interface Place {
  readonly study: string | undefined
  readonly series: string
}

const instancesIn = ({ series = [] }: ImagingStudy): ReadonlyArray<readonly [series: string, instance: string]> =>
  series.flatMap(({ uid, instance = [] }) => instance.map((each) => [uid, each.uid] as const))

/** By SOPInstanceUID. */
const wantedIn = (
  run: Run,
  snapshot: Loading,
  rows: ReadonlyArray<LiveRow>,
): ReadonlyMap<string, ReadonlyArray<Place>> => {
  const wanted = new Map<string, Array<Place>>()
  for (const row of rows) {
    if (!mayComeFromElsewhere(row)) continue
    const { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = row.key
    const study = findStudy(snapshot, run.settings, partition, studyIdentifier(studyInstanceUid).value ?? '')
    const isHere = ({ uid, instance = [] }: NonNullable<ImagingStudy['series']>[number]): boolean =>
      uid === seriesInstanceUid && instance.some((each) => each.uid === sopInstanceUid)
    if (!isOfUpdate(row) && (study?.series ?? []).some(isHere)) continue
    const place = { study: study?.id, series: seriesInstanceUid }
    wanted.set(sopInstanceUid, [...(wanted.get(sopInstanceUid) ?? []), place])
  }
  return wanted
}

/**
 * An update may have changed UIDs: which studies hold an instance beside the place that its row names. That it stands there
 * says nothing: whoever read the study whole may have come before the row.
 */
export const addElsewhere = async (
  run: Run,
  snapshot: Loading,
  rows: ReadonlyArray<LiveRow>,
): Promise<E.Either<ServiceError, void>> => {
  const wanted = wantedIn(run, snapshot, rows)
  if (wanted.size === 0) return E.right(undefined)
  // Most often it is the study of the row alone, which was read a moment ago.
  const searches = byToken('ImagingStudy', 'instance', wanted.keys(), '100').map(
    ({ type, parameters }): FhirSearch => ({ type, parameters: [...parameters, ['_elements', 'identifier']] }),
  )
  const named = await retrying(run, run.ports.fhir.search(searches))
  if (E.isLeft(named)) return named
  const ids = new Set(ofType<ImagingStudy>('ImagingStudy', named.right.flat()).map(({ id = '' }) => id))
  const known = new Map([...snapshot.studies.values()].flat().map((study) => [study.id ?? '', study]))
  const unread = [...ids].filter((id) => !known.has(id))
  const reading = byToken('ImagingStudy', '_id', unread, '100')
  const read = unread.length === 0 ? E.right([]) : await retrying(run, run.ports.fhir.search(reading))
  if (E.isLeft(read)) return read
  const others = ofType<ImagingStudy>('ImagingStudy', read.right.flat())
  for (const study of others) addStudy(snapshot.studies, study)
  for (const study of [...others, ...[...ids].flatMap((id) => known.get(id) ?? [])]) {
    const value = (study.identifier ?? []).find(({ system }) => system === codeSystems.dicomUid)?.value
    if (value?.startsWith('urn:oid:') !== true) continue
    const isBeside = (series: string, uid: string): boolean =>
      wanted.get(uid)?.some((place) => place.study !== study.id || place.series !== series) === true
    const beside = instancesIn(study).flatMap(([series, uid]) => (isBeside(series, uid) ? [uid] : []))
    for (const uid of new Set(beside)) {
      snapshot.elsewhere.set(uid, [...(snapshot.elsewhere.get(uid) ?? []), value.slice('urn:oid:'.length)])
    }
  }
  return E.right(undefined)
}
