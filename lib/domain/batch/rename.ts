import type { Endpoint, ImagingStudy, Reference } from 'fhir/r4'
import { type TransactionEntry, createEntry, updateEntry } from '../fhir/bundle'
import { codeSystems } from '../fhir/code-systems'
import { identifierToken } from '../fhir/identifiers'
import { type DicomRoot, carriesOurMark, wadoAddress } from '../fhir/provenance'
import { unchanged } from '../fhir/unchanged'
import { endpointKind, mapEndpoint, partitionsIn, repointEndpoint } from '../mapping/endpoint'
import { referencedId } from './snapshot'

// The DICOM service has another name from now on: what FHIR holds of its addresses follows. Marks stay as they are.

export interface Renaming {
  readonly fhirBase: string
  readonly from: DicomRoot
  readonly to: DicomRoot
}

/** Endpoints as they are to be written, and an administrator's (ids, by partition), whose studies get ours. */
export interface EndpointsRenamed {
  readonly entries: ReadonlyArray<TransactionEntry>
  readonly theirs: ReadonlyMap<string, ReadonlyArray<string>>
}

export const renameEndpoints = (
  { fhirBase, from, to }: Renaming,
  endpoints: ReadonlyArray<Endpoint>,
): EndpointsRenamed => {
  const entries: Array<TransactionEntry> = []
  const theirs = new Map<string, ReadonlyArray<string>>()
  for (const partition of new Set(endpoints.flatMap((each) => [...partitionsIn(from, each)]))) {
    const [before, after] = [endpointKind(from, partition), endpointKind(to, partition)]
    const wanted = mapEndpoint(to, partition)
    const own = endpoints.filter((each) => before(each) === 'Ours' || before(each) === 'Originals')
    for (const each of own) {
      const next = repointEndpoint(each, wanted, [wadoAddress(from, partition)])
      if (!unchanged(each, next)) entries.push(updateEntry(fhirBase, next, each.meta?.versionId))
    }
    const administrators = endpoints.filter((each) => before(each) === 'Administrators')
    if (administrators.length === 0) continue
    theirs.set(
      partition,
      administrators.flatMap(({ id }) => id ?? []),
    )
    if (own.length > 0 || endpoints.some((each) => after(each) === 'Ours')) continue
    const key = identifierToken(codeSystems.uri, wanted.address)
    entries.push(createEntry(`Endpoint ${wanted.address}`, wanted, `identifier=${encodeURIComponent(key)}`))
  }
  return { entries, theirs }
}

/**
 * Studies that refer to an administrator's Endpoint (`theirs`) refer to ours (`Endpoint/{id}`): those that carry our
 * mark in its place, those of others beside it.
 */
export const renameStudies = (
  { fhirBase, from }: Renaming,
  studies: ReadonlyArray<ImagingStudy>,
  theirs: ReadonlyArray<string>,
  ours: string,
): ReadonlyArray<TransactionEntry> => {
  const isTheirs = (each: Reference): boolean => theirs.includes(referencedId(fhirBase, 'Endpoint', each) ?? '')
  return studies.flatMap((study) => {
    const named = study.endpoint ?? []
    if (!named.some(isTheirs)) return []
    const kept = carriesOurMark(study.meta, from) ? named.filter((each) => !isTheirs(each)) : named
    const endpoint = kept.some(({ reference }) => reference === ours) ? kept : [...kept, { reference: ours }]
    const next = { ...study, endpoint }
    return unchanged(study, next) ? [] : [updateEntry(fhirBase, next, study.meta?.versionId)]
  })
}
