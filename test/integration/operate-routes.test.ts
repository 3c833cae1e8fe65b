import { describe, expect, it } from '@jest/globals'
import { held } from '../support/fhir/cast-fhir'
import { created, images } from '../support/world/cast-images'
import { type OperateWorld, problemType, takeLease, useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const down = 'http://127.0.0.1:9'

describe('every operator route', () => {
  it('answers a wrong verb with 405 and says which is right', async () => {
    const world = await newWorld()
    const wrong = [
      ['DELETE', 'status', 'GET'],
      ['GET', 'catch-up', 'POST'],
      ['POST', 'failures/InvalidDicomTagExceptionTable', 'GET'],
      ['DELETE', 'failures/InvalidDicomTagExceptionTable/1', 'GET'],
      ['GET', 'checkpoint', 'POST'],
      ['PUT', 'replay', 'POST'],
      ['GET', 'resync', 'POST'],
      ['POST', 'verify', 'GET'],
      ['PATCH', 'preview', 'POST'],
    ] as const
    for (const [method, path, right] of wrong) {
      const { status, type, json } = await world.call(method, path)
      expect([path, status, type, json['detail']]).toEqual([path, 405, problemType, `This route answers ${right}.`])
    }
  })

  it('lists all problems of a configuration, and no value', async () => {
    const world = await newWorld({ app: { Fhir__Endpoint: 'secret words', DicomCast__BatchSize: 'many' } })
    for (const [method, path] of [
      ['GET', 'status'],
      ['POST', 'catch-up'],
      ['GET', 'failures/InvalidDicomTagExceptionTable'],
    ] as const) {
      const { status, type, json } = await world.call(method, path)
      expect([path, status, type, json['code']]).toEqual([path, 500, problemType, 'ConfigurationInvalid'])
      expect(json['problems']).toEqual([
        expect.stringMatching(/^Fhir__Endpoint: /),
        expect.stringMatching(/^DicomCast__BatchSize: /),
      ])
      expect(JSON.stringify(json)).not.toContain('secret')
    }
    expect(await world.call('GET', 'health')).toMatchObject({ status: 503, json: { status: 'unhealthy' } })
  })
})

describe('GET /api/health', () => {
  it('is 200 while all services answer, and tells two times and nothing else', async () => {
    const world = await newWorld()
    expect(await world.call('GET', 'health')).toEqual({
      status: 200,
      type: 'application/json',
      json: { status: 'healthy', timerLastRanAt: null, castLastSucceededAt: null },
    })
  })

  it.each(['DicomWeb__Endpoint', 'Fhir__Endpoint'])('is 503 while %s is down', async (name) => {
    const world = await newWorld({ app: { [name]: down } })
    expect(await world.call('GET', 'health')).toMatchObject({ status: 503, json: { status: 'unhealthy' } })
  })
})

describe('GET /api/status', () => {
  it('of a new installation says so', async () => {
    const world = await newWorld()
    expect((await world.call('GET', 'status')).json).toMatchObject({
      state: 'fine',
      reasons: [],
      checkpoint: { sequence: 0, etag: null, openHoles: 0 },
      head: 0,
      backlog: 0,
      lagS: 0,
      lease: { held: false },
      runs: [],
      health: { dicom: { healthy: true }, fhir: { healthy: true }, storage: { healthy: true } },
    })
  })

  it('tells the backlog and its age, then the run that settled it and the rows that it left', async () => {
    const world = await newWorld()
    const timestamp = new Date(Date.now() - 3_600_000).toISOString()
    world.dicom.control.append(
      { ...created({ study: '1.2.1' }), timestamp },
      created({ study: '1.2.2', patientId: null }),
    )
    const before = (await world.call('GET', 'status')).json
    expect(before).toMatchObject({ state: 'behind', head: 2, backlog: 2, reasons: [expect.stringContaining('60 min')] })
    expect(before['lagS']).toBeGreaterThanOrEqual(3_599)
    await world.call('POST', 'catch-up')
    expect((await world.call('GET', 'status')).json).toMatchObject({
      state: 'behind',
      reasons: ['1 row in DicomFailToStoreExceptionTable: TagsRejected 1'],
      checkpoint: { sequence: 2, etag: expect.any(String) },
      backlog: 0,
      lagS: 0,
      failures: {
        DicomFailToStoreExceptionTable: { rows: 1, more: false, codes: { TagsRejected: 1 } },
        FhirFailToStoreExceptionTable: { rows: 0, more: false, codes: {} },
      },
      runs: [
        {
          kind: 'catch-up',
          by: 'function key',
          ended: 'CaughtUp',
          from: 0,
          to: 2,
          entries: 2,
          stored: 1,
          recorded: 1,
          lagS: 0,
        },
      ],
    })
  })

  it('names settings that nobody reads', async () => {
    const world = await newWorld({ app: { Patient__IsIssuerUsed: 'true' } })
    expect((await world.call('GET', 'status')).json).toMatchObject({
      state: 'fine',
      warnings: [
        'Patient__IsIssuerUsed is no setting of DICOMcast, and has no effect; did you mean Patient__IsIssuerIdUsed?',
      ],
    })
  })

  it('costs few requests, and shows no secret', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(3))
    world.dicom.requests.clear()
    world.fhir.requests.clear()
    const { json } = await world.call('GET', 'status')
    expect(world.dicom.requests.list()).toHaveLength(5)
    expect(world.fhir.requests.list()).toHaveLength(2)
    expect(JSON.stringify(json)).not.toContain('AccountKey')
    expect(json['configuration']).toMatchObject({ storage: 'connection string', batchSize: 1000 })
  })

  it.each([
    ['dicom', 'DicomWeb__Endpoint'],
    ['fhir', 'Fhir__Endpoint'],
  ])('answers while %s is down, and says that it is', async (hop, name) => {
    const world = await newWorld({ app: { [name]: down } })
    const { status, json } = await world.call('GET', 'status')
    expect([status, json['state']]).toEqual([200, 'broken'])
    expect(json['health']).toMatchObject({ [hop]: { healthy: false, reason: `${hop}: the connection was refused` } })
    expect(json['reasons']).toContain(`${hop}: the connection was refused`)
  })

  it('answers while storage is down', async () => {
    const world = await newWorld({
      app: {
        AzureWebJobsStorage: `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=aaaa;BlobEndpoint=${down}/a;TableEndpoint=${down}/a;`,
      },
    })
    const { status, json } = await world.call('GET', 'status')
    expect([status, json['state'], json['checkpoint'], json['lease']]).toEqual([
      200,
      'broken',
      undefined,
      { held: null },
    ])
    expect(json['health']).toMatchObject({
      dicom: { healthy: true },
      fhir: { healthy: true },
      storage: { healthy: false },
    })
  }, 30_000)

  it('tells who holds the lease, and for how long', async () => {
    const world = await newWorld()
    await takeLease(world)
    const { json } = await world.call('GET', 'status')
    expect(json['lease']).toMatchObject({ held: true, runId: 'theirs' })
    expect((json['lease'] as { heldForS: number }).heldForS).toBeGreaterThanOrEqual(90)
  })
})

