/** What a run did, in the order of its line. */
export const reportFields = [
  'ended',
  'from',
  'to',
  'head',
  'openHoles',
  'entries',
  'stored',
  'unchanged',
  'superseded',
  'skipped',
  'recorded',
  'failed',
  'codes',
  'fhirRequests',
  'fhirBytesSent',
  'dicomRequests',
  'retries',
  'durationMs',
  'reason',
]

/** The line that every cast writes, whoever asked for it: `dicomcast cast --json` prints the same. */
export const lineFields = ['level', 'message', 'time', 'runId', 'version', 'kind', 'by', ...reportFields]
