// DICOMcast for Azure Functions: everything the function app needs, and no secret but the key that Event Grid
// sends.
// `azd up` deploys it; so does .github/workflows/deploy.yml. docs/deploy.md walks through it.
targetScope = 'subscription'

import { Systems, Tags } from 'modules/types.bicep'

// ── Where ────────────────────────────────────────────────────────────────────────────────────────────────────────────

@description('Name of this installation. Resource names are derived from it, the subscription and the location.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Azure region of all new resources. It must offer Flex Consumption.')
param location string

@description('Resource group of all new resources. It is created when it does not exist.')
param resourceGroupName string = 'rg-${environmentName}'

@description('Tags put on every new resource.')
param tags Tags = {}

// ── The two services ─────────────────────────────────────────────────────────────────────────────────────────────────

@description('Resource id of the existing DICOM service to read from, in any resource group of the tenant. Empty with createHealthDataServices, or for a service outside Azure (then give dicomEndpoint).')
param dicomServiceId string = ''

@description('Resource id of the existing FHIR service to write to. Empty with createHealthDataServices, or for a service outside Azure (then give fhirEndpoint).')
param fhirServiceId string = ''

@description('Create a new Azure Health Data Services workspace with a DICOM and a FHIR service, and use these two.')
param createHealthDataServices bool = false

@description('Public URL of the DICOM service; it goes into FHIR. Empty: the URL that Azure gives the service.')
param dicomEndpoint string = ''

@description('URL to talk to the DICOM service at, if it is another. Not needed for private link, which keeps the name.')
param dicomPrivateEndpoint string = ''

@description('What tells of changes: changefeed (Azure), orthanc (the log of an Orthanc), or dicomweb (nothing: docs/archives.md).')
@allowed(['changefeed', 'orthanc', 'dicomweb'])
param dicomSource string = 'changefeed'

@description('API version in the URLs of studies; none for a service without versions.')
param dicomVersion string = 'v2'

@description('Send a token of the managed identity to the DICOM service. Azure needs it.')
param dicomAuthenticationEnabled bool = true

@description('Scope of the token for the DICOM service. Another cloud than the public one has its own.')
param dicomScope string = 'https://dicom.healthcareapis.azure.com/.default'

@description('URL of the FHIR service. Empty: the URL that Azure gives the service.')
param fhirEndpoint string = ''

@description('Send a token of the managed identity to the FHIR service. Azure needs it.')
param fhirAuthenticationEnabled bool = true

@description('Scope of the token for the FHIR service: its audience and /.default. Empty: its URL and /.default. Set it when SMART on FHIR changed the audience.')
param fhirScope string = ''

// ── How it casts: the settings of lib/config/settings.ts, with their defaults ────────────────────────────────────────

@description('Put before the name of each table. The original has none.')
@maxLength(33)
param tableNamePrefix string = ''

@description('The identifiers\' system of patients without a known issuer: an absolute URI. Empty: the original\'s empty system.')
param patientSystemId string = ''

@description('Take the system from the PatientID\'s issuer.')
param patientIsIssuerIdUsed bool = false

@description('System of each issuer: issuer to absolute URI.')
param patientIssuerSystems Systems = {}

@description('System of each partition\'s patients: partition to absolute URI.')
param patientPartitionSystems Systems = {}

@description('PatientIDs that stand for nobody, in any case: a comma-separated list.')
param patientRejectedIds string = ''

@description('Refuse a PatientID whose birth date and name or sex are of somebody else.')
param patientMatchGuard bool = true

@description('Birth dates that stand for an unknown one: a comma list of dates as yyyy-mm-dd.')
param patientPlaceholderBirthDates string = '1800-01-01,1850-01-01,1885-01-01,1900-01-01,1901-01-01,9999-12-31'

@description('Names that stand for an unknown one, such as TRAUMA*,UNKNOWN*: a comma list of patterns.')
param patientAliasNames string = ''

@description('Which Patients follow the feed: those created here (own), none (never), or all (always). Others only get what they lack.')
@allowed(['own', 'never', 'always'])
param patientOverwrite string = 'own'