describe('POST /api/catch-up', () => {
  it('casts until it has caught up', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '2' } })
    world.dicom.control.append(...images(5))
    expect(await world.call('POST', 'catch-up')).toMatchObject({
      status: 200,
      json: { caughtUp: true, ended: 'CaughtUp', from: 0, to: 5, entries: 5, stored: 5 },
    })
  })

  it('takes no more batches than it may', async () => {
    const world = await newWorld({ settings: { DicomCast__BatchSize: '2' } })
    world.dicom.control.append(...images(5))
    expect(await world.call('POST', 'catch-up?maxBatches=1&budgetSeconds=60')).toMatchObject({
      status: 200,
      json: { caughtUp: false, ended: 'BatchDone', to: 2 },
    })
  })

  it.each([
    ['budgetSeconds=0', 'budgetSeconds: expected a whole number from 1 to 200'],
    ['budgetSeconds=1e2', 'budgetSeconds: expected a whole number from 1 to 200'],
    ['maxBatches=-1', 'maxBatches: expected a whole number from 1 to 100000'],
    ['maxbatches=1', '1 unknown member; there are: budgetSeconds, maxBatches'],
  ])('refuses ?%s', async (query, wrong) => {
    const world = await newWorld()
    const { status, type, json } = await world.call('POST', `catch-up?${query}`)
    expect([status, type, json['problems']]).toEqual([400, problemType, [wrong]])
  })

  it('refuses options in a body, where nobody would hear of them', async () => {
    const world = await newWorld()
    expect(await world.call('POST', 'catch-up', {})).toMatchObject({ status: 200 })
    for (const body of [{ maxBatches: 1 }, 'budgetSeconds=5', '{'])
      expect(await world.call('POST', 'catch-up', body)).toMatchObject({
        status: 400,
        json: { problems: ['the options of this route go into its URL, not into a body'] },
      })
  })

  it('is 409 while somebody else holds the lease, with the age of it', async () => {
    const world = await newWorld()
    await takeLease(world)
    const { status, type, json } = await world.call('POST', 'catch-up')
    expect([status, type, json['code'], json['runId']]).toEqual([409, problemType, 'LeaseHeld', 'theirs'])
    expect(json['heldForS']).toBeGreaterThanOrEqual(90)
  })

  it('is 503 when a service stopped it, with the hop and the reason, and what was done before', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2))
    world.fhir.faults.set([{ fault: '403' }])
    expect(await world.call('POST', 'catch-up')).toMatchObject({
      status: 503,
      type: problemType,
      json: {
        code: 'AccessDenied',
        hop: 'fhir',
        detail: 'fhir: it refuses this identity (403): does it have the role FHIR Data Writer?',
        report: { from: 0, to: 0, head: 2 },
      },
    })
    const { json } = await world.call('GET', 'status')
    expect(json).toMatchObject({
      state: 'broken',
      checkpoint: { stuckSince: expect.any(String) },
      runs: [{ ended: 'AccessDenied' }],
    })
  })
})

