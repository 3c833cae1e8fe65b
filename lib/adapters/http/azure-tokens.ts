import type * as Identity from '@azure/identity'
import { isRecord } from './answers'
import { denied, identityDown } from './identity-errors'
import { keptTokens, timedOut } from './kept-tokens'

/** No network, or a token service in trouble: worth a retry. A chained credential lists the errors of its members. */
const isTransient = (error: unknown, depth = 0): boolean => {
  if (!isRecord(error) || depth > 4) return false
  const { statusCode, code, errors, cause } = error
  if (typeof statusCode === 'number') return statusCode >= 500 || statusCode === 429 || statusCode === 408
  if (typeof code === 'string' && /^(E[A-Z_]{4,}|REQUEST_SEND_ERROR|network_error)$/.test(code)) return true
  return [...(Array.isArray(errors) ? errors : []), cause].some((inner) => isTransient(inner, depth + 1))
}

export const azureFailure = (scope: string, error: unknown) =>
  error === timedOut || isTransient(error)
    ? identityDown(`no token for scope ${scope}: the token service does not answer`)
    : denied('identity', 401, `no token for scope ${scope}: no identity here can get one`)

let credential: Identity.TokenCredential | undefined

/** Of this process's identity. @azure/identity is slow to load, so only a run that needs it does. */
export const azureTokens = keptTokens((scope) => {
  if (credential === undefined) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const identity = require('@azure/identity') as typeof Identity
    credential = new identity.DefaultAzureCredential()
  }
  return credential.getToken(scope)
}, azureFailure)
