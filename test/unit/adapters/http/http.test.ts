import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { unexpected } from '../../../../lib/adapters/http/answers'
import type { HttpAnswer, HttpFailure, Keep } from '../../../../lib/adapters/http/exchange'
import { httpSender, newMeter } from '../../../../lib/adapters/http/http'
import { deadUrl, json, serve, stopServers, stopTimeouts, text } from './loopback'

afterEach(stopServers)

const send = (url: string, options: { maxBytes?: number; remainingMs?: () => number } = {}) => {
  const { maxBytes = 1000, ...run } = options
  const sender = httpSender({ meter: newMeter(), requestTimeoutMs: 60_000, remainingMs: () => Infinity, ...run })
  return sender({ service: 'dicom', method: 'GET', url, headers: {}, maxBytes })()
}

const failureOf = (result: E.Either<HttpFailure, HttpAnswer>): HttpFailure | undefined =>
  E.isLeft(result) ? result.left : undefined
const answerOf = (result: E.Either<HttpFailure, HttpAnswer>): HttpAnswer => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

describe('httpSender', () => {
  it('answers with status, headers and text, and counts what it sent', async () => {
    const { url, seen } = await serve(text(201, 'Grüezi', { etag: 'W/"1"' }))
    const meter = newMeter()
    const sender = httpSender({ meter, requestTimeoutMs: 60_000, remainingMs: () => Infinity })
    const result = await sender({
      service: 'fhir',
      method: 'POST',
      url: `${url}/fhir?a=b`,
      headers: { 'content-type': 'text/plain' },
      body: 'ü',
      maxBytes: 100,
    })()
    const { status, header, body } = answerOf(result)
    expect({ status, etag: header('etag'), body }).toEqual({ status: 201, etag: 'W/"1"', body: 'Grüezi' })
    expect(seen).toMatchObject([
      { method: 'POST', url: '/fhir?a=b', body: 'ü', headers: { 'accept-encoding': 'gzip' } },
    ])
    const { dicom, fhir } = newMeter().outcomes
    const outcomes = { dicom, fhir: { ...fhir, fine: 1 } }
    expect(meter).toEqual({ ...newMeter(), fhirRequests: 1, fhirBytesSent: 2, outcomes })
  })

  it.each([
    [200, 'fine'],
    [304, 'fine'],
    [404, 'refused'],
    [503, 'failed'],
  ] as const)('counts what came of it: %s is %s', async (status, outcome) => {
    const { url } = await serve(text(status, ''))
    const meter = newMeter()
    const sender = httpSender({ meter, requestTimeoutMs: 60_000, remainingMs: () => Infinity })
    await sender({ service: 'dicom', method: 'GET', url, headers: {}, maxBytes: 1 })()
    expect(meter.outcomes.dicom).toEqual({ ...newMeter().outcomes.dicom, [outcome]: 1 })
  })

  it('counts no request that never left, but that it was lost', async () => {
    const meter = newMeter()
    const sender = httpSender({ meter, requestTimeoutMs: 60_000, remainingMs: () => Infinity })
    const url = await deadUrl()
    const result = await sender({ service: 'fhir', method: 'POST', url, headers: {}, body: 'x', maxBytes: 1 })()
    expect(failureOf(result)).toEqual({ _tag: 'NotSent', reason: 'the connection was refused' })
    const { dicom, fhir } = newMeter().outcomes
    expect(meter).toEqual({ ...newMeter(), outcomes: { dicom, fhir: { ...fhir, lost: 1 } } })
  })

  it('sends nothing when the time of the run is used up', async () => {
    const { url, seen } = await serve(text(200, ''))
    const result = await send(url, { remainingMs: () => 0 })
    expect(failureOf(result)).toEqual({ _tag: 'NotSent', reason: "the run's time is used up", outOfTime: true })
    expect(seen).toEqual([])
  })

  it('ends a request that gets no answer', async () => {
    const time = stopTimeouts()
    const { url } = await serve(() => time.pass(60_000))
    expect(failureOf(await send(url))).toEqual({
      ...{ _tag: 'AnswerLost', reason: 'no complete answer within 60000 ms', timedOut: true },
    })
  })

  it('gives a request no more than what is left of the run, and says that it was the run that had no time', async () => {
    const time = stopTimeouts()
    const { url } = await serve(() => time.pass(50_000))
    const result = await send(url, { remainingMs: () => 50_000 })
    const reason = 'no complete answer within 50000 ms'
    expect(failureOf(result)).toEqual({ _tag: 'AnswerLost', reason, outOfTime: true })
  })

  it('ends a body that drips for ever', async () => {
    const time = stopTimeouts()
    const { url } = await serve((_seen, response) => {
      response.writeHead(200)
      const drip = setInterval(() => {
        response.write('.')
        time.pass(10_000)
      }, 1)
      response.on('close', () => clearInterval(drip))
    })
    expect(failureOf(await send(url))).toEqual({
      ...{ _tag: 'AnswerLost', reason: 'no complete answer within 60000 ms', timedOut: true },
    })
  })

  it('ends a request that finds no connection', async () => {
    const url = await deadUrl()
    const time = stopTimeouts()
    const sending = send(url)
    time.pass(60_000)
    expect(failureOf(await sending)).toEqual({ _tag: 'NotSent', reason: 'no connection came about in time' })
  })

  it('takes a connection that ends before the answer for a lost answer', async () => {
    const { url } = await serve((_seen, response) => response.destroy())
    expect(failureOf(await send(url))).toMatchObject({ _tag: 'AnswerLost' })
  })

  it('takes a body shorter than its Content-Length for a lost answer', async () => {
    const { url } = await serve((_seen, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half', () => response.destroy())
    })
    expect(failureOf(await send(url))).toMatchObject({ _tag: 'AnswerLost' })
  })

  it('takes a chunked body that stops for a lost answer', async () => {
    const { url } = await serve((_seen, response) => {
      response.writeHead(200)
      response.write('half', () => response.destroy())
    })
    expect(failureOf(await send(url))).toMatchObject({ _tag: 'AnswerLost' })
  })

  it('stops reading a body over the limit', async () => {
    const { url } = await serve((_seen, response) => {
      response.writeHead(200)
      const flood = (): void => {
        while (!response.destroyed && response.write('x'.repeat(1000)));
        response.once('drain', flood)
      }
      flood()
    })
    expect(failureOf(await send(url))).toEqual({ _tag: 'AnswerTooBig' })
  })

  it('reads gzip', async () => {
    const { url } = await serve((_seen, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(gzipSync('x'.repeat(1000)))
    })
    expect(answerOf(await send(url)).body).toBe('x'.repeat(1000))
  })

  it('holds the limit for what gzip unfolds to', async () => {
    const bomb = gzipSync(Buffer.alloc(500_000))
    expect(bomb.length).toBeLessThan(1000)
    const { url } = await serve((_seen, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(bomb)
    })
    expect(failureOf(await send(url))).toEqual({ _tag: 'AnswerTooBig' })
  })

  it.each([
    ['gzip', gzipSync('x'.repeat(1000)).subarray(0, 15), 'the answer cannot be decompressed'],
    ['gzip', Buffer.from('not gzip'), 'the answer cannot be decompressed'],
    ['br', Buffer.from('x'), 'the answer has an encoding not asked for'],
  ])('takes a broken or unasked encoding for a lost answer (%s, %#)', async (encoding, body, reason) => {
    const { url } = await serve((_seen, response) => {
      response.writeHead(200, { 'content-encoding': encoding })
      response.end(body)
    })
    expect(failureOf(await send(url))).toEqual({ _tag: 'AnswerLost', reason })
  })

  it.each([
    ['too large', {}, Buffer.alloc(2_000_000)],
    ['a gzip bomb', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(2_000_000))],
    ['broken gzip', { 'content-encoding': 'gzip' }, Buffer.from('not gzip')],
  ])('keeps the status of an error whose body is %s', async (_name, headers: Record<string, string>, body) => {
    const { url } = await serve((_seen, response) => {
      response.writeHead(503, headers)
      response.end(body)
    })
    const { status, body: read } = answerOf(await send(url))
    expect({ status, read }).toEqual({ status: 503, read: '' })
  })

  describe('of which only a part is kept', () => {
    const send = (url: string, keep: Keep) => {
      const sender = httpSender({ meter: newMeter(), requestTimeoutMs: 60_000, remainingMs: () => Infinity })
      return sender({ service: 'dicom', method: 'GET', url, headers: {}, maxBytes: 1_000, keep })()
    }
    const withoutCommas: Keep = (piece) => piece.filter((byte) => byte !== 0x2c)

    it('is cut piece by piece, also where a piece ends within a character', async () => {
      const whole = Buffer.from('\uFEFF病院,Zürich')
      for (let end = 1; end < whole.length; end++) {
        const pieces: Array<number> = []
        let goOn = (): void => undefined
        const { url } = await serve((_seen, response) => {
          goOn = () => response.end(whole.subarray(end))
          response.write(whole.subarray(0, end))
        })
        const answer = await send(url, (piece) => {
          pieces.push(piece.length)
          if (pieces.length === 1) goOn()
          return withoutCommas(piece)
        })
        expect(answerOf(answer)).toMatchObject({ body: '病院Zürich', bytes: whole.length })
        expect(pieces).toEqual([end, whole.length - end])
      }
    })

    it('is cut when it was decompressed', async () => {
      const { url } = await serve((_seen, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' })
        response.end(gzipSync('a,b,c'))
      })
      expect(answerOf(await send(url, withoutCommas))).toMatchObject({ body: 'abc', bytes: 5 })
    })

    it('is held to the limit by what came, not by what is left', async () => {
      const { url } = await serve(text(200, ','.repeat(1_001)))
      expect(failureOf(await send(url, withoutCommas))).toEqual({ _tag: 'AnswerTooBig' })
    })
  })

  it('follows no redirect', async () => {
    const elsewhere = await serve(text(200, 'here'))
    const { url } = await serve(text(307, '', { location: elsewhere.url }))
    expect(answerOf(await send(url)).status).toBe(307)
    expect(elsewhere.seen).toEqual([])
  })

  it('reports a request that cannot be written as not sent', async () => {
    const { url, seen } = await serve(text(200, ''))
    const sender = httpSender({ meter: newMeter(), requestTimeoutMs: 60_000, remainingMs: () => Infinity })
    const headers = { authorization: 'Bearer a\nb' }
    const result = await sender({ service: 'dicom', method: 'GET', url, headers, maxBytes: 1 })()
    expect(failureOf(result)).toMatchObject({ _tag: 'NotSent' })
    expect(seen).toEqual([])
  })
})