describe('GET /api/failures', () => {
  const withRows = async (): Promise<OperateWorld> => {
    const world = await newWorld()
    const issuer = { '00100021': { vr: 'LO', Value: ['Elsewhere'] } }
    world.dicom.control.append(
      ...[1, 2, 3].map((instance) => created({ study: '1.2.1', instance, patientId: null })),
      created({ study: '1.2.2', elements: issuer }),
    )
    await world.cast({ Patient__IsIssuerIdUsed: 'true' })
    return world
  }
  const table = 'failures/DicomFailToStoreExceptionTable'
  const sequences = (json: Answered['json']): unknown =>
    (json['rows'] as Array<{ sequence: number }>).map(({ sequence }) => sequence)
  type Answered = Awaited<ReturnType<OperateWorld['call']>>

  it('lists rows with their reason, page by page', async () => {
    const world = await withRows()
    const first = await world.call('GET', `${table}?limit=3`)
    expect(first.json).toMatchObject({
      rows: [
        {
          table: 'DicomFailToStoreExceptionTable',
          row: '0000000000000000001',
          sequence: 1,
          partition: 'Microsoft.Default',
          studyInstanceUid: '1.2.1',
          code: 'TagsRejected',
          count: 1,
          reason: 'PatientID is missing.',
          writtenAt: expect.stringMatching(/^\d{4}-/),
        },
        { sequence: 2 },
        { sequence: 3 },
      ],
      next: expect.any(String),
    })
    const second = await world.call('GET', `${table}?limit=3&from=${encodeURIComponent(String(first.json['next']))}`)
    expect([sequences(second.json), second.json['next']]).toEqual([[4], undefined])
  })

  it.each([
    ['study=1.2.2', [4]],
    ['code=TagsRejected', [1, 2, 3]],
    ['errorCode=TagsRejected', [1, 2, 3]],
    ['code=a-key-that-is-no-code%3D%3D&errorCode=IssuerUnknown', [4]],
    ['since=2000-01-01T00:00:00Z', [1, 2, 3, 4]],
    ['since=2100-01-01T00:00:00Z', []],
  ])('filters by %s', async (query, expected) => {
    const world = await withRows()
    expect(sequences((await world.call('GET', `${table}?${query}`)).json)).toEqual(expected)
  })

  it.each(['study=%27%20or%201', 'since=yesterday', 'limit=0', 'errorCode=TagRejected', 'frm=x', 'from=%27'])(
    'refuses ?%s',
    async (query) => {
      const world = await newWorld()
      expect(await world.call('GET', `${table}?${query}`)).toMatchObject({
        status: 400,
        json: { code: 'RequestInvalid' },
      })
    },
  )

  it('takes `code` for a filter, and a mistake in it for one, once the key is in the header', async () => {
    const world = await withRows()
    const rowsOf = async (code: string): Promise<unknown> => {
      const response = await fetch(`${world.host.url}/api/${table}?code=${code}`, {
        headers: { 'x-functions-key': 'k' },
      })
      return response.status === 200 ? sequences((await response.json()) as Answered['json']) : response.status
    }
    expect([await rowsOf('IssuerUnknown'), await rowsOf('IssuerUnknwon')]).toEqual([[4], 400])
  })

  it('finds what is being retried by its code', async () => {
    const world = await newWorld()
    world.dicom.control.append(created())
    world.fhir.faults.set([{ fault: '403' }])
    await world.call('POST', 'catch-up')
    const { json } = await world.call('GET', 'failures/TransientRetryExceptionTable?code=Retrying')
    expect(json['rows']).toMatchObject([{ code: 'Retrying', hop: 'fhir', status: 403 }])
  })

  it('shows one row; 404 for a row or a table that is not there', async () => {
    const world = await withRows()
    expect(await world.call('GET', `${table}/0000000000000000004`)).toMatchObject({
      status: 200,
      json: { sequence: 4, code: 'IssuerUnknown' },
    })
    for (const path of [`${table}/0000000000000000005`, 'failures/Nowhere', 'failures/Nowhere/1']) {
      expect(await world.call('GET', path)).toMatchObject({
        status: 404,
        type: problemType,
        json: { code: 'NotFound' },
      })
    }
  })

  it.each(['a%2Fb', 'a%5Cb', '%23', '%3F', '%00', '%27', 'a'.repeat(2_000)])(
    'refuses %s as the key of a row',
    async (key) => {
      const world = await withRows()
      expect(await world.call('GET', `${table}/${key}`)).toMatchObject({
        status: 400,
        json: { code: 'RequestInvalid' },
      })
    },
  )

  it('holds no patient data', async () => {
    const world = await withRows()
    const { json } = await world.call('GET', table)
    for (const secret of ['Rivera', '19700102', 'Elsewhere']) expect(JSON.stringify(json)).not.toContain(secret)
  })
})

