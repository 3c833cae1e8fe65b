import { describe, expect, it } from '@jest/globals'
import { castUntilCaughtUp } from '../../local/stack'
import { summaryOf, warningOf, type RunSummary } from '../../local/stack-log'
import { resultLines, runLine } from '../../local/stack-report'
import { commandSettings, stackSettings } from '../../local/stack-settings'

const urls = { dicom: 'http://dicom', fhir: 'http://fhir', connectionString: 'storage' }

describe('the settings of the stack', () => {
  it("take over the person's own, but not those about a service that is local here", () => {
    const env = {
      Patient__PatientSystemId: 'urn:hospital',
      DicomWeb__PrivateEndpoint: 'https://elsewhere',
      Fhir__Authentication__Enabled: 'true',
      AzureWebJobsStorage__accountName: 'production',
      CastSchedule: '0 0 * * * *',
    }
    expect(stackSettings(env, urls, {}, true)).toEqual({
      Patient__PatientSystemId: 'urn:hospital',
      CastSchedule: '0 0 * * * *',
      DicomCast__Events: 'true',
      DicomCast__TimerBatches: '0',
      DicomWeb__Endpoint: 'http://dicom',
      DicomWeb__Version: 'v2',
      DicomWeb__Authentication__Enabled: 'false',
      Fhir__Endpoint: 'http://fhir',
      Fhir__Authentication__Enabled: 'false',
      AzureWebJobsStorage: 'storage',
    })
  })
  it("keep the person's settings about a server of their own", () => {
    const env = { Fhir__Authentication__Enabled: 'true' }
    expect(stackSettings(env, urls, { fhirUrl: 'http://fhir' }, true)).toMatchObject(env)
  })
  it('name an Orthanc as the source, which sends no events', () => {
    const settings = stackSettings({ DicomWeb__Version: 'v1' }, urls, { orthanc: true }, true)
    expect(settings).toMatchObject({ DicomWeb__Source: 'orthanc', DicomWeb__Endpoint: 'http://dicom' })
    for (const each of ['DicomWeb__Version', 'DicomCast__Events']) expect(settings).not.toHaveProperty(each)
    expect(commandSettings(urls, { orthanc: true })).toMatchObject({ DicomWeb__Source: 'orthanc' })
  })
  it('take the timer off its schedule for a single run', () => {
    const settings = stackSettings({}, urls, {}, false)
    expect(settings).toMatchObject({ 'AzureWebJobs.castTimer.Disabled': 'true' })
    expect(settings).not.toHaveProperty('DicomCast__Events')
  })
})

describe('casting until caught up', () => {
  const stackOf = (...runs: RunSummary[]) => ({ cast: async () => runs.shift() ?? { ended: 'asked too often' } })

  it.each<[string, RunSummary[], string]>([
    ['goes on after a full batch', [{ ended: 'BatchDone', to: 5, head: 9 }, { ended: 'CaughtUp' }], 'CaughtUp'],
    ['is done when a batch ends at the head', [{ ended: 'BatchDone', to: 9, head: 9 }], 'BatchDone'],
    ['waits for a tick that holds the lease', [{ ended: 'LeaseHeld' }, { ended: 'CaughtUp' }], 'CaughtUp'],
    ['stops at a failure', [{ ended: 'ServiceUnavailable' }], 'ServiceUnavailable'],
  ])('%s', async (_, runs, ended) => {
    expect((await castUntilCaughtUp(stackOf(...runs))).ended).toBe(ended)
  })
})

describe('what a person reads', () => {
  it('tells a run in one line', () => {
    const run = { ended: 'CaughtUp', entries: 28, stored: 25, recorded: 3, fhirRequests: 4, durationMs: 812 }
    expect(runLine(run)).toBe('CaughtUp  28 entries: 25 stored, 3 recorded  (4 FHIR requests, 0.8 s)')
    expect(runLine({ ended: 'Done', kind: 'reconcile', entries: 0, reason: '9 studies compared' })).toBe(
      'Done  9 studies compared',
    )
    expect(runLine({ ended: 'ServiceUnavailable', reason: 'FHIR answers 503' })).toBe(
      'ServiceUnavailable  nothing new  (0 FHIR requests, 0.0 s): FHIR answers 503',
    )
  })
  it('lines studies, error rows and the checkpoint up', () => {
    const lines = resultLines(
      {
        studies: [
          { studyInstanceUid: '1.2.3', patient: 'Patient/p', modality: 'MR', series: 1, instances: 20, id: 'i' },
        ],
        totals: { studies: 2, patients: 1, observations: 0 },
        errors: [
          { table: 'A', rows: [] },
          {
            table: 'B',
            rows: [{ sequence: '7', code: 'TagsRejected', count: '', study: '1.2.3', reason: 'no\nPatientID' }],
          },
        ],
        syncedSequence: 28,
      },
      { ended: 'CaughtUp', head: 28 },
    )
    expect(lines).toEqual([
      'What FHIR holds now',
      '  STUDY  PATIENT    MODALITY  SERIES  INSTANCES  FHIR RESOURCE',
      '  1.2.3  Patient/p  MR             1         20  ImagingStudy/i',
      '  … and 1 more',
      '',
      'What could not be cast, or not in full (Table storage)',
      '  A: empty',
      '  B: 1 row',
      '    SEQUENCE  CODE          COUNT  STUDY  REASON',
      '    7         TagsRejected         1.2.3  no PatientID',
      '',
      'Checkpoint: 28 of 28 in the change feed',
    ])
  })
})

describe('what the app logs', () => {
  const line = (level: string, message: string) => ({ level, message, category: 'user', functionName: 'castTimer' })

  it('holds the summary of a run, and lines that are none', () => {
    expect(
      summaryOf(line('information', '{"level":"info","message":"run ended","ended":"CaughtUp","to":28}')),
    ).toMatchObject({
      ended: 'CaughtUp',
      to: 28,
    })
    expect(summaryOf(line('information', '{"level":"info","message":"reading"}'))).toBeUndefined()
    expect(summaryOf(line('information', '{ not JSON'))).toBeUndefined()
  })
  it.each([
    ['warning', '{"level":"warn","message":"FHIR answers 503","status":503}', 'warning: FHIR answers 503'],
    ['error', 'Failed: no FHIR', 'error: Failed: no FHIR'],
    ['error', '    at cast (file.js:1:1)', undefined],
    ['information', 'all is well', undefined],
  ])('is told a person without fields and stack traces: %s %s', (level, message, told) => {
    expect(warningOf(line(level, message))).toBe(told)
  })
})
