import { plural } from './words'

/**
 * So many studies a walk may take out of FHIR: the setting, or one of a hundred that were compared, whichever is more; or
 * what an operator confirmed. An archive that is gone, empty or another one looks like one whose studies were deleted.
 */
export const mostGone = (maxGone: number, compared: number, confirmed = 0): number =>
  Math.max(maxGone, Math.floor(compared / 100), confirmed)

/** Of who counted no further the number is none to confirm. */
export const describeTooManyGone = (gone: number, hasMore = false): string =>
  `${hasMore ? 'at least ' : ''}${plural(gone, 'study', 'studies')} that FHIR holds are in the archive no more, too many to be ` +
  'taken out unasked. Is it the right archive? ' +
  (hasMore
    ? 'Then dicomcast reconcile --dry-run counts all of them, for --confirm'
    : `Then dicomcast reconcile --confirm ${gone}`)
