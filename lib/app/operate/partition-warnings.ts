import * as E from 'fp-ts/Either'
import { defaultPartition, isSamePartition, isSynced } from '../../domain/dicom/partition'
import type { CastSettings } from '../context'
import type { OperatorPorts } from '../ports-operator'

const isListed = (names: Iterable<string>, partition: string): boolean =>
  [...names].some((each) => isSamePartition(each, partition))

/** What the settings say of partitions that does not fit those the DICOM service has, before it keeps an image out. */
export const partitionWarnings = (
  { partitions, patient: { partitionSystems, isIssuerIdUsed } }: Pick<CastSettings, 'partitions' | 'patient'>,
  known: ReadonlyArray<string>,
): ReadonlyArray<string> => {
  const missing = [...partitions].filter((each) => !isListed(known, each))
  const synced = known.filter((each) => isSynced(partitions, each))
  const systems = Object.keys(partitionSystems)
  // The default partition has Patient__PatientSystemId still.
  const needsNone = (partition: string): boolean =>
    isSamePartition(partition, defaultPartition) || isListed(systems, partition)
  const unlisted = systems.length === 0 || systems.includes('*') ? [] : synced.filter((each) => !needsNone(each))
  return [
    ...missing.map((each) => `DicomCast__Partitions names ${each}, and the DICOM service has no such partition`),
    ...unlisted.map(
      (each) =>
        `Patient__PartitionSystems does not list ${each}: its entries are refused as IssuerUnknown (* lists the rest)`,
    ),
    ...(synced.length > 1 && systems.length === 0 && !isIssuerIdUsed
      ? [
          `${synced.length} partitions are synced, and one PatientID is one person in all of them: ` +
            'Patient__PartitionSystems or Patient__IsIssuerIdUsed tells them apart',
        ]
      : []),
  ]
}

/** None while the service does not answer: then something else is wrong first. */
export const readPartitionWarnings = async (
  { studyIndex }: Pick<OperatorPorts, 'studyIndex'>,
  settings: CastSettings,
): Promise<ReadonlyArray<string> | undefined> => {
  const known = await studyIndex.partitions()()
  return E.isLeft(known) ? undefined : partitionWarnings(settings, known.right)
}
