// One private endpoint with its entries in private DNS.

import { Tags } from 'types.bicep'

@description('Name of the endpoint.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags Tags

@description('Subnet that it gets an address in.')
param subnetId string

@description('Resource that it leads to.')
param targetId string

@description('Which service of that resource.')
param groupId string

@description('Private DNS zones, in this resource group, that get its address.')
param zoneNames string[]

resource endpoint 'Microsoft.Network/privateEndpoints@2025-01-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: {
          privateLinkServiceId: targetId
          groupIds: [groupId]
        }
      }
    ]
  }
}

resource dns 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-01-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      for zone in zoneNames: {
        name: replace(zone, '.', '-')
        properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zone) }
      }
    ]
  }
}
