import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { settingDescriptions } from '../../../lib/config/settings'
import { settingWarnings } from '../../../lib/config/setting-names'

const warned = (...names: ReadonlyArray<string>): ReadonlyArray<string> =>
  settingWarnings(Object.fromEntries(names.map((name) => [name, 'secret'])))

describe('settingWarnings', () => {
  it.each([
    ['DicomCast__BatchSiz', 'DicomCast__BatchSize'],
    ['Patient__IsIssuerUsed', 'Patient__IsIssuerIdUsed'],
    ['DicomCast__GenerateObservations', 'DicomCast__Features__GenerateObservations'],
    ['dicomcast__batchsize', 'DicomCast__BatchSize'],
    ['Fhir:Endpont', 'Fhir__Endpoint'],
    ['CastShedule', 'CastSchedule'],
  ])('names what %s was meant to be', (given, meant) => {
    expect(warned(given)).toEqual([`${given} is no setting of DICOMcast, and has no effect; did you mean ${meant}?`])
  })

  it('guesses nothing about a name that is like no other', () => {
    expect(warned('Fhir__Authentication__OAuth2ClientCredential__TokenUri')).toEqual([
      'Fhir__Authentication__OAuth2ClientCredential__TokenUri is no setting of DICOMcast, and has no effect.',
    ])
  })

  it('has nothing to say about our own settings, in both spellings, nor about those of others', () => {
    const names = settingDescriptions.map(({ name }) => name)
    expect(warned(...names, ...names.map((name) => name.replaceAll('__', ':')))).toEqual([])
    expect(
      warned('PATH', 'AzureWebJobsStorage__credential', 'AzureWebJobs.castTimer.Disabled', 'FUNCTIONS_WORKER_RUNTIME'),
    ).toEqual([])
    const sample = JSON.parse(readFileSync('local.settings.sample.json', 'utf8')) as { Values: Record<string, string> }
    expect(settingWarnings(sample.Values)).toEqual([])
  })
})
