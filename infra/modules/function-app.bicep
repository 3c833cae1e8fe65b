// The function app on Flex Consumption. Runtime and version stand in functionAppConfig: FUNCTIONS_WORKER_RUNTIME,
// FUNCTIONS_EXTENSION_VERSION and WEBSITE_RUN_FROM_PACKAGE are not allowed here.

@description('Name of the app.')
param name string

@description('Azure region.')
param location string

@description('Tags, azd\'s service name among them.')
param tags object

@description('Node.js version.')
param nodeVersion string

@description('Memory of one instance, in MB.')
param instanceMemoryMB int

@description('Resource id of the app\'s identity.')
param identityId string

@description('Client id of the app\'s identity.')
param identityClientId string

@description('Storage account of the host and of the app.')
param storageAccountName string

@description('Container of the package.')
param deploymentContainerName string

@description('Connection string of Application Insights. It is no secret: local authentication is off there.')
param appInsightsConnectionString string

@description('Subnet to integrate with. Empty: none.')
param subnetId string

@description('Settings of the app (lib/config/settings.ts), but for the storage.')
param castSettings object

@description('Keep the timer from firing.')
param paused bool

@description('Client id of the app registration for operators. Empty: no sign-in.')
param authClientId string

@description('Object ids of the users and service principals who may call the HTTP routes. Empty: everyone of the tenant.')
param allowedPrincipals array

var storageSuffix = environment().suffixes.storage
var blobServiceUri = 'https://${storageAccountName}.blob.${storageSuffix}'
var hasAuth = !empty(authClientId)

// The app reads the storage's URIs and client id too: its lease and tables lie in the same account as the host's state.
var platformSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: blobServiceUri
  AzureWebJobsStorage__queueServiceUri: 'https://${storageAccountName}.queue.${storageSuffix}'
  AzureWebJobsStorage__tableServiceUri: 'https://${storageAccountName}.table.${storageSuffix}'
  APPLICATIONINSIGHTS_CONNECTION_STRING: appInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // Azure's own switch of one function: the portal's button sets the same.
  'AzureWebJobs.castTimer.Disabled': toLower(string(paused))
  // Which identity the app's tokens are of: @azure/identity reads it.
  AZURE_CLIENT_ID: identityClientId
}
// App Service authentication signs in as the app registration by a token of this identity, not by a client secret.
var federatedCredential = 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
var authorizationPolicy = empty(allowedPrincipals) ? {} : { allowedPrincipals: { identities: allowedPrincipals } }
var authSettings = hasAuth ? { '${federatedCredential}': identityClientId } : {}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobServiceUri}/${deploymentContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        // The smallest that Azure allows. The timer runs on one instance; a lease keeps a second run out.
        maximumInstanceCount: 40
        instanceMemoryMB: instanceMemoryMB
      }
      runtime: {
        name: 'node'
        version: nodeVersion
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      appSettings: [
        for setting in items(union(castSettings, platformSettings, authSettings)): {
          name: setting.key
          value: setting.value
        }
      ]
    }
  }
}

// Deployment by Entra tokens only: no publishing password. Flex Consumption has no FTP, so there is nothing to close.
resource noPublishingPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource auth 'Microsoft.Web/sites/config@2025-03-01' = if (hasAuth) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      // A health probe tells nothing, and has nobody to sign in as.
      excludedPaths: ['/api/health']
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          clientSecretSettingName: federatedCredential
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: ['api://${authClientId}', authClientId]
          defaultAuthorizationPolicy: authorizationPolicy
        }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
