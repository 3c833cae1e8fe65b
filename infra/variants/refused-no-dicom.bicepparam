// Refused: There is no DICOM service
using '../main.bicep'

param environmentName = 'variant'
param location = 'westeurope'
param fhirServiceId = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-health/providers/Microsoft.HealthcareApis/workspaces/ws/fhirservices/records'