@description('One invalid tag keeps the entry out of FHIR.')
param enforceValidationOfTagValues bool = false

@description('Write radiation dose reports as Observations.')
param generateObservations bool = true

@description('Images that a rejection note withdraws for quality reasons (DCM 113001) leave FHIR, too.')
param hideRejectedForQuality bool = false

@description('Optional elements that are not written: a comma-separated list of names of docs/mapping.md.')
param mappingExclude string = ''

@description('How long an entry that fails alone is tried again: hh:mm:ss.')
param totalRetryDuration string = '00:10:00'

@description('When the timer fires, in UTC: a cron expression of six fields, seconds first.')
param castSchedule string = '0 * * * * *'

@description('Events of the DICOM service wake the app by Event Grid: an image is in FHIR seconds after it was stored. For a DICOM service in Azure. Switch it on once the code is deployed: Azure asks the route when it creates the subscription.')
param wakeByEvents bool = false

@description('Name of the Event Grid system topic that the workspace of the DICOM service has already, in its resource group. Empty: a new one is created there.')
param eventsTopicName string = ''

@description('Region of that workspace: a new system topic must be there.')
param eventsLocation string = location

@description('Entries of the change feed in one batch.')
@minValue(1)
@maxValue(100000)
param batchSize int = 1000

@description('Batches of one timer run. 0: until caught up or out of time.')
@minValue(0)
@maxValue(100000)
param timerBatches int = 1

@description('Time of one run: hh:mm:ss, at most 00:09:00, since host.json ends a function after ten minutes.')
param timeBudget string = '00:04:00'

@description('IANA time zone of times without an offset, such as Europe/Zurich. Empty: their date alone is written.')
param defaultTimeZone string = ''

@description('Where a new installation starts in the change feed: beginning, now, or a sequence (it starts behind that).')
param startFrom string = 'beginning'

@description('The partitions to sync: a comma-separated list. Empty: all.')
param partitions string = ''

@description('Entries of one transaction at the most.')
@minValue(3)
@maxValue(10000)
param maxBundleEntries int = 500

@description('Bytes of one transaction at the most.')
@minValue(65536)
@maxValue(104857600)
param maxBundleBytes int = 8388608

@description('How long a missing sequence is looked for: hh:mm:ss.')
param holeAge string = '00:02:00'

@description('Time of one request, answer included: hh:mm:ss.')
param requestTimeout string = '00:01:40'

@description('Studies that a comparison, or hints of an archive in a day, may take out of FHIR unasked; 1 % of those compared, if that is more.')
@minValue(0)
@maxValue(1000000)
param maxGone int = 50

@description('Studies that a worker of a backfill reads at once.')
@minValue(1)
@maxValue(64)
param backfillReads int = 4

@description('When an archive without a change feed is compared with FHIR, in UTC; off: only by hand.')
param reconcileSchedule string = '0 0 2 * * *'

@description('Each study of such an archive is read whole once in so many days, whatever its lists say.')
@minValue(1)
@maxValue(3650)
param reconcileFullDays int = 30

@description('Hosts that tokens may be sent to over http, separated by commas, in a network that nobody else is on. Azure needs none.')
param allowPlainHttp string = ''

@description('Other URLs under which the FHIR server names itself in links to a next page, separated by commas: a proxy stands between.')
param fhirLinkOrigins string = ''

@description('Largest page of the change feed that is read, in bytes.')
@minValue(65536)
@maxValue(268435456)
param maxPageBytes int = 33554432

// ── The function app ─────────────────────────────────────────────────────────────────────────────────────────────────

@description('Node.js version of the function app. Both are tested.')
@allowed(['22', '24'])
param nodeVersion string = '24'

@description('Memory of one instance, in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Deploy everything, but keep the timer from firing: to look around first, or while the original DICOMcast still runs.')
param paused bool = false

@description('Resource id of an existing storage account for lease, checkpoint and error tables, such as that of the original DICOMcast, which is then continued. Empty: a new account without shared keys.')
param storageAccountId string = ''

