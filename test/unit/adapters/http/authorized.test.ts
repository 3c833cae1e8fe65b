import { afterEach, describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import { type Authorization, authorizationOf } from '../../../../lib/adapters/http/authorization'
import { authorized } from '../../../../lib/adapters/http/authorized'
import { azureFailure } from '../../../../lib/adapters/http/azure-tokens'
import { keptTokens } from '../../../../lib/adapters/http/kept-tokens'
import type { Authentication } from '../../../../lib/domain/access'
import { httpSender, newMeter } from '../../../../lib/adapters/http/http'
import { serve, stopServers, text } from './loopback'

afterEach(stopServers)

const scope = 'https://fhir.example/.default'
const enabled = { mode: 'managedIdentity', scope } as const
const minute = 60_000
const noProvider = { connector: () => E.left('not asked for') }

/** Tokens t1, t2, … that live for an hour. */
const counting = (now: () => number = () => 0) => {
  const asked: Array<string> = []
  return {
    asked,
    source: keptTokens(
      (of: string) => {
        asked.push(of)
        return Promise.resolve({ token: `t${asked.length}`, expiresOnTimestamp: now() + 60 * minute })
      },
      azureFailure,
      now,
    ),
  }
}

describe('tokens', () => {
  it('keeps one per scope until five minutes before it expires', async () => {
    let now = 0
    const { source } = counting(() => now)
    const fhir = source(scope)
    const at = async (time: number) => {
      now = time
      return fhir()()
    }
    expect(await at(0)).toEqual(E.right('t1'))
    expect(await at(54 * minute)).toEqual(E.right('t1'))
    expect(await at(55 * minute)).toEqual(E.right('t2'))
    expect(await source('other/.default')()()).toEqual(E.right('t3'))
  })

  it('asks again when the last one was refused', async () => {
    const { source } = counting()
    await source(scope)()()
    expect(await source(scope)('t1')()).toEqual(E.right('t2'))
    // Another request was refused with the first one, too, and comes late.
    expect(await source(scope)('t1')()).toEqual(E.right('t2'))
  })

  it('asks once for all that wait', async () => {
    const { source, asked } = counting()
    await Promise.all([1, 2, 3].map(() => source(scope)()()))
    expect(asked).toEqual([scope])
  })

  it('goes on with a token that still lives while no new one can be had', async () => {
    let now = 0
    let works = true
    const source = keptTokens(
      () => (works ? Promise.resolve({ token: 't', expiresOnTimestamp: 60 * minute }) : Promise.reject(new Error('x'))),
      azureFailure,
      () => now,
    )(scope)
    await source()()
    works = false
    now = 59 * minute
    expect(await source()()).toEqual(E.right('t'))
    now = 60 * minute
    expect(await source()()).toMatchObject({ left: { _tag: 'AccessDenied' } })
  })

  const denied = {
    _tag: 'AccessDenied',
    hop: 'identity',
    status: 401,
    reason: `no token for scope ${scope}: no identity here can get one`,
  }
  const unavailable = {
    _tag: 'ServiceUnavailable',
    hop: 'identity',
    reason: `no token for scope ${scope}: the token service does not answer`,
  }

  it.each([
    ['no credential', Object.assign(new Error('secret'), { name: 'CredentialUnavailableError' }), denied],
    ['an unknown client', Object.assign(new Error('secret'), { name: 'AuthenticationError', statusCode: 400 }), denied],
    ['a token service in trouble', Object.assign(new Error('secret'), { statusCode: 503 }), unavailable],
    ['no network', Object.assign(new Error('secret'), { code: 'ENOTFOUND' }), unavailable],
    [
      'one of a chain without network',
      { errors: [{ name: 'CredentialUnavailableError' }, { cause: { code: 'ECONNREFUSED' } }] },
      unavailable,
    ],
    ['nothing at all', undefined, denied],
  ])('tells %s from the others', async (_name, error, expected) => {
    const source = keptTokens(() => Promise.reject(error as Error), azureFailure)
    expect(await source(scope)()()).toEqual(E.left(expected))
  })

  it('reports a credential that throws, or has no token', async () => {
    const throwing = keptTokens(() => {
      throw new Error('x')
    }, azureFailure)
    expect(await throwing(scope)()()).toEqual(E.left(denied))
    expect(await keptTokens(() => Promise.resolve(null), azureFailure)(scope)()()).toEqual(E.left(denied))
  })
})

describe('authorized', () => {
  const callOf = (authentication: Authentication) => {
    const source = counting().source(scope)
    const ofAzure: Authorization = (refused) =>
      pipe(
        source(refused?.slice(7)),
        TE.map((token) => `Bearer ${token}`),
      )
    return authorized(
      httpSender({ meter: newMeter(), requestTimeoutMs: 60_000, remainingMs: () => Infinity }),
      'fhir',
      authentication,
      authentication.mode === 'managedIdentity' ? ofAzure : authorizationOf('Fhir', authentication, noProvider),
    )
  }
  const get = (url: string, authentication: Authentication = enabled) =>
    callOf(authentication)({ method: 'GET', url, headers: {}, maxBytes: 100 })()

  it('sends the token', async () => {
    const { url, seen } = await serve(text(200, 'fine'))
    expect(await get(url)).toMatchObject({ right: { status: 200, body: 'fine' } })
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1'])
  })

  it('tries a 401 once more, with a fresh token', async () => {
    const { url, seen } = await serve(({ headers }, response) => {
      response.writeHead(headers.authorization === 'Bearer t2' ? 200 : 401)
      response.end()
    })
    expect(await get(url)).toMatchObject({ right: { status: 200 } })
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t2'])
  })

  it('names the settings when the fresh token is refused too', async () => {
    const { url, seen } = await serve(text(401, 'DOE^JANE'))
    expect(await get(url)).toEqual(
      E.left({
        _tag: 'AccessDenied',
        hop: 'fhir',
        status: 401,
        reason: `the token is refused (401): check Fhir__Endpoint and Fhir__Authentication__Scope, now ${scope}`,
      }),
    )
    expect(seen).toHaveLength(2)
  })

  it('says so when a token is asked for and authentication is off', async () => {
    const { url, seen } = await serve(text(401, ''))
    expect(await get(url, { mode: 'none' })).toMatchObject({
      left: { reason: 'it asks for a token (401), and Fhir__Authentication__Mode is none' },
    })
    expect(seen).toHaveLength(1)
  })

  it('names the role when access is refused', async () => {
    const { url } = await serve(text(403, 'DOE^JANE'))
    expect(await get(url)).toEqual(
      E.left({
        _tag: 'AccessDenied',
        hop: 'fhir',
        status: 403,
        reason: 'it refuses this identity (403): does it have the role FHIR Data Writer?',
      }),
    )
  })
})
