// Values of one installation. azd fills in the environment (`azd env set NAME value`); a pipeline sets the same names.
// All parameters, with their meaning and default, are in main.bicep.
using './main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'dicomcast')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')

// Existing services, by resource id. Or `true` for a new workspace with both.
param dicomServiceId = readEnvironmentVariable('DICOM_SERVICE_ID', '')
param fhirServiceId = readEnvironmentVariable('FHIR_SERVICE_ID', '')
param createHealthDataServices = bool(readEnvironmentVariable('CREATE_HEALTH_DATA_SERVICES', 'false'))

// The storage account of an original DICOMcast, to go on from its tables. Empty: a new one.
param storageAccountId = readEnvironmentVariable('STORAGE_ACCOUNT_ID', '')

// Whose patient identifiers these are. Decide it before the first run: it goes into every Patient.
param patientSystemId = readEnvironmentVariable('PATIENT_SYSTEM_ID', '')
param patientIssuerSystems = json(readEnvironmentVariable('PATIENT_ISSUER_SYSTEMS', '{}'))
param defaultTimeZone = readEnvironmentVariable('DEFAULT_TIME_ZONE', '')

// `now` for a DICOM service whose past is of no interest.
param startFrom = readEnvironmentVariable('START_FROM', 'beginning')

// Only after the code is deployed: Azure asks the route before it sends events.
param wakeByEvents = bool(readEnvironmentVariable('WAKE_BY_EVENTS', 'false'))
param eventsTopicName = readEnvironmentVariable('EVENTS_TOPIC_NAME', '')

param paused = bool(readEnvironmentVariable('PAUSED', 'false'))
param nodeVersion = readEnvironmentVariable('FUNCTION_NODE_VERSION', '24')
param privateNetwork = bool(readEnvironmentVariable('PRIVATE_NETWORK', 'false'))
param allowedAddresses = json(readEnvironmentVariable('APP_ALLOWED_ADDRESSES', '[]'))
param operatorAuthClientId = readEnvironmentVariable('OPERATOR_AUTH_CLIENT_ID', '')
param operatorAllowedPrincipals = json(readEnvironmentVariable('OPERATOR_ALLOWED_PRINCIPALS', '[]'))
param alertEmails = json(readEnvironmentVariable('ALERT_EMAILS', '[]'))