@description('Redundancy of the new storage account.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

// ── Network and people ───────────────────────────────────────────────────────────────────────────────────────────────

@description('Put the app into a new virtual network, reach storage and the health data workspaces by private endpoints only, and be reached by one.')
param privateNetwork bool = false

@description('Address ranges, such as 203.0.113.0/24, that the app answers on its public side. Empty: nobody with privateNetwork, everybody without.')
param allowedAddresses string[] = []

@description('Address range of the new virtual network, /24 or larger. It must not overlap with networks it is peered with.')
param virtualNetworkPrefix string = '10.90.0.0/24'

@description('Client id of an Entra app registration. Given: everyone who calls an HTTP route of the app signs in first. docs/deploy.md tells how to make one without a secret.')
param operatorAuthClientId string = ''

@description('Object ids of the users or service principals who may call the operator routes, 13 at most; groups do not count here (docs/deploy.md tells how they do). Empty with operatorAuthClientId: everyone of the tenant who has a function key.')
@maxLength(13)
param operatorAllowedPrincipals string[] = []

// ── Alerts ───────────────────────────────────────────────────────────────────────────────────────────────────────────

@description('Create the alert rules.')
param alertsEnabled bool = true

@description('E-mail addresses that alerts go to.')
param alertEmails string[] = []

@description('Resource ids of existing action groups that alerts go to as well.')
param alertActionGroupIds string[] = []

@description('No successful run for so long raises an alert. Longer than the time between two runs of castSchedule.')
@allowed(['PT15M', 'PT30M', 'PT1H', 'PT3H', 'PT6H', 'P1D'])
param alertNoSuccessFor string = 'PT15M'

@description('A lag of more than so many change feed entries, for 15 minutes, raises an alert.')
@minValue(1)
param alertLagEntries int = 10000

// ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────

var token = toLower(uniqueString(subscription().id, environmentName, location))
var appName = 'func-dicomcast-${token}'
// azd finds its deployment by these two tags; azure.yaml names the service `cast`.
var allTags = union(tags, { 'azd-env-name': environmentName })
var appTags = union(allTags, { 'azd-service-name': 'cast' })

var groupId = '/subscriptions/${subscription().subscriptionId}/resourceGroups/${resourceGroupName}'
var newWorkspaceName = 'hw${token}'
var workspaces = '${groupId}/providers/Microsoft.HealthcareApis/workspaces'
var newWorkspaceId = '${workspaces}/${newWorkspaceName}'
var usedDicomId = createHealthDataServices ? '${newWorkspaceId}/dicomservices/dicom' : dicomServiceId
var usedFhirId = createHealthDataServices ? '${newWorkspaceId}/fhirservices/fhir' : fhirServiceId
var hasDicomId = !empty(usedDicomId)
var hasFhirId = !empty(usedFhirId)

// What would end as an app that can do nothing, or as an index out of bounds, ends here in words, before anything is created.
// Azure evaluates names and scopes of a module also when its condition is false: so there is always a whole id to split.
// No variable fails when all is well, in whatever order they are evaluated.
var someDicomId = hasDicomId ? usedDicomId : '${workspaces}/none/dicomservices/none'
var someFhirId = hasFhirId ? usedFhirId : '${workspaces}/none/fhirservices/none'
var dicomId = hasDicomId || !empty(dicomEndpoint)
  ? someDicomId
  : fail('There is no DICOM service: give dicomServiceId or dicomEndpoint, or set createHealthDataServices.')
var fhirId = hasFhirId || !empty(fhirEndpoint)
  ? someFhirId
  : fail('There is no FHIR service: give fhirServiceId or fhirEndpoint, or set createHealthDataServices.')
var isDicomId = length(split(dicomId, '/')) == 11 && contains(toLower(dicomId), '/dicomservices/')
var isFhirId = length(split(fhirId, '/')) == 11 && contains(toLower(fhirId), '/fhirservices/')
// 0 '' · 1 subscriptions · 2 {id} · 3 resourceGroups · 4 {name} · … · 8 {workspace or account} · 9 … · 10 {service}
var dicomParts = isDicomId
  ? split(dicomId, '/')
  : fail('dicomServiceId is not the resource id of a DICOM service: …/workspaces/<workspace>/dicomservices/<service>')
var fhirParts = isFhirId
  ? split(fhirId, '/')
  : fail('fhirServiceId is not the resource id of a FHIR service: …/workspaces/<workspace>/fhirservices/<service>')
// Event Grid calls from public addresses, and its subscription is not created before the route has answered.
var hasEvents = !privateNetwork || !empty(allowedAddresses) || !wakeByEvents
  ? wakeByEvents
  : fail('Event Grid cannot reach an app whose public side is closed: set wakeByEvents to false, or give allowedAddresses.')

// What environment() does not tell of a cloud: the domains of services that came later.
var clouds = {
  AzureCloud: {
    health: 'azurehealthcareapis.com'
    sites: 'azurewebsites.net'
  }
  AzureUSGovernment: {
    health: 'azurehealthcareapis.us'
    sites: 'azurewebsites.us'
  }
}
var cloudName = environment().name
var domains = contains(clouds, cloudName)
  ? clouds[cloudName]
  : fail('The domains of ${cloudName} are not known here: add them to clouds in infra/main.bicep.')
var azureDicomUrl = 'https://${dicomParts[8]}-${dicomParts[10]}.dicom.${domains.health}'
var azureFhirUrl = 'https://${fhirParts[8]}-${fhirParts[10]}.fhir.${domains.health}'
var usedDicomUrl = empty(dicomEndpoint) && hasDicomId ? azureDicomUrl : dicomEndpoint
var usedFhirUrl = empty(fhirEndpoint) && hasFhirId ? azureFhirUrl : fhirEndpoint

var storageAccounts = '${groupId}/providers/Microsoft.Storage/storageAccounts'
var newStorageName = 'st${token}'
var storageId = empty(storageAccountId) ? '${storageAccounts}/${newStorageName}' : storageAccountId
var isStorageId = length(split(storageId, '/')) == 9 && contains(toLower(storageId), '/storageaccounts/')
var storageParts = isStorageId
  ? split(storageId, '/')
  : fail('storageAccountId is not the resource id of a storage account: …/storageAccounts/<account>')
var packageStorageName = 'stp${token}'

// What the app reads (lib/config/settings.ts), but for the storage, which the host reads too (modules/function-app.bicep).
var castSettings = {
  DicomWeb__Endpoint: usedDicomUrl
  DicomWeb__PrivateEndpoint: dicomPrivateEndpoint
  DicomWeb__Source: dicomSource
  DicomWeb__Version: dicomVersion
  DicomWeb__Authentication__Enabled: toLower(string(dicomAuthenticationEnabled))
  DicomWeb__Authentication__Scope: dicomScope
  Fhir__Endpoint: usedFhirUrl
  Fhir__Authentication__Enabled: toLower(string(fhirAuthenticationEnabled))
  Fhir__Authentication__Scope: fhirScope
  TableStore__TableNamePrefix: tableNamePrefix
  Patient__PatientSystemId: patientSystemId
  Patient__IsIssuerIdUsed: toLower(string(patientIsIssuerIdUsed))
  Patient__IssuerSystems: string(patientIssuerSystems)
  Patient__PartitionSystems: string(patientPartitionSystems)
  Patient__RejectedIds: patientRejectedIds
  Patient__MatchGuard: toLower(string(patientMatchGuard))
  Patient__PlaceholderBirthDates: patientPlaceholderBirthDates
  Patient__AliasNames: patientAliasNames
  Patient__Overwrite: patientOverwrite
  DicomCast__Features__EnforceValidationOfTagValues: toLower(string(enforceValidationOfTagValues))
  DicomCast__Features__GenerateObservations: toLower(string(generateObservations))
  DicomCast__HideRejectedForQuality: toLower(string(hideRejectedForQuality))
  RetryConfiguration__TotalRetryDuration: totalRetryDuration
  CastSchedule: castSchedule
  DicomCast__Events: toLower(string(hasEvents))
  DicomCast__BatchSize: string(batchSize)
  DicomCast__TimerBatches: string(timerBatches)
  DicomCast__TimeBudget: timeBudget
  DicomCast__DefaultTimeZone: defaultTimeZone
  DicomCast__StartFrom: startFrom
  DicomCast__Partitions: partitions
  DicomCast__Mapping__Exclude: mappingExclude
  DicomCast__MaxBundleEntries: string(maxBundleEntries)
  DicomCast__MaxBundleBytes: string(maxBundleBytes)
  DicomCast__HoleAge: holeAge
  DicomCast__RequestTimeout: requestTimeout
  DicomCast__MaxGone: string(maxGone)
  DicomCast__BackfillReads: string(backfillReads)
  DicomCast__ReconcileSchedule: reconcileSchedule
  DicomCast__ReconcileFullDays: string(reconcileFullDays)
  DicomCast__AllowPlainHttp: allowPlainHttp
  Fhir__LinkOrigins: fhirLinkOrigins
  DicomCast__MaxPageBytes: string(maxPageBytes)
}

// ── Resources ────────────────────────────────────────────────────────────────────────────────────────────────────────

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  name: 'dicomcast-identity'
  scope: group
  params: {
    name: 'id-dicomcast-${token}'
    location: location
    tags: allTags
  }
}

