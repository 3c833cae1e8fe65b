import { describe, expect, it } from '@jest/globals'
import { created, images } from '../support/world/cast-images'
import { documentedOptions, documentedRoutes, undocumented } from '../support/assert/openapi'
import { takeLease, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()

/** Calls that bring out every kind of answer; `{…}` in a path are filled in by what stands before `?`. */
const calls = (etag: string): ReadonlyArray<readonly ['GET' | 'POST', string, string, unknown?]> => [
  ['GET', '/health', 'health'],
  ['GET', '/status', 'status'],
  ['GET', '/check', 'check'],
  ['POST', '/catch-up', 'catch-up'],
  ['POST', '/catch-up', 'catch-up?maxBatches=x'],
  ['GET', '/failures/{table}', 'failures/DicomFailToStoreExceptionTable'],
  ['GET', '/failures/{table}', 'failures/InvalidDicomTagExceptionTable'],
  ['GET', '/failures/{table}', 'failures/TransientRetryExceptionTable'],
  ['GET', '/failures/{table}', 'failures/InvalidDicomTagExceptionTable?limit=0'],
  ['GET', '/failures/{table}', 'failures/Nowhere'],
  ['GET', '/failures/{table}/{row}', 'failures/DicomFailToStoreExceptionTable/0000000000000000003'],
  ['GET', '/failures/{table}/{row}', 'failures/DicomFailToStoreExceptionTable/none'],
  ['POST', '/replay', 'replay?dryRun=true', { table: 'DicomFailToStoreExceptionTable' }],
  ['POST', '/replay', 'replay', { table: 'DicomFailToStoreExceptionTable' }],
  ['POST', '/replay', 'replay', {}],
  ['POST', '/accept', 'accept?dryRun=true', { patient: 'none', identifier: '|P1' }],
  ['POST', '/accept', 'accept', { patient: 'none', identifier: 'P1' }],
  ['POST', '/resync', 'resync', { study: '1.2.3' }],
  ['POST', '/wake', 'wake', []],
  ['POST', '/reconcile', 'reconcile'],
  ['POST', '/pause', 'pause'],
  ['POST', '/resume', 'resume'],
  ['POST', '/rename-service', 'rename-service?dryRun=true', { from: 'https://never.example' }],
  ['POST', '/rename-service', 'rename-service', {}],
  ['POST', '/take-over', 'take-over?dryRun=true', { finish: true }],
  ['POST', '/take-over', 'take-over', { finish: true }],
  ['POST', '/take-over', 'take-over', {}],
  ['POST', '/resync', 'resync', { study: '9.9' }],
  ['POST', '/resync', 'resync', {}],
  ['GET', '/verify', 'verify?study=1.2.3'],
  ['GET', '/verify', 'verify?study=9.9'],
  ['GET', '/verify', 'verify'],
  ['POST', '/preview', 'preview?fromSequence=0'],
  ['POST', '/preview', 'preview?batches=0'],
  ['POST', '/checkpoint', 'checkpoint', { sequence: 99, etag, confirm: true }],
  ['POST', '/checkpoint', 'checkpoint', { sequence: 1, etag: 'old', confirm: true }],
  ['POST', '/checkpoint', 'checkpoint', {}],
]

const backfillCalls: ReturnType<typeof calls> = [
  ['GET', '/backfill', 'backfill'],
  ['POST', '/backfill/cancel', 'backfill/cancel'],
  ['POST', '/backfill', 'backfill?dryRun=true', {}],
  ['POST', '/backfill', 'backfill?dryRun=true', { studies: ['1.2.3', 'Microsoft.Default/9.9'] }],
  ['POST', '/backfill', 'backfill?dryRun=true', { studies: ['Doe^Jane'] }],
  ['POST', '/backfill', 'backfill', {}],
  ['POST', '/backfill', 'backfill', { confirm: true }],
  ['GET', '/backfill', 'backfill'],
  ['GET', '/status', 'status'],
  ['POST', '/backfill', 'backfill', { confirm: true }],
  ['POST', '/resync', 'resync', { study: '1.2.3' }],
  ['POST', '/backfill/cancel', 'backfill/cancel'],
  ['GET', '/backfill', 'backfill'],
  ['POST', '/backfill/cancel', 'backfill/cancel'],
]

const verbsOf = (path: string): ReadonlyArray<string> =>
  documentedRoutes.flatMap((route) => (route.path === path ? [route.verb] : []))

describe('docs/openapi.yaml', () => {
  it('has every operator route with its verb, and no other', async () => {
    const world = await newWorld()
    const registered = world.host.functions.flatMap((line) => {
      const [, name, path] = /^(\w+): \S+ \/api(\/\S+)$/.exec(line) ?? []
      return name === undefined ? [] : [`${name} ${path}`]
    })
    expect([...registered].sort()).toEqual(documentedRoutes.map(({ name, path }) => `${name} ${path}`).sort())
    for (const route of documentedRoutes.filter(({ anonymous }) => !anonymous)) {
      const answer = await world.call('DELETE', route.path.slice(1).replaceAll(/\{(\w+)\}/g, 'x'))
      const verbs = verbsOf(route.path)
      const both = verbs.includes('GET') && verbs.includes('POST')
      expect(answer.json['detail']).toBe(`This route answers ${both ? 'GET and POST' : route.verb}.`)
      expect(undocumented(route, answer)).toEqual([])
    }
  })

  it('names every option that a route takes, and no other', async () => {
    const world = await newWorld()
    const taken = ({ json }: { readonly json: Readonly<Record<string, unknown>> }): ReadonlyArray<string> => {
      const [problem] = (json['problems'] ?? []) as ReadonlyArray<string>
      return /^1 unknown member; there are: (.+)$/.exec(problem ?? '')?.[1]?.split(', ') ?? []
    }
    const table = 'failures/DicomFailToStoreExceptionTable'
    for (const route of documentedRoutes) {
      const { query, body } = documentedOptions(route)
      const called = route.path === '/failures/{table}' ? table : route.path.slice(1)
      const verb = route.verb as 'GET' | 'POST'
      if (query.length > 0) {
        const answer = await world.call(verb, `${called}?frob=1`, verb === 'POST' ? {} : undefined)
        // In the URL of a failures list `code` is a filter or a key, and so is judged apart.
        expect([route.path, [...taken(answer)].sort()]).toEqual([
          route.path,
          query.filter((name) => name !== 'code').sort(),
        ])
      }
      if (body.length > 0) {
        const answer = await world.call(verb, called, { frob: 1 })
        expect([route.path, [...taken(answer)].sort()]).toEqual([route.path, [...body].sort()])
      }
    }
  })

  it('tells what the answers about a backfill look like', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2, { study: '1.2.3' }))
    const seen: Array<number> = []
    for (const [verb, path, called, body] of backfillCalls) {
      const answer = await world.call(verb, called, body)
      seen.push(answer.status)
      expect([called, undocumented({ path, verb }, answer)]).toEqual([called, []])
    }
    expect(seen).toEqual([404, 404, 200, 200, 400, 400, 200, 200, 200, 422, 409, 200, 200, 404])
  })

  it('tells what real answers look like, good and bad', async () => {
    const world = await newWorld()
    const badDate = { '00100030': { vr: 'DA', Value: ['never'] } }
    world.dicom.control.append(
      ...images(2, { study: '1.2.3' }),
      created({ study: '1.2.4', patientId: null }),
      created({ study: '1.2.5', elements: badDate }),
    )
    world.fhir.faults.set([{ fault: '403' }])
    expect(undocumented({ path: '/catch-up', verb: 'POST' }, await world.call('POST', 'catch-up'))).toEqual([])
    world.fhir.faults.clear()
    await world.call('POST', 'catch-up')
    const etag = ((await world.call('GET', 'status')).json['checkpoint'] as { etag: string }).etag
    const seen: Array<string> = []
    for (const [verb, path, called, body] of calls(etag)) {
      const answer = await world.call(verb, called, body)
      seen.push(`${path} ${answer.status}`)
      expect([called, undocumented({ path, verb }, answer)]).toEqual([called, []])
    }
    const moved = await world.call('POST', 'checkpoint', { sequence: 1, etag, confirm: true })
    expect([moved.status, undocumented({ path: '/checkpoint', verb: 'POST' }, moved)]).toEqual([200, []])
    for (const status of [200, 400, 404, 412, 422])
      expect(seen.filter((each) => each.endsWith(` ${status}`))).not.toEqual([])
  })

  it('tells what answers look like while somebody else is at work, a service is down, or settings are missing', async () => {
    const world = await newWorld()
    await takeLease(world)
    const writing: ReadonlyArray<readonly [string, unknown?]> = [
      ['/catch-up'],
      ['/replay', { table: 'DicomFailToStoreExceptionTable' }],
      ['/resync', { study: '1.2.3' }],
      ['/rename-service', { from: 'https://never.example' }],
      ['/take-over', { finish: true }],
      ['/checkpoint', { sequence: 0, etag: null, confirm: true }],
    ]
    for (const [path, body] of writing) {
      const answer = await world.call('POST', path.slice(1), body)
      expect([path, answer.status, undocumented({ path, verb: 'POST' }, answer)]).toEqual([path, 409, []])
    }
    const lost = await newWorld({ app: { DicomWeb__Endpoint: '' } })
    for (const [verb, path, called, body] of calls('x')) {
      const answer = await lost.call(verb, called, body)
      expect([called, undocumented({ path, verb }, answer)]).toEqual([called, []])
    }
  })
})