describe('POST /api/checkpoint', () => {
  const settled = async () => {
    const world = await newWorld()
    world.dicom.control.append(
      ...[1, 2, 3].map((instance) => ({
        ...created({ instance }),
        timestamp: `2026-11-20T1${instance}:00:00.0000000+00:00`,
      })),
    )
    await world.cast({}, { maxBatches: 0 })
    const { checkpoint } = (await world.call('GET', 'status')).json as { checkpoint: { etag: string } }
    return { world, etag: checkpoint.etag }
  }

  it('moves to a sequence, and writes it to the run history; the next run casts again and changes nothing', async () => {
    const { world, etag } = await settled()
    expect(await world.call('POST', 'checkpoint', { sequence: 1, etag, confirm: true })).toMatchObject({
      status: 200,
      json: { from: 3, to: 1, head: 3, etag: expect.any(String) },
    })
    expect((await world.call('GET', 'status')).json).toMatchObject({
      checkpoint: { sequence: 1 },
      backlog: 2,
      runs: [{ kind: 'checkpoint', by: 'function key', ended: 'CheckpointMoved', from: 3, to: 1 }, { kind: 'cast' }],
    })
    expect(await world.cast({}, { maxBatches: 0 })).toMatchObject({ ended: 'CaughtUp', to: 3, unchanged: 2, stored: 0 })
  })

  it.each([
    ['2026-11-20T13:00:00Z', 2],
    ['2026-11-20T12:30:00Z', 2],
    ['2026-11-20T12:00:30Z', 1],
    ['2026-11-01T00:00:00Z', 0],
    ['2026-11-21T00:00:00Z', 3],
  ])('moves to %s: before the first row of that time, and of the two minutes before it', async (time, sequence) => {
    const { world, etag } = await settled()
    expect(await world.call('POST', 'checkpoint', { time, etag, confirm: true })).toMatchObject({
      status: 200,
      json: { to: sequence },
    })
  })

  it.each([
    ['back', 15, [6, 14, 1]],
    ['on', 21, [6, 14]],
  ])('keeps the holes that are open, and says how many: moved %s', async (_, sequence, studies) => {
    const world = await newWorld()
    const study = '1.2.3'
    world.dicom.control.append(...images(5, { study }))
    const { id } = world.dicom.control.appendLate(created({ study, instance: 6 }))
    world.dicom.control.append(...images(14, { study: '1.2.4', patientId: 'P4' }))
    expect(await world.cast()).toMatchObject({ to: 20, openHoles: 1 })
    world.dicom.control.append(created({ study: '1.2.5', patientId: 'P5' }))
    const { checkpoint } = (await world.call('GET', 'status')).json as { checkpoint: { etag: string } }
    const move = { sequence, etag: checkpoint.etag, confirm: true }
    expect(await world.call('POST', 'checkpoint', move)).toMatchObject({ json: { to: sequence, openHoles: 1 } })
    world.dicom.control.showLate(id)
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 21, openHoles: 0 })
    const sizes = held(world, 'ImagingStudy').map(({ numberOfInstances }) => numberOfInstances)
    expect(sizes).toEqual(studies)
  })

  it('is 412 with the current etag when the checkpoint was moved since', async () => {
    const { world, etag } = await settled()
    expect(await world.call('POST', 'checkpoint', { sequence: 1, etag: 'W/"old"', confirm: true })).toMatchObject({
      status: 412,
      type: problemType,
      json: { code: 'EtagStale', etag },
    })
  })

  it('is 422 behind the head', async () => {
    const { world, etag } = await settled()
    expect(await world.call('POST', 'checkpoint', { sequence: 4, etag, confirm: true })).toMatchObject({
      status: 422,
      type: problemType,
      json: { detail: 'the head of the change feed is 3: the checkpoint cannot be behind it.' },
    })
  })

  it.each([
    [{ sequence: 1, etag: 'x' }, ['confirm: must be true']],
    [{ confirm: true, etag: 'x' }, ['give a sequence or a time']],
    [{ sequence: 1, confirm: true }, ['etag: give the etag that status tells, or null while there is no checkpoint']],
    [{ sequence: -1, confirm: true, etag: 'x' }, ['sequence: expected a whole number from 0 to 9007199254740991']],
    [{ time: '2026-11-20', confirm: true, etag: 'x' }, ['time: expected a time such as 2026-11-23T20:00:00Z']],
    ['{', ['expected a JSON object']],
    [[], ['expected a JSON object']],
  ])('refuses %j', async (body, problems) => {
    const world = await newWorld()
    const { status, type, json } = await world.call('POST', 'checkpoint', body)
    expect([status, type, json['problems']]).toEqual([400, problemType, problems])
  })

  it('is 409 while somebody else holds the lease, and 503 while a service is down', async () => {
    const { world, etag } = await settled()
    world.dicom.faults.set([{ fault: '403' }])
    expect(await world.call('POST', 'checkpoint', { sequence: 1, etag, confirm: true })).toMatchObject({
      status: 503,
      json: { code: 'AccessDenied', hop: 'dicom' },
    })
    await takeLease(world)
    expect(await world.call('POST', 'checkpoint', { sequence: 1, etag, confirm: true })).toMatchObject({ status: 409 })
  })
})