// It reads and writes the package, and nothing else. Azure fetches the package with it.
module packageIdentity 'modules/identity.bicep' = {
  name: 'dicomcast-package-identity'
  scope: group
  params: {
    name: 'id-dicomcast-package-${token}'
    location: location
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'dicomcast-monitoring'
  scope: group
  params: {
    token: token
    location: location
    tags: allTags
    principalId: identity.outputs.principalId
    retentionDays: logRetentionDays
  }
}

module storage 'modules/storage.bicep' = if (empty(storageAccountId)) {
  name: 'dicomcast-storage'
  scope: group
  params: {
    name: newStorageName
    location: location
    tags: allTags
    sku: storageSku
    isPrivate: privateNetwork
  }
}

// The package has an account of its own: whoever may write where the tables are must not be able to change the code.
module packageStorage 'modules/storage.bicep' = {
  name: 'dicomcast-package-storage'
  scope: group
  params: {
    name: packageStorageName
    location: location
    tags: allTags
    sku: storageSku
    isPrivate: privateNetwork
  }
}

module packageAccess 'modules/package-access.bicep' = {
  name: 'dicomcast-package-access'
  scope: group
  params: {
    accountName: packageStorageName
    principalId: packageIdentity.outputs.principalId
    logsId: monitoring.outputs.logsId
  }
  dependsOn: [packageStorage]
}

// The new account or an existing one: the app's container in it, and what its identity may do there.
module storageAccess 'modules/storage-access.bicep' = {
  name: 'dicomcast-storage-access-${token}'
  scope: resourceGroup(storageParts[2], storageParts[4])
  params: {
    accountName: storageParts[8]
    principalId: identity.outputs.principalId
    queueName: '${toLower(tableNamePrefix)}dicomcast-backfill'
    logsId: monitoring.outputs.logsId
    logsName: 'dicomcast-${token}'
  }
  dependsOn: [storage]
}

module healthData 'modules/health-data.bicep' = if (createHealthDataServices) {
  name: 'dicomcast-health-data'
  scope: group
  params: {
    workspaceName: newWorkspaceName
    location: location
    tags: allTags
    domain: domains.health
    isPrivate: privateNetwork
  }
}

module dicomAccess 'modules/dicom-access.bicep' = if (hasDicomId) {
  name: 'dicomcast-dicom-access-${token}'
  scope: resourceGroup(dicomParts[2], dicomParts[4])
  params: {
    workspaceName: dicomParts[8]
    serviceName: dicomParts[10]
    principalId: identity.outputs.principalId
  }
  dependsOn: [healthData]
}

module fhirAccess 'modules/fhir-access.bicep' = if (hasFhirId) {
  name: 'dicomcast-fhir-access-${token}'
  scope: resourceGroup(fhirParts[2], fhirParts[4])
  params: {
    workspaceName: fhirParts[8]
    serviceName: fhirParts[10]
    principalId: identity.outputs.principalId
  }
  dependsOn: [healthData]
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'dicomcast-network'
  scope: group
  params: {
    token: token
    location: location
    tags: allTags
    addressPrefix: virtualNetworkPrefix
    storageAccountId: storageId
    packageAccountId: '${storageAccounts}/${packageStorageName}'
    healthDomain: domains.health
    sitesDomain: domains.sites
    dicomWorkspaceId: hasDicomId ? join(take(dicomParts, 9), '/') : ''
    fhirWorkspaceId: hasFhirId ? join(take(fhirParts, 9), '/') : ''
  }
  dependsOn: [storageAccess, packageAccess, dicomAccess, fhirAccess]
}

module app 'modules/function-app.bicep' = {
  name: 'dicomcast-app'
  scope: group
  params: {
    name: appName
    location: location
    tags: appTags
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    packageIdentityId: packageIdentity.outputs.id
    storageAccountName: storageParts[8]
    packageAccountName: packageStorageName
    packageContainerName: packageAccess.outputs.containerName
    logsId: monitoring.outputs.logsId
    appInsightsConnectionString: monitoring.outputs.connectionString
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    allowedAddresses: allowedAddresses
    castSettings: castSettings
    paused: paused
    authClientId: operatorAuthClientId
    allowedPrincipals: operatorAllowedPrincipals
  }
  dependsOn: [storageAccess, dicomAccess, fhirAccess]
}

module appEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  name: 'dicomcast-app-endpoint'
  scope: group
  params: {
    name: 'pe-dicomcast-app-${token}'
    location: location
    tags: allTags
    subnetId: network!.outputs.endpointSubnetId
    targetId: app.outputs.id
    groupId: 'sites'
    zoneNames: ['privatelink.${domains.sites}']
  }
}

