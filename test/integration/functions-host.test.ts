import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFunctionsHost, type FunctionsHost } from '../../local/functions-host'
import { loadLocalSettings } from '../../local/functions-host/app-host'

// An app of our own in a temporary folder, so that what is tested is the host and the real `@azure/functions`.
const library = JSON.stringify(require.resolve('@azure/functions'))
const writeApp = async (source: string): Promise<string> => {
  const root = await mkdtemp(join(tmpdir(), 'functions-host-'))
  await mkdir(join(root, 'functions'))
  await writeFile(join(root, 'package.json'), JSON.stringify({ main: 'functions/*.js' }))
  await writeFile(join(root, 'functions', 'app.js'), `const { app } = require(${library})\n${source}`)
  return root
}

const roots: string[] = []
const hosts: FunctionsHost[] = []
const start = async (source: string, env: NodeJS.ProcessEnv = {}): Promise<FunctionsHost> => {
  const root = await writeApp(source)
  roots.push(root)
  const host = await startFunctionsHost({ root, env: { ...process.env, ...env } })
  hosts.push(host)
  return host
}
const messages = (host: FunctionsHost, functionName: string): string[] =>
  host.logs.filter((line) => line.functionName === functionName).map((line) => line.message)
const until = async (reached: () => boolean): Promise<void> => {
  for (let waited = 0; !reached() && waited < 5_000; waited += 50)
    await new Promise((resolve) => setTimeout(resolve, 50))
}

afterAll(async () => {
  await Promise.all(hosts.map((host) => host.close()))
  await Promise.all(roots.map((root) => rm(root, { recursive: true })))
})

describe('HTTP functions', () => {
  let host: FunctionsHost
  beforeAll(async () => {
    host = await start(`
      app.http('errors', {
        methods: ['GET', 'DELETE'], route: 'errors/{table}/{row?}',
        handler: (request) => ({ jsonBody: { ...request.params, query: Object.fromEntries(request.query), method: request.method } }),
      })
      app.http('summary', { methods: ['GET'], route: 'errors/summary', handler: () => ({ body: 'literal' }) })
      app.http('echo', { methods: ['POST'], handler: async (request) => ({
        status: 201, headers: { 'x-seen': request.headers.get('x-sent') }, jsonBody: { got: await request.json() } }) })
      app.http('silent', { handler: () => undefined })
      app.http('text', { handler: () => 'not an object' })
      app.http('broken', { handler: () => { throw new Error('out of order') } })
    `)
  })
  const call = (path: string, init?: RequestInit) => fetch(host.url + path, init)

  it('tells what it serves', () => {
    expect(host.functions).toContain('errors: GET,DELETE /api/errors/{table}/{row?}')
  })
  it('hands route parameters over, decoded, and joins repeated query keys by a comma', async () => {
    const response = await call('/api/errors/FhirFail/00%2042?take=1&tag=a&tag=b')
    expect(await response.json()).toEqual({
      table: 'FhirFail',
      row: '00 42',
      query: { take: '1', tag: 'a,b' },
      method: 'GET',
    })
  })
  it('matches without the optional parameter, and without regard to letter case', async () => {
    expect(await (await call('/API/Errors/FhirFail', { method: 'DELETE' })).json()).toMatchObject({
      table: 'FhirFail',
      method: 'DELETE',
    })
  })
  it('prefers a literal segment to a parameter', async () => {
    expect(await (await call('/api/errors/summary')).text()).toBe('literal')
  })
  it('converts a JSON body, headers and the status both ways', async () => {
    const response = await call('/api/echo', { method: 'POST', body: '{"a":[1,"ü"]}', headers: { 'x-sent': 'yes' } })
    expect([response.status, response.headers.get('x-seen'), response.headers.get('content-type')]).toEqual([
      201,
      'yes',
      'application/json',
    ])
    expect(await response.json()).toEqual({ got: { a: [1, 'ü'] } })
  })
  it.each([
    ['an unknown path', 'GET', '/api/nothing', 404],
    ['a path without the prefix', 'GET', '/errors/x', 404],
    ['a verb the route does not have (404 in Azure, too)', 'PUT', '/api/errors/x', 404],
    ['a handler that returns nothing', 'GET', '/api/silent', 204],
    ['a handler that throws', 'GET', '/api/broken', 500],
    ['a handler that returns a string', 'GET', '/api/text', 500],
  ])('answers %s: %s %s → %d, without a body', async (_, method, path, status) => {
    const response = await call(path, { method })
    expect([response.status, await response.text()]).toEqual([status, ''])
  })
  it('logs why a function failed', async () => {
    await until(() => messages(host, 'broken').length > 0)
    expect(messages(host, 'broken')).toContain('Failed: out of order')
  })
})

