/**
 * So many studies a walk may take out of FHIR: the setting, or one of a hundred that were compared, whichever is more; or
 * what an operator confirmed. An archive that is gone, empty or another one looks like one whose studies were deleted.
 */
export const mostGone = (maxGone: number, compared: number, confirmed = 0): number =>
  Math.max(maxGone, Math.floor(compared / 100), confirmed)