describe('the delay that a server asks for', () => {
  const date = 'Tue, 24 Nov 2026 12:00:00 GMT'
  it.each([
    [{ 'x-ms-retry-after-ms': '1500', 'retry-after': '9' }, 1500],
    [{ 'retry-after': '9' }, 9000],
    [{ 'retry-after': '0.5' }, 500],
    [{ date, 'retry-after': 'Tue, 24 Nov 2026 12:00:07 GMT' }, 7000],
    [{ date, 'retry-after': 'Tue, 24 Nov 2026 11:00:00 GMT' }, 0],
    [{ 'x-ms-retry-after-ms': 'soon', 'retry-after': '3' }, 3000],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-1' }, undefined],
    [{}, undefined],
  ])('%j', (headers: Record<string, string>, retryAfterMs) => {
    const answer = { status: 429, header: (name: string) => headers[name], body: '', bytes: 0 }
    expect(unexpected('fhir', answer).retryAfterMs).toBe(retryAfterMs)
  })

  it('comes with a status and our own words, never with the body', async () => {
    const { url } = await serve(json(503, { patient: 'DOE^JANE' }, { 'retry-after': '2' }))
    const answer = answerOf(await send(url))
    expect(unexpected('dicom', answer)).toEqual({
      _tag: 'ServiceUnavailable',
      hop: 'dicom',
      status: 503,
      retryAfterMs: 2000,
      reason: 'it has trouble of its own (503)',
    })
  })
})
