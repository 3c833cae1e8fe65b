// The package's container, in an account of its own, and the identity that may read and write there.

@description('Storage account of the package, in the resource group of this deployment.')
param accountName string

@description('Principal id of the identity that Azure fetches the package with.')
param principalId string

@description('Log Analytics workspace that hears who has read, written or deleted.')
param logsId string

// Reader is not enough: a deployment writes the package with it, too.
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: account
  name: 'default'
}

resource package 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobs
  name: 'package'
}

resource contributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, storageBlobDataContributor)
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'dicomcast'
  scope: blobs
  properties: {
    workspaceId: logsId
    logs: [
      for category in ['StorageRead', 'StorageWrite', 'StorageDelete']: {
        category: category
        enabled: true
      }
    ]
  }
}

output containerName string = package.name
