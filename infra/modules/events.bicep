// Events of the DICOM service to POST /api/wake of the app, by Event Grid. An event is a hint that the feed has something
// new; the timer finds what no event told of.

import { Tags } from 'types.bicep'

@description('Workspace of the DICOM service: the source of the events.')
param workspaceName string

@description('Region of the workspace: a system topic lives where its source does.')
param location string

@description('Tags.')
param tags Tags

@description('System topic of the workspace that is there already. Empty: a new one; Azure allows one per workspace.')
param existingTopicName string

@description('Name of the event subscription.')
param subscriptionName string

@description('Host name of the DICOM service: others of the workspace tell their events to the same topic.')
param dicomHost string

@description('Azure subscription of the app.')
param appSubscriptionId string

@description('Resource group of the app.')
param appGroupName string

@description('Name of the app. Its code must be deployed: Azure asks the route before it creates the subscription.')
param appName string

@description('Host name of the app.')
param appHost string

resource workspace 'Microsoft.HealthcareApis/workspaces@2024-03-31' existing = {
  name: workspaceName
}

resource newTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (empty(existingTopicName)) {
  name: 'evgt-${workspaceName}'
  location: location
  tags: tags
  properties: {
    source: workspace.id
    topicType: 'Microsoft.HealthcareApis.Workspaces'
  }
}

resource wake 'Microsoft.Web/sites/functions@2025-03-01' existing = {
  name: '${appName}/wake'
  scope: resourceGroup(appSubscriptionId, appGroupName)
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: empty(existingTopicName) ? 'evgt-${workspaceName}' : existingTopicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: subscriptionName
  properties: {
    // Its handshake needs no key: an anonymous function on the same route answers it.
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: {
      includedEventTypes: [
        'Microsoft.HealthcareApis.DicomImageCreated'
        'Microsoft.HealthcareApis.DicomImageDeleted'
        'Microsoft.HealthcareApis.DicomImageUpdated'
      ]
      advancedFilters: [
        {
          operatorType: 'StringIn'
          key: 'data.serviceHostName'
          values: [dicomHost]
        }
      ]
    }
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${appHost}/api/wake'
        maxEventsPerBatch: 200
        preferredBatchSizeInKilobytes: 256
        minimumTlsVersionAllowed: '1.2'
        deliveryAttributeMappings: [
          {
            name: 'x-functions-key'
            type: 'Static'
            properties: {
              // Opens this route alone.
              value: wake.listKeys().default
              isSecret: true
            }
          }
        ]
      }
    }
    // Soon the timer has found it: no old event is worth a call, and none is kept as a dead letter.
    retryPolicy: {
      maxDeliveryAttempts: 10
      eventTimeToLiveInMinutes: 10
    }
  }
  dependsOn: [newTopic]
}