describe('streams', () => {
  it('streams bodies through the library when the app asks for it', async () => {
    const host = await start(`
      app.setup({ enableHttpStream: true })
      app.http('upper', { methods: ['POST'], route: 'upper/{name}', handler: async (request) => ({
        headers: { 'x-name': request.params.name },
        body: request.body.pipeThrough(new TransformStream({ transform: (chunk, out) => out.enqueue(Buffer.from(chunk).toString().toUpperCase()) }))
          .pipeThrough(new TextEncoderStream()) }) })
      app.http('broken', { handler: () => { throw new Error('out of order') } })
    `)
    const response = await fetch(`${host.url}/api/upper/ct`, { method: 'POST', body: 'a long body '.repeat(20_000) })
    expect([response.status, response.headers.get('x-name')]).toEqual([200, 'ct'])
    expect(await response.text()).toBe('A LONG BODY '.repeat(20_000))
    expect((await fetch(`${host.url}/api/broken`)).status).toBe(500)
  })
})

describe('timer functions', () => {
  it('fires by hand, and hands the timer over as the app knows it', async () => {
    const host = await start(
      `
      app.timer('cast', { schedule: '%CastSchedule%', handler: (timer, context) => context.log(JSON.stringify(timer)) })
    `,
      { CastSchedule: '0 0 4 1 1 *' },
    )
    expect(host.functions).toEqual(['cast: 0 0 4 1 1 *'])
    expect(await host.fire('cast')).toEqual({ succeeded: true })
    expect(messages(host, 'cast')).toEqual([
      '{"schedule":{"adjustForDST":true},"scheduleStatus":null,"isPastDue":false}',
    ])
    const response = await fetch(`${host.url}/admin/functions/cast`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(202)
    await expect(host.fire('nobody')).rejects.toThrow('no timer or queue function "nobody"')
  })
  it('runs on schedule, one run at a time', async () => {
    const host = await start(`
      let running = 0
      app.timer('tick', { schedule: '* * * * * *', handler: async (timer, context) => {
        context.log(String(++running)); await new Promise((done) => setTimeout(done, 1200)); running-- } })
    `)
    await until(() => messages(host, 'tick').length >= 2)
    expect(messages(host, 'tick').slice(0, 2)).toEqual(['1', '1'])
  })
  it('keeps off its schedule when disabled, and can still be fired', async () => {
    const host = await start(
      `app.timer('tick', { schedule: '* * * * * *', handler: (timer, context) => context.log('fired') })`,
      { 'AzureWebJobs.tick.Disabled': 'true' },
    )
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(messages(host, 'tick')).toEqual([])
    await host.fire('tick')
    expect(messages(host, 'tick')).toEqual(['fired'])
  })
  it.each(['%Nowhere%', '%Cast__Schedule%'])(
    'reports that %s does not resolve, and serves the rest',
    async (schedule) => {
      const host = await start(
        `app.timer('cast', { schedule: '${schedule}', handler: () => {} }); app.http('ping', { handler: () => ({ body: 'pong' }) })`,
        { Cast__Schedule: '0 * * * * *' },
      )
      expect(messages(host, 'cast')).toEqual([`${schedule} does not resolve to a setting.`])
      expect(await (await fetch(`${host.url}/api/ping`)).text()).toBe('pong')
    },
  )
  it('reports a run that failed', async () => {
    const host = await start(
      `app.timer('cast', { schedule: '0 0 4 1 1 *', handler: () => { throw new Error('no FHIR') } })`,
    )
    expect(await host.fire('cast')).toEqual({ succeeded: false, error: 'no FHIR' })
  })
})

describe('the life of the app', () => {
  it('runs the hooks: start, before and after an invocation, and at the end', async () => {
    const host = await start(`
      app.hook.appStart(() => { console.log('started') })
      app.hook.preInvocation((context) => { context.inputs = ['changed'] })
      app.hook.postInvocation((context) => { console.log('after', context.result) })
      app.hook.appTerminate(async () => { await new Promise((done) => setTimeout(done, 50)); console.log('lease released') })
      app.timer('cast', { schedule: '0 0 4 1 1 *', handler: (input) => input })
    `)
    await host.fire('cast')
    await host.close()
    const printed = host.logs.filter((line) => line.category === 'console').map((line) => line.message)
    expect(printed).toEqual(['started', 'after changed', 'lease released'])
  })
  it('says in one line why an app does not start', async () => {
    await expect(start(`throw new Error('bad import')`)).rejects.toThrow('The function app did not start: bad import')
    await expect(start('')).rejects.toThrow('No function is registered by functions/*.js')
  })
})

describe('local.settings.json', () => {
  it('sets what the environment has not set', async () => {
    const root = await writeApp('')
    roots.push(root)
    await writeFile(join(root, 'local.settings.json'), JSON.stringify({ Values: { Mine: 'file', Both: 'file' } }))
    const env = { Both: 'environment' }
    loadLocalSettings(root, env)
    expect(env).toEqual({ Mine: 'file', Both: 'environment' })
  })
  it('need not exist, but must be readable', async () => {
    const root = await writeApp('')
    roots.push(root)
    expect(() => loadLocalSettings(root, {})).not.toThrow()
    await writeFile(join(root, 'local.settings.json'), 'Values:')
    expect(() => loadLocalSettings(root, {})).toThrow('local.settings.json cannot be read')
  })
})