module events 'modules/events.bicep' = if (hasEvents && hasDicomId) {
  name: 'dicomcast-events-${token}'
  scope: resourceGroup(dicomParts[2], dicomParts[4])
  params: {
    workspaceName: dicomParts[8]
    location: eventsLocation
    tags: allTags
    existingTopicName: eventsTopicName
    subscriptionName: 'dicomcast-${token}'
    dicomHost: '${dicomParts[8]}-${dicomParts[10]}.dicom.${domains.health}'
    appSubscriptionId: subscription().subscriptionId
    appGroupName: resourceGroupName
    appName: app.outputs.name
    appHost: app.outputs.hostName
  }
}

module alerts 'modules/alerts.bicep' = if (alertsEnabled) {
  name: 'dicomcast-alerts'
  scope: group
  params: {
    token: token
    location: location
    tags: allTags
    appInsightsId: monitoring.outputs.id
    emails: alertEmails
    actionGroupIds: alertActionGroupIds
    noSuccessFor: alertNoSuccessFor
    lagEntries: alertLagEntries
  }
}

// ── What a person needs next ─────────────────────────────────────────────────────────────────────────────────────────

@description('Resource group of the installation.')
output AZURE_RESOURCE_GROUP string = resourceGroupName

@description('Name of the function app: the target of a deployment of the package.')
output FUNCTION_APP_NAME string = app.outputs.name

@description('Host name of the function app.')
output FUNCTION_APP_HOST string = app.outputs.hostName

@description('Page for operators: whether it works, what failed and why. It asks for a function key.')
output DASHBOARD_URL string = 'https://${app.outputs.hostName}/api/dashboard'

@description('Principal id of the managed identity, to give it roles on services that this template does not know.')
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Client id of the managed identity.')
output IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Storage account with the lease, the checkpoint and the error tables.')
output STORAGE_ACCOUNT_NAME string = storageParts[8]

@description('Application Insights with the runs: one line a run.')
output APPLICATION_INSIGHTS_NAME string = monitoring.outputs.name

@description('DICOM service that is read. It stands in every Endpoint resource.')
output DICOM_ENDPOINT string = usedDicomUrl

@description('FHIR service that is written to.')
output FHIR_ENDPOINT string = usedFhirUrl

@description('The last runs: paste it into Logs of Application Insights.')
output LAST_RUNS_QUERY string = 'traces | where message startswith "{\\"level\\":" | extend run = parse_json(message) | where tostring(run.message) == "cast" | project timestamp, run.ended, run["to"], run.head, run.stored, run.recorded, run.reason | order by timestamp desc'
