// The app may read the DICOM service: change feed and metadata. It never writes there.

@description('Health data workspace, in the resource group of this deployment.')
param workspaceName string

@description('DICOM service in it.')
param serviceName string

@description('Principal id of the app\'s identity.')
param principalId string

var dicomDataReader = 'e89c7a3c-2f64-4fa1-a847-3e4c9ba4283a'

resource workspace 'Microsoft.HealthcareApis/workspaces@2024-03-31' existing = {
  name: workspaceName
}

resource dicom 'Microsoft.HealthcareApis/workspaces/dicomservices@2024-03-31' existing = {
  parent: workspace
  name: serviceName
}

resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dicom.id, principalId, dicomDataReader)
  scope: dicom
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dicomDataReader)
  }
}
