import { acceptedDigest } from '../accepted'
import { instanceKeyText } from '../dicom/change-feed-entry'
import { firstRoot } from '../fhir/provenance'
import { demographicsConflict } from '../mapping/demographics'
import { patientKeyText } from '../mapping/patient-identity'
import type { Fold, PatientDraft } from './fold'
import { judgingOf } from './fold-patient'
import type { UpsertRow } from './judge'

/**
 * Another person under a known PatientID. An Update row of an image that stands in the Patient's study is a deliberate
 * correction; one that hangs a study on another Patient, or brings an image in, is not.
 */
export const conflicts = (fold: Fold, draft: PatientDraft, row: UpsertRow, isHeld: boolean): boolean => {
  const { input, verdicts, followed } = fold
  const { key, base } = draft
  if (!input.settings.patient.matchGuard || (row.update && isHeld)) return false
  if (followed.has(patientKeyText(row.identity)) || followed.has(key)) return false
  // A row of the feed and the reading of its instance, which has no number, meet the Patient at different times.
  const text = row.sequence === 0 ? instanceKeyText(row.key) : `${row.sequence}`
  const verdict = input.verdicts?.get(text) ?? (isAnother(fold, draft, row) && !isAccepted(fold, base, row))
  verdicts.set(text, verdict)
  return verdict
}

const isAnother = (fold: Fold, draft: PatientDraft, { claimed }: UpsertRow): boolean => {
  const { resource, compared } = draft
  if (resource === undefined) return false
  if (compared?.known === resource && compared.claimed === claimed) return compared.conflict
  const conflict = demographicsConflict(judgingOf(fold), resource, claimed)
  draft.compared = { known: resource, claimed, conflict }
  return conflict
}

const isAccepted = (
  { input: { accepted, settings } }: Fold,
  base: PatientDraft['base'],
  { identity, claimed }: UpsertRow,
): boolean =>
  accepted !== undefined &&
  base?.id !== undefined &&
  accepted.has(acceptedDigest(firstRoot(settings.dicom), base.id, identity, claimed))
