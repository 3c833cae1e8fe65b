import type { Authentication, ServicePrefix } from '../domain/access'

// A token that goes over plain http is everybody's who stands on the way; so is a password.

/** A service that requests go to: the setting that names it, and whether a token goes with them. */
export interface Destination {
  readonly setting: string
  readonly url: string
  readonly sendsToken: boolean
}

interface Service {
  readonly endpoint: string
  readonly privateEndpoint?: string | undefined
  readonly authentication: Authentication
}

/** A client secret goes there; and who gives the metadata says where. */
const providersOf = (prefix: ServicePrefix, authentication: Authentication): ReadonlyArray<Destination> => {
  if (authentication.mode !== 'clientCredentials') return []
  const { provider } = authentication
  return [
    'issuer' in provider
      ? { setting: `${prefix}__Authentication__Issuer`, url: provider.issuer, sendsToken: true }
      : { setting: `${prefix}__Authentication__TokenEndpoint`, url: provider.tokenEndpoint, sendsToken: true },
  ]
}

/** A signature of an account's key may go over http, a token may not. */
type Storage =
  | { readonly _tag: 'ConnectionString' }
  | {
      readonly _tag: 'Identity'
      readonly blobServiceUri: string
      readonly tableServiceUri: string
      readonly queueServiceUri: string | undefined
    }

export const destinationsOf = (services: {
  readonly dicomWeb: Service
  readonly fhir: Service
  readonly storage: Storage
}): ReadonlyArray<Destination> => {
  const { dicomWeb, fhir, storage } = services
  const ofStorage =
    storage._tag === 'Identity'
      ? ([
          ['AzureWebJobsStorage__blobServiceUri', storage.blobServiceUri],
          ['AzureWebJobsStorage__tableServiceUri', storage.tableServiceUri],
          ...(storage.queueServiceUri === undefined
            ? []
            : [['AzureWebJobsStorage__queueServiceUri', storage.queueServiceUri] as const]),
        ] as const)
      : []
  return [
    {
      setting: dicomWeb.privateEndpoint === undefined ? 'DicomWeb__Endpoint' : 'DicomWeb__PrivateEndpoint',
      url: dicomWeb.privateEndpoint ?? dicomWeb.endpoint,
      sendsToken: dicomWeb.authentication.mode !== 'none',
    },
    { setting: 'Fhir__Endpoint', url: fhir.endpoint, sendsToken: fhir.authentication.mode !== 'none' },
    ...providersOf('DicomWeb', dicomWeb.authentication),
    ...providersOf('Fhir', fhir.authentication),
    ...ofStorage.map(([setting, url]) => ({ setting, url, sendsToken: true })),
  ]
}

const hostOf = ({ url }: Destination): string => new URL(url).hostname

const isOpen = (destination: Destination): boolean =>
  destination.sendsToken &&
  new URL(destination.url).protocol === 'http:' &&
  !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostOf(destination))

const isAllowed = (destination: Destination, allowed: ReadonlyArray<string>): boolean =>
  allowed.some((host) => host.toLowerCase() === hostOf(destination))

/** Each a setting that would send a token over plain http to a host that nobody has named for it. */
export const plainHttpProblems = (
  destinations: ReadonlyArray<Destination>,
  allowed: ReadonlyArray<string>,
): ReadonlyArray<string> =>
  destinations.flatMap((each) =>
    isOpen(each) && !isAllowed(each, allowed)
      ? [
          `${each.setting}: a token would go over plain http; expected https, or its host in DicomCast__AllowPlainHttp where nobody else is on the network`,
        ]
      : [],
  )

/** What is allowed is told all the same. */
export const plainHttpWarnings = (
  destinations: ReadonlyArray<Destination>,
  allowed: ReadonlyArray<string>,
): ReadonlyArray<string> =>
  destinations.flatMap((each) =>
    isOpen(each) && isAllowed(each, allowed)
      ? [`${each.setting}: tokens go over plain http, as DicomCast__AllowPlainHttp allows`]
      : [],
  )
