// A new workspace with both services, and operators who sign in from one place.
using '../main.bicep'

param environmentName = 'variant'
param location = 'westeurope'
param createHealthDataServices = true
param operatorAuthClientId = '22222222-2222-2222-2222-222222222222'
param allowedAddresses = ['203.0.113.0/24']
