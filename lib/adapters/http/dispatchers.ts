import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import * as E from 'fp-ts/Either'
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import type { ServicePrefix, Tls } from '../../domain/access'
import { codeOf } from './exchange'

// An idle connection is dropped after four seconds, undici's default: later a server may close it while our next request
// is under way. One that tells how long it keeps them (Orthanc: one second) is believed, half a second less. The only time
// limit is the one of the whole request. Connections: as many as DicomCast__BackfillReads may be; who asks bounds himself.
const options = {
  ...{ connections: 64, pipelining: 1, allowH2: false, headersTimeout: 0, bodyTimeout: 0 },
  keepAliveTimeoutThreshold: 500,
}

/** Ours, or why there is none: a file cannot be read. */
export type Connector = E.Either<string, Dispatcher>

const proxyNames = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY']

interface Files {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** Storage and @azure/identity heed the same variables, by the SDK. */
const made = (tls: Files, environment: NodeJS.ProcessEnv): Dispatcher => {
  const trust = Object.keys(tls).length === 0 ? {} : { connect: tls }
  return proxyNames.some((name) => (environment[name] ?? '') !== '')
    ? new EnvHttpProxyAgent({ ...options, ...trust, ...('connect' in trust ? { requestTls: tls } : {}) })
    : new Agent({ ...options, ...trust })
}

// One for the process and what it trusts, so that connections are kept; another one when a file has another content.
const kept = new Map<string, Dispatcher>()

/** To be asked for once a run: certificates are renewed while a process lives. */
export const connectorOf = (
  prefix: ServicePrefix,
  { caFile, certificateFile, keyFile }: Tls,
  environment: NodeJS.ProcessEnv = process.env,
): Connector => {
  const files: Record<string, string> = {}
  const named = {
    ca: ['CaFile', caFile],
    cert: ['CertificateFile', certificateFile],
    key: ['KeyFile', keyFile],
  } as const
  for (const [as, [setting, file]] of Object.entries(named)) {
    if (file === undefined) continue
    try {
      files[as] = readFileSync(file, 'utf8')
    } catch (error) {
      return E.left(`the file of ${prefix}__Tls__${setting} cannot be read (${codeOf(error) || 'unknown'})`)
    }
  }
  const id = JSON.stringify([files, proxyNames.map((name) => environment[name]), environment['NO_PROXY']])
  const known = kept.get(id)
  if (known !== undefined) return E.right(known)
  try {
    // Without files there is nothing to try, and all roots that are trusted would be read: 15 ms of a start.
    if (Object.keys(files).length > 0) createSecureContext(files)
  } catch {
    return E.left(`the files of ${prefix}__Tls are no certificates, or no key of them`)
  }
  try {
    const dispatcher = made(files, environment)
    kept.set(id, dispatcher)
    return E.right(dispatcher)
  } catch {
    return E.left('HTTP_PROXY or HTTPS_PROXY is no URL of a proxy')
  }
}
