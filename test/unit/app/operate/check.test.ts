import { describe, expect, it } from '@jest/globals'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../../../lib/domain/cast-error'
import { factsOfToken } from '../../../../lib/adapters/http/reach'
import type { CheckPorts, Reached } from '../../../../lib/app/ports-check'
import { wayFacts } from '../../../../lib/app/operate/check-services'

const now = Date.parse('2026-11-29T12:00:00Z')

/** `tookMs`: between asking and the answer. */
const clockSays = async (reached: Reached, tookMs = 0) => {
  let time = now
  const ports = {
    clock: { now: () => time },
    reach: {
      dicom: () => async () => {
        time += tookMs
        return TE.right<ServiceError, Reached>(reached)()
      },
    },
    token: { dicom: () => TE.right(O.none) },
  }
  const facts = await wayFacts(ports as unknown as CheckPorts, 'dicom', 'https://dicom.example')
  return facts.find(({ name }) => name === 'dicom-clock')
}

describe('the clock of a service', () => {
  it.each([
    [-61, 0],
    [60, 0],
    [5, 8_000],
    [-60, 8_000],
  ])(
    'is ours within a minute, as far as its whole seconds and the way there and back tell: %i s after %i ms',
    async (s, tookMs) => {
      expect(await clockSays({ servedAt: now + s * 1_000 }, tookMs)).toMatchObject({ state: 'fine' })
    },
  )

  it.each([
    [-300, 'its clock is 5 min behind ours'],
    [300, 'its clock is 5 min ahead of ours'],
    [86_400 * 3, 'its clock is 3 days ahead of ours'],
  ])('is told when it is not: %i s', async (s, says) => {
    expect(await clockSays({ servedAt: now + s * 1_000 })).toMatchObject({ state: 'look', says })
  })

  it('is not known when it tells none', async () => {
    expect(await clockSays({})).toMatchObject({ state: 'unknown' })
  })
})

const token = (claims: unknown): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`
const appid = '0f8fad5b-d9cb-469f-a165-70867728950e'

describe('what a token says of itself', () => {
  it('is whom it is for and of which application, and no person', () => {
    const claims = { aud: 'https://fhir.example', appid, name: 'Anna Stone', upn: 'anna@hospital.example' }
    expect(factsOfToken(token(claims))).toEqual({ audience: 'https://fhir.example', clientId: appid })
    expect(factsOfToken(token({ azp: appid }))).toEqual({ clientId: appid })
  })

  it.each([
    '',
    'opaque',
    'a.b.c',
    token(null),
    token([]),
    token({ aud: 5, appid: 'Anna Stone' }),
    token({ aud: 'a b' }),
  ])('is nothing where it cannot be read: %s', (text) => {
    expect(factsOfToken(text)).toEqual({})
  })
})
