// Alerts read the one line that each cast logs, whoever asked for it (tellCast in lib/composition/trace.ts): {"level":…,"message":"cast",…}.

import { Tags } from 'types.bicep'

@description('Makes names unique.')
param token string

@description('Azure region.')
param location string

@description('Tags.')
param tags Tags

@description('Application Insights of the app.')
param appInsightsId string

@description('E-mail addresses that alerts go to.')
param emails string[]

@description('Existing action groups that alerts go to as well.')
param actionGroupIds string[]

@description('No successful run for so long raises an alert.')
param noSuccessFor string

@description('A lag of more than so many entries raises an alert.')
param lagEntries int

// A line that is no JSON, or somebody else's, is left out without an error.
// `to` is a word of the query language: `run.to` is a syntax error, and an alert with one stays silent.
var runs = '''
traces
| where message startswith '{"level":'
| extend run = parse_json(message)
| where tostring(run.message) == 'cast'
'''

var lagQuery = '''
| where tostring(run.ended) in ('CaughtUp', 'BatchDone', 'OutOfTime')
| summarize lag = min(tolong(run.head) - tolong(run['to']))
| where lag > {limit}
'''

var rules = [
  {
    name: 'no-successful-run'
    title: 'DICOMcast: no successful run'
    description: 'No run caught up, ended a batch, or moved the checkpoint. The last line of the app says why in `reason`.'
    severity: 1
    window: noSuccessFor
    every: 'PT5M'
    operator: 'LessThan'
    threshold: 1
    staysUntilOver: true
    query: '''
| where tostring(run.ended) in ('CaughtUp', 'BatchDone') or tolong(run['to']) > tolong(run.from)
'''
  }
  {
    name: 'lag'
    title: 'DICOMcast: FHIR lags behind the change feed'
    description: 'For 15 minutes no run came closer to the head of the feed than the limit. Normal during a first backfill.'
    severity: 2
    window: 'PT15M'
    every: 'PT5M'
    operator: 'GreaterThan'
    threshold: 0
    staysUntilOver: true
    query: replace(lagQuery, '{limit}', string(lagEntries))
  }
  {
    name: 'new-failures'
    title: 'DICOMcast: entries could not be cast'
    description: 'New rows in the failure tables. Each row names its instance, its code and what to do.'
    severity: 2
    window: 'PT15M'
    every: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
    staysUntilOver: false
    query: '''
| extend dicom = coalesce(tolong(run.failed.DicomFailToStoreExceptionTable), 0)
| extend fhir = coalesce(tolong(run.failed.FhirFailToStoreExceptionTable), 0)
| extend transient = coalesce(tolong(run.failed.TransientFailureExceptionTable), 0)
| where dicom + fhir + transient > 0
'''
  }
  {
    name: 'identity-work-list'
    title: 'DICOMcast: whose patient is it?'
    description: 'New entries whose patient is in doubt (PatientMismatch, DemographicsConflict, IssuerUnknown, PatientAmbiguous, PatientInactive): a person must decide.'
    severity: 2
    window: 'PT15M'
    every: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
    staysUntilOver: false
    query: '''
| mv-expand code = bag_keys(run.codes)
| where tostring(code) in ('PatientMismatch', 'DemographicsConflict', 'IssuerUnknown', 'PatientAmbiguous', 'PatientInactive')
'''
  }
  {
    name: 'access-denied'
    title: 'DICOMcast: access denied (401 or 403)'
    description: 'A service refused the identity. `reason` names the service, and the role or setting to look at.'
    severity: 1
    window: 'PT15M'
    every: 'PT5M'
    operator: 'GreaterThan'
    threshold: 0
    staysUntilOver: true
    query: '''
| where tostring(run.ended) == 'AccessDenied'
'''
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-dicomcast-${token}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'dicomcast'
    enabled: true
    emailReceivers: [
      for (email, i) in emails: {
        name: 'email-${i}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alertRules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in rules: {
    name: 'dicomcast-${rule.name}-${token}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.title
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [appInsightsId]
      evaluationFrequency: rule.every
      windowSize: rule.window
      // Until the first line of the app arrives, the columns of `run` cannot be checked.
      skipQueryValidation: true
      autoMitigate: rule.staysUntilOver
      muteActionsDuration: rule.staysUntilOver ? null : 'PT1H'
      criteria: {
        allOf: [
          {
            query: '${runs}${rule.query}'
            timeAggregation: 'Count'
            operator: rule.operator
            threshold: rule.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: { actionGroups: concat([people.id], actionGroupIds) }
    }
  }
]
