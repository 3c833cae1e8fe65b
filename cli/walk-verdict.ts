import type { StudyReport } from '../lib/composition/studies'
import { counts, plural } from './text-table'
import type { WalkTally } from './walk-state'

/** What a walk has found, and what it did about it. */
export interface Tally {
  compared: number
  differing: number
  repaired: number
  notComparable: number
  /** In step but for images that stand in a fail table. */
  known: number
  readonly notCast: Record<string, number>
  /** Studies that DICOM does not have any more, and that a repair has not taken away yet. */
  readonly gone: Array<{ readonly partition: string; readonly studyInstanceUid: string }>
}

export type WalkEnded = 'Done' | 'Stopped' | 'Failed' | 'TooManyGone'

export const tallyFrom = (before: WalkTally | undefined): Tally => ({
  compared: before?.compared ?? 0,
  differing: before?.differing ?? 0,
  repaired: before?.repaired ?? 0,
  notComparable: before?.notComparable ?? 0,
  known: before?.known ?? 0,
  notCast: { ...before?.notCast },
  gone: [...(before?.gone ?? [])],
})

export const countReport = (tally: Tally, { inStep, notCast }: StudyReport): void => {
  tally.compared += 1
  for (const [code, count] of Object.entries(notCast)) tally.notCast[code] = (tally.notCast[code] ?? 0) + count
  if (!inStep) tally.differing += 1
  else if (Object.keys(notCast).length > 0) tally.known += 1
}

/** DICOM has nothing of it any more. */
export const isGone = ({ instances }: StudyReport): boolean => instances.inDicom === 0 && instances.gone > 0

/** The last lines: as much as is known, and no more. */
export const verdictLines = (
  { compared, differing, repaired, notComparable, known, notCast, gone }: Tally,
  ended: WalkEnded,
  { repair, resume }: { readonly repair?: true; readonly resume?: string },
): ReadonlyArray<string> => {
  const found = [
    ...(differing > 0 ? [plural(differing, 'study differs', 'studies differ')] : []),
    ...(repair === true ? [`${repaired} repaired`] : []),
    ...(notComparable > 0 ? [`${notComparable} not comparable`] : []),
    ...(known > 0 ? [`${known} with images in a fail table`] : []),
  ]
  const isInStep = differing === 0 && notComparable === 0 && known === 0 && compared > 0
  const verdict = isInStep ? ['all in step'] : compared === 0 && notComparable === 0 ? ['nothing is known'] : []
  const instances = Object.values(notCast).reduce((total, count) => total + count, 0)
  return [
    `${plural(compared, 'study', 'studies')} compared: ${[...verdict, ...found].join(', ')}` +
      (instances === 0 ? '' : `; not cast: ${plural(instances, 'instance')} (${counts(notCast)})`),
    ...(ended === 'TooManyGone'
      ? [
          `TooManyGone: DICOM has no longer ${plural(gone.length, 'study', 'studies')} that FHIR holds, more than DicomCast__MaxGone; ` +
            `none was taken away. Is it the right archive? Then go on with --confirm ${gone.length}`,
        ]
      : ended === 'Done'
        ? []
        : [`Not all studies were compared${resume === undefined ? '' : '; the same command goes on from here'}.`]),
  ]
}

export const exitCodeOf = (
  { differing, repaired, notComparable, known }: Tally,
  ended: WalkEnded,
  { strict }: { readonly strict?: true },
): number => (differing > repaired || notComparable > 0 || ended !== 'Done' || (strict === true && known > 0) ? 1 : 0)
