// A new Azure Health Data Services workspace with one DICOM and one FHIR service.

import { Tags } from 'types.bicep'

@description('Name of the workspace.')
param workspaceName string

@description('Azure region.')
param location string

@description('Tags.')
param tags Tags

@description('Domain of health data services in this cloud.')
param domain string

@description('Reachable by private endpoints only.')
param isPrivate bool

var publicAccess = isPrivate ? 'Disabled' : 'Enabled'

resource workspace 'Microsoft.HealthcareApis/workspaces@2024-03-31' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    publicNetworkAccess: publicAccess
  }
}

resource dicom 'Microsoft.HealthcareApis/workspaces/dicomservices@2024-03-31' = {
  parent: workspace
  name: 'dicom'
  location: location
  tags: tags
  properties: {
    publicNetworkAccess: publicAccess
  }
}

resource fhir 'Microsoft.HealthcareApis/workspaces/fhirservices@2024-03-31' = {
  parent: workspace
  name: 'fhir'
  location: location
  tags: tags
  kind: 'fhir-R4'
  properties: {
    authenticationConfiguration: {
      authority: '${environment().authentication.loginEndpoint}${tenant().tenantId}'
      audience: 'https://${workspaceName}-fhir.fhir.${domain}'
      smartProxyEnabled: false
    }
    // Every batch writes an ImagingStudy anew while its images arrive: without this, each of them stays as a version.
    resourceVersionPolicyConfiguration: {
      default: 'versioned'
      resourceTypeOverrides: { ImagingStudy: 'no-version' }
    }
    publicNetworkAccess: publicAccess
  }
  // The workspace takes one change at a time.
  dependsOn: [dicom]
}
