import type { CastSettings } from '../app/context'
import type { Settings } from '../config/read-settings'
import { dicomRoot } from '../domain/fhir/provenance'
import { withoutTrailing } from '../domain/text'

/** What the app is told of the settings: it knows no environment. */
export const castSettings = (settings: Settings, maxBatches: number): CastSettings => ({
  dicom: dicomRoot(settings.dicomWeb.endpoint, settings.dicomWeb.version),
  fhirBase: withoutTrailing(settings.fhir.endpoint, '/'),
  enforceValidation: settings.enforceValidationOfTagValues,
  generateObservations: settings.generateObservations,
  hidesRejectedForQuality: settings.hidesRejectedForQuality,
  excludedElements: settings.excludedElements,
  defaultTimeZone: settings.defaultTimeZone,
  partitions: new Set(settings.partitions),
  patient: settings.patient,
  batchSize: settings.batchSize,
  backfillReads: settings.backfillReads,
  maxBatches,
  maxBundleEntries: settings.fhir.maxBundleEntries,
  maxBundleBytes: settings.fhir.maxBundleBytes,
  holeAgeMs: settings.dicomWeb.holeAgeMs,
  totalRetryDurationMs: settings.totalRetryDurationMs,
  startFrom:
    settings.startFrom._tag === 'Sequence'
      ? settings.startFrom.sequence
      : settings.startFrom._tag === 'Now'
        ? 'now'
        : 'beginning',
})
