// A new storage account without keys: shared key access is off, so there is nothing to leak or to rotate.

import { Tags } from 'types.bicep'

@description('Name of the account.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags Tags

@description('Redundancy.')
param sku string

@description('Reachable by private endpoints only.')
param isPrivate bool

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      bypass: 'None'
    }
  }
}
