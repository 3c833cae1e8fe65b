import { describe, expect, it } from '@jest/globals'
import { request } from 'undici'
import { type OperateWorld, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const row = (number: number) => ({ table: 'DicomFailToStoreExceptionTable', row: String(number).padStart(19, '0') })
const rows = (count: number) => Array.from({ length: count }, (_, index) => row(index))

/** As it is sent, without what a client would correct. */
const send = async (world: OperateWorld, method: 'GET' | 'HEAD' | 'POST' | 'OPTIONS', path: string, body?: string) => {
  const answer = await request(`${world.host.url}/api/${path}`, { method, body: body ?? null })
  return { status: answer.statusCode, type: answer.headers['content-type'], text: await answer.body.text() }
}

describe('a route without a key', () => {
  it('answers GET and HEAD, and other verbs do not reach it', async () => {
    const world = await newWorld()
    for (const path of ['health', 'dashboard']) {
      expect([path, (await send(world, 'GET', path)).status]).toEqual([path, 200])
      expect([path, await send(world, 'HEAD', path)]).toMatchObject([path, { status: 200, text: '' }])
      expect([path, await send(world, 'POST', path, '{}')]).toMatchObject([path, { status: 404, text: '' }])
    }
    // A path that two functions share has its verbs apart, too, and a key for each.
    const { functions } = world.host
    const isShared = (path: string): boolean => functions.filter((line) => line.endsWith(` /api/${path}`)).length > 1
    const unlocked = functions.flatMap((line) => /GET,HEAD \/api\/(\w+)$/.exec(line)?.[1] ?? [])
    expect(unlocked.filter((path) => !isShared(path)).sort()).toEqual(['dashboard', 'health'])
  })

  it('reads no body', async () => {
    const world = await newWorld()
    expect((await send(world, 'GET', 'health', 'x'.repeat(1_000_000))).text).toBe(
      (await send(world, 'GET', 'health')).text,
    )
  })
})

describe('every route', () => {
  it('answers HEAD where it answers GET: probes send it', async () => {
    const world = await newWorld()
    for (const path of ['status', 'failures/DicomFailToStoreExceptionTable'])
      expect([path, await send(world, 'HEAD', path)]).toMatchObject([path, { status: 200, text: '' }])
    expect(await send(world, 'HEAD', 'verify')).toMatchObject({ status: 400, text: '' })
    expect(await send(world, 'HEAD', 'replay')).toMatchObject({ status: 405, text: '' })
  })

  it.each([
    ['catch-up', 1_024],
    ['reconcile', 1_024],
    ['pause', 1_024],
    ['resume', 1_024],
    ['preview', 1_024],
    ['accept', 16_384],
    ['resync', 16_384],
    ['checkpoint', 16_384],
    ['rename-service', 16_384],
    ['replay', 131_072],
  ])('has a limit of its body: %s', async (path, limit) => {
    const world = await newWorld()
    const padded = (length: number): string => `{"x":"${'x'.repeat(length - 8)}"}`
    expect(await world.call('POST', path, padded(limit + 1))).toMatchObject({
      status: 413,
      json: { code: 'BodyTooLarge', detail: `The body of this route has ${limit} bytes at the most.` },
    })
    expect(await world.call('POST', path, padded(limit))).toMatchObject({ status: 400 })
  })
})

describe('a request', () => {
  it('with a longer list than it may have is refused before any work', async () => {
    const world = await newWorld()
    expect(await world.call('POST', 'replay', { rows: rows(1_000) })).toMatchObject({ status: 200 })
    world.dicom.requests.clear()
    expect(await world.call('POST', 'replay', { rows: rows(1_001) })).toMatchObject({
      status: 400,
      json: { problems: ['rows: expected a list of at most 1000'] },
    })
    expect(world.dicom.requests.list()).toEqual([])
  })

  it('with many problems is told twenty of them, and how many more there are', async () => {
    const world = await newWorld()
    const { status, json } = await world.call('POST', 'replay', {
      rows: rows(300).map((each) => ({ ...each, row: 'x' })),
    })
    expect([status, (json['problems'] as unknown[]).length, json['more']]).toEqual([400, 20, 280])
    expect(json['detail']).toMatch(/^The request has 300 problems: rows\.0\.row: [^]* · and 280 more\.?$/)
  })

  it.each([
    ['a page that is none', `from=${base64(null)}`],
    ['half a page', 'from=eyJu'],
    ['a page of another shape', `from=${base64({ nextPartitionKey: { a: 1 } })}`],
    ['a page that is text', `from=${base64('next')}`],
  ])('for %s is wrong, and no service is at fault', async (_, query) => {
    const world = await newWorld()
    expect(await world.call('GET', `failures/DicomFailToStoreExceptionTable?${query}`)).toMatchObject({
      status: 400,
      json: { code: 'RequestInvalid', problems: ['there is no such page, row or time: give what an answer has told'] },
    })
  })

  it.each([
    ['names of a prototype', '{"__proto__":{"confirm":true},"constructor":1,"toString":2}'],
    ['deep JSON', '['.repeat(16_000)],
    ['deep JSON that ends', `${'['.repeat(8_000)}${']'.repeat(8_000)}`],
    ['a member that is deep', `{"sequence":${'['.repeat(8_000)}${']'.repeat(8_000)}}`],
    ['wide JSON', `{${Array.from({ length: 1_500 }, (_, index) => `"m${index}":1`).join()}}`],
    ['half a character', '{"etag":"\\ud800","confirm":true}'],
    ['no UTF-8', '\u0000\u0001'],
  ])('with %s is refused as any other', async (_, body) => {
    const world = await newWorld()
    const { status, json } = await world.call('POST', 'checkpoint', body)
    expect([status, json['code']]).toEqual([400, 'RequestInvalid'])
    expect(JSON.stringify(json)).not.toMatch(/__proto__|constructor|m1499|\[\[/)
  })

  it.each([
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '..%2F..%2Fstatus',
    '%F0%9F%92%A9',
    'a'.repeat(2_000),
  ])('for a table or a row called %s finds none', async (name) => {
    const world = await newWorld()
    expect(await world.call('GET', `failures/${name}`)).toMatchObject({ status: 404 })
    const { status } = await world.call('GET', `failures/DicomFailToStoreExceptionTable/${name}`)
    expect([400, 404]).toContain(status)
  })
})
