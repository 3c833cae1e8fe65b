import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { TagIssue } from '../../cast-error'
import { type DicomDataset, valuesOfKeyword } from '../../dicom/dataset'
import type { Keyword } from '../../dicom/tags'
import { readCS } from '../../dicom/vr'
import type { ObservationBody } from './observation'

type Status = ObservationBody['status']

const flags: ReadonlyArray<{ readonly keyword: Keyword; readonly statuses: ReadonlyMap<string, Status> }> = [
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
    const read = readCS(valuesOfKeyword(dataset, keyword))
    if (E.isRight(read) && O.isNone(read.right)) continue
    const status = E.isRight(read) && O.isSome(read.right) ? statuses.get(read.right.value) : undefined
    if (status !== undefined) return { status, issues }
    issues.push({ _tag: 'TagInvalid', keyword, reason: `not ${[...statuses.keys()].join(' or ')}` })
  }
  return { status: 'unknown', issues }
}
