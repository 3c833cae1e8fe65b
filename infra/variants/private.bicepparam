// Everything by private link, the app too.
using '../main.bicep'

param environmentName = 'variant'
param location = 'westeurope'
param dicomServiceId = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-health/providers/Microsoft.HealthcareApis/workspaces/ws/dicomservices/images'
param fhirServiceId = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-health/providers/Microsoft.HealthcareApis/workspaces/ws/fhirservices/records'
param privateNetwork = true
