import type { Checkpoint } from '../../domain/checkpoint'
import type { Run } from '../context'
import type { FeedBatch } from '../feed/read-feed'

/** Why a run waits: one more hole could not be probed with the others. */
export const waitingForHoles = ({ holes }: Checkpoint): string =>
  `dicom: ${holes.length} numbers of the feed, or ranges of them, are missing and may still come: what is behind waits until some do, or are older than DicomCast__HoleAge`

/** Numbers that are passed by for good, because no row came: identities that were rolled back, or jumped. */
export const tellGone = (run: Run, gone: FeedBatch['gone'], syncedSequence: number): void => {
  const passed = gone.filter(({ to }) => to < syncedSequence)
  const numbers = passed.reduce((sum, { from, to }) => sum + to - from + 1, 0)
  if (numbers > 0) run.ports.log('info', 'No row came for these sequence numbers', { numbers, gaps: passed.length })
}
