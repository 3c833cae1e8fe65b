export interface StackUrls {
  readonly dicom: string
  readonly fhir: string
  readonly connectionString: string
}

export interface OwnServers {
  readonly dicomwebUrl?: string | undefined
  readonly fhirUrl?: string | undefined
  /** A local Orthanc in the place of the local DICOM service. */
  readonly orthanc?: boolean | undefined
}

/** The timer function's name, as functions/ registers it. */
export const castTimer = 'castTimer'
/** The route that events wake. */
export const wake = 'wake'

/** What tells an Orthanc from a service with a change feed. */
const archive = ({ orthanc }: OwnServers): Readonly<Record<string, string>> =>
  orthanc === true ? { DicomWeb__Source: 'orthanc' } : { DicomWeb__Version: 'v2' }

/**
 * The environment of the function app: the stack's addresses, and for the rest what the person has set, Patient__* and
 * DicomCast__* for example. Settings about a service that is local here are left out: they were meant for another one.
 */
export const stackSettings = (
  env: NodeJS.ProcessEnv,
  { dicom, fhir, connectionString }: StackUrls,
  own: OwnServers,
  scheduled: boolean,
): NodeJS.ProcessEnv => {
  const foreign = [
    'AzureWebJobsStorage',
    'TableStore__',
    ...(own.dicomwebUrl === undefined ? ['DicomWeb__'] : []),
    ...(own.fhirUrl === undefined ? ['Fhir__'] : []),
  ]
  const kept = Object.entries(env).filter(([name]) => !foreign.some((prefix) => name.startsWith(prefix)))
  return {
    ...archive(own),
    DicomWeb__Authentication__Enabled: 'false',
    Fhir__Authentication__Enabled: 'false',
    // Every minute in Azure; here somebody is waiting to see the file that was just stored.
    CastSchedule: '*/15 * * * * *',
    // One run takes all there is, not one batch: nobody waits for the next tick to see the rest.
    DicomCast__TimerBatches: '0',
    // The local DICOM service tells of its images, once the samples are cast.
    ...(scheduled && own.dicomwebUrl === undefined && own.orthanc !== true ? { DicomCast__Events: 'true' } : {}),
    ...Object.fromEntries(kept),
    DicomWeb__Endpoint: dicom,
    Fhir__Endpoint: fhir,
    AzureWebJobsStorage: connectionString,
    // Azure's own switch: off its schedule, and still fired by hand.
    ...(scheduled ? {} : { [`AzureWebJobs.${castTimer}.Disabled`]: 'true' }),
  }
}

/** What the commands need to work on a running stack. Of your own servers only the address: the rest is in your environment. */
export const commandSettings = (
  { dicom, fhir, connectionString }: StackUrls,
  own: OwnServers,
): Readonly<Record<string, string>> => ({
  DicomWeb__Endpoint: dicom,
  ...(own.dicomwebUrl === undefined ? { ...archive(own), DicomWeb__Authentication__Enabled: 'false' } : {}),
  Fhir__Endpoint: fhir,
  ...(own.fhirUrl === undefined ? { Fhir__Authentication__Enabled: 'false' } : {}),
  AzureWebJobsStorage: connectionString,
})
