// In one account, apart by container, table and queue: the app's lease (`dicomcast`), tables and the queue of a backfill, and
// what the Functions host keeps for itself, the keys of its routes among it. The app creates its tables when it writes the
// first row.

@description('Name of the storage account, in the resource group of this deployment.')
param accountName string

@description('Principal id of the app\'s identity.')
param principalId string

@description('Name of the queue of a backfill, which function backfillWork listens to.')
param queueName string

@description('Log Analytics workspace that hears who has read, written or deleted.')
param logsId string

@description('Name of that rule: an account may have one of each installation.')
param logsName string

// The host needs Owner, not Contributor: it says so for AzureWebJobsStorage.
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
// On the two queues alone. The smaller roles that Azure names for a queue trigger may not update a message: the host could
// neither renew one that takes long, nor give one back.
var storageQueueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'

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

resource queues 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' existing = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = {
  parent: queues
  name: queueName
}

// What the host has died over five times, by the host's own name for it.
resource poisonQueue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = {
  parent: queues
  name: '${queueName}-poison'
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

resource queueContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(queue.id, principalId, storageQueueDataContributor)
  scope: queue
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataContributor)
  }
}

resource poisonContributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(poisonQueue.id, principalId, storageQueueDataContributor)
  scope: poisonQueue
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageQueueDataContributor)
  }
}

// Not of the queues: they hold keys of our own tables, and a poll a second would be most of all that is logged.
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
