import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import type { TagIssue } from '../../cast-error'
import type { DicomDataset } from '../../dicom/dataset'
import { readValue } from '../../dicom/read'
import { readable } from '../../dicom/vr'
import type { ObservationBody } from './observation'

type Status = ObservationBody['status']

const flags: ReadonlyArray<{
  readonly keyword: 'PreliminaryFlag' | 'CompletionFlag'
  readonly statuses: ReadonlyMap<string, Status>
}> = [
  {
    keyword: 'PreliminaryFlag',
    statuses: new Map<string, Status>([
      ['PRELIMINARY', 'preliminary'],
      ['FINAL', 'final'],
    ]),
  },
  {
    keyword: 'CompletionFlag',
    statuses: new Map<string, Status>([
      ['COMPLETE', 'final'],
      ['PARTIAL', 'preliminary'],
    ]),
  },
]

/** What the report says of itself: (0040,A496) before (0040,A491). */
export const readStatus = (
  dataset: DicomDataset,
): { readonly status: Status; readonly issues: ReadonlyArray<TagIssue> } => {
  const issues: TagIssue[] = []
  for (const { keyword, statuses } of flags) {
    const read = readValue(dataset, keyword)
    if (TH.isRight(read) && O.isNone(read.right)) continue
    const status = statuses.get(readable(read) ?? '')
    if (status !== undefined) return { status, issues }
    issues.push({ _tag: 'TagInvalid', keyword, reason: `not ${[...statuses.keys()].join(' or ')}` })
  }
  return { status: 'unknown', issues }
}
