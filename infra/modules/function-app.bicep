// The function app on Flex Consumption. Runtime and version stand in functionAppConfig: FUNCTIONS_WORKER_RUNTIME,
// FUNCTIONS_EXTENSION_VERSION and WEBSITE_RUN_FROM_PACKAGE are not allowed here.

import { Settings, Tags } from 'types.bicep'

@description('Name of the app.')
param name string

@description('Azure region.')
param location string

@description('Tags, azd\'s service name among them.')
param tags Tags

@description('Node.js version.')
param nodeVersion string

@description('Memory of one instance, in MB.')
param instanceMemoryMB int

@description('Resource id of the app\'s identity.')
param identityId string

@description('Client id of the app\'s identity.')
param identityClientId string

@description('Resource id of the identity that Azure fetches the package with.')
param packageIdentityId string

@description('Storage account of the host and of the app.')
param storageAccountName string

@description('Storage account of the package.')
param packageAccountName string

@description('Container of the package in it.')
param packageContainerName string

@description('Log Analytics workspace that hears who has called and signed in.')
param logsId string

@description('Connection string of Application Insights. It is no secret: local authentication is off there.')
param appInsightsConnectionString string

@description('Subnet to integrate with. Empty: none.')
param subnetId string

@description('Address ranges that the app answers on its public side. Empty: none with a subnet, all without.')
param allowedAddresses string[]

@description('Settings of the app (lib/config/settings.ts), but for the storage.')
param castSettings Settings

@description('Keep the timer from firing.')
param paused bool

@description('Client id of the app registration for operators. Empty: no sign-in.')
param authClientId string

@description('Object ids of the users and service principals who may call the HTTP routes. Empty: everyone of the tenant.')
param allowedPrincipals string[]

var storageSuffix = environment().suffixes.storage
var hasAuth = !empty(authClientId)
var isClosed = !empty(subnetId) && empty(allowedAddresses)
var otherAddresses = empty(allowedAddresses) ? 'Allow' : 'Deny'

// The app reads the storage's URIs and client id too: its lease and tables lie in the same account as the host's state.
var platformSettings = {
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: 'https://${storageAccountName}.blob.${storageSuffix}'
  AzureWebJobsStorage__queueServiceUri: 'https://${storageAccountName}.queue.${storageSuffix}'
  AzureWebJobsStorage__tableServiceUri: 'https://${storageAccountName}.table.${storageSuffix}'
  APPLICATIONINSIGHTS_CONNECTION_STRING: appInsightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // Azure's own switch of one function: the portal's button sets the same.
  'AzureWebJobs.castTimer.Disabled': toLower(string(paused))
  // Bytes of a body that the host passes on; the app's own limits are lower, and its answer is a 413.
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1048576'
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
    userAssignedIdentities: {
      '${identityId}': {}
      '${packageIdentityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    publicNetworkAccess: isClosed ? 'Disabled' : 'Enabled'
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: 'https://${packageAccountName}.blob.${storageSuffix}/${packageContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: packageIdentityId
          }
        }
      }
      scaleAndConcurrency: {
        // The smallest that Azure allows, for each group of functions. The timer runs on one instance; a lease keeps a second
        // run out. Of a backfill, its lanes say how many are at work: each has one message on the queue.
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
      ipSecurityRestrictionsDefaultAction: otherAddresses
      ipSecurityRestrictions: [
        for address in allowedAddresses: {
          name: 'operators'
          ipAddress: address
          action: 'Allow'
          priority: 100
        }
      ]
      // Where packages are deployed to is open to the same addresses.
      scmIpSecurityRestrictionsDefaultAction: otherAddresses
      scmIpSecurityRestrictionsUseMain: true
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

// The app's own lines, and who has signed in. Not the log of requests: it holds URLs, and a key may stand in one.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'dicomcast'
  scope: app
  properties: {
    workspaceId: logsId
    logs: [
      for category in concat(['FunctionAppLogs'], hasAuth ? ['AppServiceAuthenticationLogs'] : []): {
        category: category
        enabled: true
      }
    ]
  }
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
      // A health probe tells nothing, and has nobody to sign in as; nor has an event, which brings a key.
      excludedPaths: ['/api/health', '/api/wake']
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

output id string = app.id
output name string = app.name
output hostName string = app.properties.defaultHostName
