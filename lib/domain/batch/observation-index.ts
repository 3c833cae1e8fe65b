import type { Observation } from 'fhir/r4'
import { codeSystems } from '../fhir/code-systems'
import { referencedId } from './snapshot'

/** Observations by what they are looked up by, so that a report of a thousand events asks a thousand times for free. */
export interface ObservationIndex {
  readonly byId: ReadonlyMap<string, Observation>
  /** By the value of an identifier that is a UID (urn:oid:…), or a UUID (urn:uuid:…); in the order of ids. */
  readonly byIdentifier: ReadonlyMap<string, ReadonlyArray<Observation>>
  /** By the id of an ImagingStudy that they are part of. */
  readonly byStudy: ReadonlyMap<string, ReadonlyArray<Observation>>
}

const identifying: ReadonlySet<string | undefined> = new Set([codeSystems.dicomUid, codeSystems.uri])

export const membersOf = (fhirBase: string, { hasMember = [] }: Observation): ReadonlyArray<string> =>
  hasMember.flatMap((each) => referencedId(fhirBase, 'Observation', each) ?? [])

export const studiesOf = (fhirBase: string, { partOf = [] }: Observation): ReadonlyArray<string> =>
  partOf.flatMap((each) => referencedId(fhirBase, 'ImagingStudy', each) ?? [])

export const indexObservations = (
  fhirBase: string,
  observations: ReadonlyMap<string, Observation>,
): ObservationIndex => {
  const sorted = [...observations.values()].sort((left, right) =>
    (left.id ?? '').localeCompare(right.id ?? '', 'en', { numeric: true }),
  )
  const by = (keysOf: (each: Observation) => ReadonlyArray<string>): Map<string, Array<Observation>> => {
    const index = new Map<string, Array<Observation>>()
    for (const each of sorted) {
      for (const key of new Set(keysOf(each))) {
        const known = index.get(key)
        if (known === undefined) index.set(key, [each])
        else known.push(each)
      }
    }
    return index
  }
  return {
    byId: observations,
    byIdentifier: by(({ identifier = [] }) =>
      identifier.flatMap(({ system, value = '' }) => (identifying.has(system) ? [value] : [])),
    ),
    byStudy: by((each) => studiesOf(fhirBase, each)),
  }
}

/** SOP classes of structured reports; the original wrote the bare UID. */
export const isReportClass = (code: string | undefined): boolean =>
  /^(urn:oid:)?1\.2\.840\.10008\.5\.1\.4\.1\.1\.88\./.test(code ?? '')

/** Storage classes of anything else: what is stored under the UID of a report now is none. */
export const isOtherClass = (code: string | undefined): boolean =>
  /^(urn:oid:)?1\.2\.840\.10008\.5\.1\.4\.1\.1\.(?!88\.)/.test(code ?? '')
