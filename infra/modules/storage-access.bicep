// In one account, apart by container and table: the app's lease (`dicomcast`) and tables, and what the Functions host keeps
// for itself, the keys of its routes among it. The app creates its tables when it writes the first row.

@description('Name of the storage account, in the resource group of this deployment.')
param accountName string

@description('Principal id of the app\'s identity.')
param principalId string

@description('Log Analytics workspace that hears who has read, written or deleted.')
param logsId string

@description('Name of that rule: an account may have one of each installation.')
param logsName string

// The host needs Owner, not Contributor: it says so for AzureWebJobsStorage. No queue role: a timer uses no queue.
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'

var categories = ['StorageRead', 'StorageWrite', 'StorageDelete']

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' existing = {
  parent: account
  name: 'default'
}

resource lease 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobs
  name: 'dicomcast'
}

resource blobOwner 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, storageBlobDataOwner)
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataOwner)
  }
}

resource tableContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, storageTableDataContributor)
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageTableDataContributor)
  }
}

resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: logsName
  scope: blobs
  properties: {
    workspaceId: logsId
    logs: [
      for category in categories: {
        category: category
        enabled: true
      }
    ]
  }
}

resource tableLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: logsName
  scope: tables
  properties: {
    workspaceId: logsId
    logs: [
      for category in categories: {
        category: category
        enabled: true
      }
    ]
  }
}
