// A virtual network for the app, and private endpoints for what it talks to. Names stay the same: private DNS answers.

import { Tags } from 'types.bicep'

@description('Makes names unique.')
param token string

@description('Azure region.')
param location string

@description('Tags.')
param tags Tags

@description('Address range, /24 or larger: the lower half is for the app, the upper for the endpoints.')
param addressPrefix string

@description('Storage account of the app.')
param storageAccountId string

@description('Storage account of the package.')
param packageAccountId string

@description('Domain of health data services in this cloud.')
param healthDomain string

@description('Domain of function apps in this cloud.')
param sitesDomain string

@description('Workspace of the DICOM service. Empty: none.')
param dicomWorkspaceId string

@description('Workspace of the FHIR service. Empty: none.')
param fhirWorkspaceId string

var storageSuffix = environment().suffixes.storage
var healthZones = [
  'privatelink.workspace.${healthDomain}'
  'privatelink.dicom.${healthDomain}'
  'privatelink.fhir.${healthDomain}'
]
// The host looks for all three services of its account.
var storageServices = ['blob', 'queue', 'table']

var storageEndpoints = map(storageServices, service => {
  name: 'pe-dicomcast-${service}-${token}'
  targetId: storageAccountId
  groupId: service
  zoneNames: ['privatelink.${service}.${storageSuffix}']
})
var packageEndpoint = {
  name: 'pe-dicomcast-package-${token}'
  targetId: packageAccountId
  groupId: 'blob'
  zoneNames: ['privatelink.blob.${storageSuffix}']
}
// Both services usually live in one workspace, which takes one endpoint for all of them.
var dicomWorkspace = toLower(dicomWorkspaceId)
var fhirWorkspace = toLower(fhirWorkspaceId)
var workspaceIds = filter(union([dicomWorkspace], [fhirWorkspace]), id => !empty(id))
var workspaceEndpoints = map(workspaceIds, id => {
  name: 'pe-dicomcast-${last(split(id, '/'))}-${token}'
  targetId: id
  groupId: 'healthcareworkspace'
  zoneNames: healthZones
})

// A zone without an entry would hide the public address of the services it is for. That of the app gets its entry when there
// is an app, which needs the network first.
var storageZones = map(storageServices, service => 'privatelink.${service}.${storageSuffix}')
var zones = concat(storageZones, ['privatelink.${sitesDomain}'], empty(workspaceIds) ? [] : healthZones)

resource virtualNetwork 'Microsoft.Network/virtualNetworks@2025-01-01' = {
  name: 'vnet-dicomcast-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 25, 0)
          // What Flex Consumption asks of its subnet.
          delegations: [
            {
              name: 'flex'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 25, 1)
        }
      }
    ]
  }
}

resource dnsZones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in zones: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource dnsLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, i) in zones: {
    parent: dnsZones[i]
    name: 'dicomcast'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: virtualNetwork.id }
    }
  }
]

// One after the other: two endpoints that write to one DNS zone at the same time disturb each other.
@batchSize(1)
module endpoints 'private-endpoint.bicep' = [
  for endpoint in concat(storageEndpoints, [packageEndpoint], workspaceEndpoints): {
    name: take('dicomcast-${endpoint.name}', 64)
    params: {
      name: endpoint.name
      location: location
      tags: tags
      subnetId: '${virtualNetwork.id}/subnets/endpoints'
      targetId: endpoint.targetId
      groupId: endpoint.groupId
      zoneNames: endpoint.zoneNames
    }
    dependsOn: [dnsLinks]
  }
]

output appSubnetId string = '${virtualNetwork.id}/subnets/app'
output endpointSubnetId string = '${virtualNetwork.id}/subnets/endpoints'
