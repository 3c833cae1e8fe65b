import type { Endpoint } from 'fhir/r4'
import type { DicomRoot } from '../fhir/provenance'
import { endpointKind, partitionsIn } from '../mapping/endpoint'
import type { LiveRow } from './judge'

/**
 * Partitions of these rows whose name another one has in other upper and lower case. They are refused: settings and
 * operators could not tell the two apart. The other one is who has our Endpoint, else who comes first.
 */
export const otherSpellings = (
  dicom: DicomRoot,
  endpoints: ReadonlyArray<Endpoint>,
  rows: ReadonlyArray<LiveRow>,
): ReadonlySet<string> => {
  const held = endpoints.flatMap((each) =>
    [...partitionsIn(dicom, each)].filter((partition) => endpointKind(dicom, partition)(each) === 'Ours'),
  )
  const spelled = new Map<string, string>()
  const others = new Set<string>()
  const named = new Set(rows.flatMap((row) => (row._tag === 'Upsert' ? [row.key.partition] : [])))
  for (const partition of [...[...held].sort(), ...named]) {
    const known = spelled.get(partition.toLowerCase()) ?? partition
    spelled.set(partition.toLowerCase(), known)
    if (known !== partition) others.add(partition)
  }
  return others
}
