// The app may read, write and softly delete in the FHIR service: no export, no hard delete, no profile.

@description('Health data workspace, in the resource group of this deployment.')
param workspaceName string

@description('FHIR service in it.')
param serviceName string

@description('Principal id of the app\'s identity.')
param principalId string

var fhirDataWriter = '3f88fce4-5892-4214-ae73-ba5294559913'

resource workspace 'Microsoft.HealthcareApis/workspaces@2024-03-31' existing = {
  name: workspaceName
}

resource fhir 'Microsoft.HealthcareApis/workspaces/fhirservices@2024-03-31' existing = {
  parent: workspace
  name: serviceName
}

resource writer 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(fhir.id, principalId, fhirDataWriter)
  scope: fhir
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', fhirDataWriter)
  }
}
