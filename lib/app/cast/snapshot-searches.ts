import type { FhirResource, ImagingStudy, Observation, Patient } from 'fhir/r4'
import type { LiveRow } from '../../domain/batch/judge'
import { type Snapshot, findStudy } from '../../domain/batch/snapshot'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { codeSystems } from '../../domain/fhir/code-systems'
import { studyIdentifier } from '../../domain/fhir/identifiers'
import { wellFormed } from '../../domain/fhir/well-formed'
import type { Run } from '../context'
import type { FhirSearch } from '../ports'

/** A snapshot while it is being loaded. */
export type Loading = Omit<
  Snapshot,
  | 'patients'
  | 'patientsByValue'
  | 'studies'
  | 'elsewhere'
  | 'observations'
  | 'observed'
  | 'ourSubjects'
  | 'ofOriginal'
  | 'mistaken'
> & {
  readonly patients: Map<string, Patient>
  readonly patientsByValue: Map<string, ReadonlyArray<string>>
  readonly studies: Map<string, ReadonlyArray<ImagingStudy>>
  readonly elsewhere: Map<string, ReadonlyArray<string>>
  readonly observations: Map<string, Observation>
  readonly observed: Set<string>
  readonly ourSubjects: Set<string>
  readonly ofOriginal: Set<string>
  readonly mistaken: Map<string, ReadonlyArray<string>>
}

const chunksOf = <A>(size: number, items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size))

const identifiersPerSearch = 100

/** Searches for these tokens, so many in each that a server takes it. */
export const byToken = (
  type: FhirSearch['type'],
  parameter: string,
  tokens: Iterable<string>,
  count: string,
): ReadonlyArray<FhirSearch> =>
  chunksOf(identifiersPerSearch, [...new Set(tokens)]).map((chunk) => ({
    type,
    parameters: [
      [parameter, chunk.join(',')],
      ['_count', count],
    ],
  }))

/** What was found of this type, each once; what is not well formed is mended as far as it can be read. */
export const ofType = <R extends FhirResource>(
  type: R['resourceType'],
  found: ReadonlyArray<FhirResource>,
): ReadonlyArray<R> => [
  ...new Map(
    found.flatMap((each) => (each.resourceType === type ? [[each.id, wellFormed(each as R)] as const] : [])),
  ).values(),
]

/** What FHIR holds of the studies of these rows, each once: a batch may be a thousand images of one. */
export const studiesOf = (run: Run, snapshot: Loading, rows: ReadonlyArray<LiveRow>): ReadonlyArray<ImagingStudy> =>
  [...new Map(rows.map(({ key }) => [studyKeyText(key), key])).values()].flatMap(
    ({ partition, studyInstanceUid }) =>
      findStudy(snapshot, run.settings, partition, studyIdentifier(studyInstanceUid).value ?? '') ?? [],
  )

export const addStudy = (byValue: Loading['studies'], study: ImagingStudy): void => {
  for (const { system, value } of study.identifier ?? []) {
    if (system === codeSystems.dicomUid && value !== undefined)
      byValue.set(value, [...(byValue.get(value) ?? []), study])
  }
}
