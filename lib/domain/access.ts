// How a service lets us in: who we are there, and what is trusted on the way.

/** A secret is never part of what is shown. */
export type Secret = { readonly value: string } | { readonly file: string }

export type Authentication =
  | { readonly mode: 'none' }
  | { readonly mode: 'managedIdentity'; readonly scope: string }
  | { readonly mode: 'basic'; readonly username: string; readonly secret: Secret }
  | { readonly mode: 'bearerFile'; readonly tokenFile: string }
  | ({ readonly mode: 'clientCredentials' } & ClientCredentials)

/** OAuth 2.0, RFC 6749 §4.4; with a private key RFC 7523 §2.2, as SMART Backend Services has it. */
export interface ClientCredentials {
  readonly clientId: string
  /** Where its metadata stand (OpenID Connect Discovery, RFC 8414), or the endpoint itself. */
  readonly provider: { readonly issuer: string } | { readonly tokenEndpoint: string }
  readonly proof: { readonly secret: Secret } | { readonly privateKeyFile: string; readonly keyId: string | undefined }
  readonly scope: string | undefined
  readonly audience: string | undefined
  /** RFC 8707. */
  readonly resource: string | undefined
}

export interface Tls {
  readonly caFile?: string | undefined
  readonly certificateFile?: string | undefined
  readonly keyFile?: string | undefined
}

export type ServicePrefix = 'DicomWeb' | 'Fhir'

export interface Access {
  readonly authentication: Authentication
  readonly tls: Tls
}
