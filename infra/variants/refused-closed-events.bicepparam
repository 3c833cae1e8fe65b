// Refused: Event Grid cannot reach an app whose public side is closed
using '../main.bicep'

param environmentName = 'variant'
param location = 'westeurope'
param dicomServiceId = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-health/providers/Microsoft.HealthcareApis/workspaces/ws/dicomservices/images'
param fhirServiceId = '/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-health/providers/Microsoft.HealthcareApis/workspaces/ws/fhirservices/records'
param privateNetwork = true
param wakeByEvents = true
