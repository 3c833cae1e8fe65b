import * as E from 'fp-ts/Either'
import type { ImagingStudy } from 'fhir/r4'
import { mayComeFromElsewhere } from '../../domain/batch/fold-elsewhere'
import type { LiveRow } from '../../domain/batch/judge'
import { findStudy } from '../../domain/batch/snapshot'
import type { ServiceError } from '../../domain/cast-error'
import { codeSystems } from '../../domain/fhir/code-systems'
import { studyIdentifier } from '../../domain/fhir/identifiers'
import { type Run, retrying } from '../context'
import { type Loading, byToken, ofType } from './snapshot-searches'

/** An update may have changed UIDs: which studies hold an instance that its own study does not. */
export const addElsewhere = async (
  run: Run,
  snapshot: Loading,
  rows: ReadonlyArray<LiveRow>,
): Promise<E.Either<ServiceError, void>> => {
  const wanted = rows.flatMap((row) => {
    if (!mayComeFromElsewhere(row)) return []
    const { partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = row.key
    const study = findStudy(snapshot, run.settings, partition, studyIdentifier(studyInstanceUid).value ?? '')
    const series = (study?.series ?? []).filter(({ uid }) => uid === seriesInstanceUid)
    const isHeld = series.some(({ instance }) => (instance ?? []).some(({ uid }) => uid === sopInstanceUid))
    return isHeld ? [] : [sopInstanceUid]
  })
  if (wanted.length === 0) return E.right(undefined)
  const found = await retrying(run, run.ports.fhir.search(byToken('ImagingStudy', 'instance', wanted, '100')))
  if (E.isLeft(found)) return found
  const uids = new Set(wanted)
  for (const study of ofType<ImagingStudy>('ImagingStudy', found.right.flat())) {
    const held = (study.series ?? []).flatMap(({ instance }) => (instance ?? []).map(({ uid }) => uid))
    const asked = held.filter((uid) => uids.has(uid))
    const value = (study.identifier ?? []).find(({ system }) => system === codeSystems.dicomUid)?.value
    if (asked.length === 0 || value?.startsWith('urn:oid:') !== true) continue
    const known = snapshot.studies.get(value) ?? []
    if (!known.some(({ id }) => id === study.id)) snapshot.studies.set(value, [...known, study])
    for (const uid of asked) {
      snapshot.elsewhere.set(uid, [...(snapshot.elsewhere.get(uid) ?? []), value.slice('urn:oid:'.length)])
    }
  }
  return E.right(undefined)
}
