// Logs and metrics. Only Entra tokens may send any: the connection string alone is no key.

import { Tags } from 'types.bicep'

@description('Makes names unique.')
param token string

@description('Azure region.')
param location string

@description('Tags.')
param tags Tags

@description('Principal id of the app\'s identity.')
param principalId string

@description('Days that logs are kept.')
param retentionDays int

var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

resource logs 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: 'log-dicomcast-${token}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    features: { disableLocalAuth: true }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-dicomcast-${token}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: logs.id
    DisableLocalAuth: true
  }
}

resource publisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, principalId, monitoringMetricsPublisher)
  scope: insights
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
  }
}

output id string = insights.id
output logsId string = logs.id
output name string = insights.name
output connectionString string = insights.properties.ConnectionString
