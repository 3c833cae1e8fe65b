import { describe, expect, it } from '@jest/globals'
import { startFhirService } from '../../local/fhir/service'
import { held, heldBesidesPosition, sole } from '../support/fhir/cast-fhir'
import { created, images } from '../support/world/cast-images'
import { startStub } from '../support/world/cast-stub'
import { until } from '../support/world/cast-until'
import { type CastWorld, type Overrides, type WorldOptions, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const study = '1.2.3'
/** No patience: nothing is waited for that is down. */
const impatient = { RetryConfiguration__TotalRetryDuration: '00:00:00' }

const withImages = async (options: WorldOptions = {}): Promise<CastWorld> => {
  const world = await newWorld({ ...options, settings: { ...impatient, ...options.settings } })
  world.dicom.control.append(...images(3, { study }), created({ study: '1.2.4', patientId: null }))
  return world
}

/** The run ended, says why in one line, and nothing was recorded or passed by. */
const expectHeldUp = async (
  world: CastWorld,
  ended: string,
  reason: string,
  settings: Overrides = {},
): Promise<void> => {
  const report = await world.cast(settings)
  expect(report).toMatchObject({ ended, from: 0, to: 0, entries: 0, recorded: 0, failed: {}, reason })
  expect([(await world.syncedSequence()) ?? 0, await world.failed()]).toEqual([0, {}])
  expect(world.logged.filter((line) => /\\n\s+at /.test(line))).toEqual([])
}

describe('FHIR down', () => {
  it('ends the run with the checkpoint in place and a TransientRetry row, counted once a run', async () => {
    const world = await withImages()
    const { port } = new URL(world.fhir.url)
    await world.fhir.close()
    await expectHeldUp(world, 'ServiceUnavailable', 'fhir: the connection was refused')
    await expectHeldUp(world, 'ServiceUnavailable', 'fhir: the connection was refused')
    const [row, ...others] = await world.rows('TransientRetryExceptionTable')
    expect([
      others,
      { ...row, FirstSeen: row?.['FirstSeen'] instanceof Date, LastSeen: row?.['LastSeen'] instanceof Date },
    ]).toEqual([
      [],
      {
        partitionKey: 'TransientRetryExceptionTable',
        rowKey: '0000000000000000000',
        ChangeFeedSequence: 0n,
        RetryNumber: 2,
        FirstSeen: true,
        LastSeen: true,
        Hop: 'fhir',
        Exception: 'the connection was refused',
      },
    ])

    const again = await startFhirService({ port: Number(port) })
    try {
      expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', to: 4, stored: 3, recorded: 1 })
      expect(again.store.ofType('ImagingStudy')).toHaveLength(1)
      expect(await world.failed()).toEqual({ DicomFailToStoreExceptionTable: ['4 TagsRejected'] })
      const [state] = await world.rows('SyncStateTable')
      expect(state).not.toHaveProperty('StuckSince')
    } finally {
      await again.close()
    }
  })

  it('in the middle of a batch keeps what was stored: the checkpoint moves up to the first that was not', async () => {
    const world = await withImages({ settings: { DicomCast__MaxBundleEntries: '3' } })
    world.dicom.control.append(created({ study: '1.2.5', patientId: 'P5' }))
    world.fhir.faults.set([{ fault: '503', match: { interaction: 'transaction' }, skip: 2, retryAfterS: 1 }])
    expect(await world.cast()).toMatchObject({ ended: 'ServiceUnavailable', to: 4, entries: 4, stored: 3, recorded: 1 })
    world.fhir.faults.clear()
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', from: 4, to: 5, stored: 1, recorded: 0 })
  })
})

describe('access denied by FHIR', () => {
  it('for want of a token names the hop and what to check', async () => {
    const world = await withImages({ fhir: { bearer: 'secret' } })
    const reason = 'fhir: it asks for a token (401), and Fhir__Authentication__Mode is none'
    await expectHeldUp(world, 'AccessDenied', reason)
  })

  it.each(['metadata', 'read', 'update', 'batch', 'transaction'] as const)(
    'for want of a role: %s',
    async (interaction) => {
      const world = await withImages()
      world.fhir.faults.set([{ fault: '403', match: { interaction } }])
      const report = await world.cast()
      expect(report).toMatchObject({ ended: 'AccessDenied', to: 0, entries: 0 })
      expect(report.reason).toMatch(/^fhir: [^\n]*FHIR Data Writer[^\n]*$/)
      expect(await world.failed()).toEqual({})
    },
  )
})

describe('a server that is not what it should be', () => {
  it('is found by its URL in one line', async () => {
    const world = await withImages()
    const reason = 'fhir: nothing is at this URL: check Fhir__Endpoint (404)'
    await expectHeldUp(world, 'ServiceUnavailable', reason, { Fhir__Endpoint: `${world.fhir.url}/elsewhere` })
  })

  it.each([
    ['another version', { fhirVersion: '5.0.0' }, 'fhir: it speaks FHIR 5.0.0, not 4.0'],
    ['no transactions', { fhirVersion: '4.0.1' }, 'fhir: it offers no transactions (/metadata, rest.interaction)'],
    ['no FHIR', { resourceType: 'Page' }, 'fhir: /metadata is no CapabilityStatement: check Fhir__Endpoint'],
  ])('is told by its /metadata: %s', async (_, members, reason) => {
    const stub = await startStub(() => ({ body: { resourceType: 'CapabilityStatement', ...members } }))
    try {
      await expectHeldUp(await withImages(), 'ServiceUnavailable', reason, { Fhir__Endpoint: stub.url })
    } finally {
      await stub.close()
    }
  })

  it('tells no versions: nothing is written that another writer could overwrite unseen', async () => {
    const stub = await startStub(({ url = '' }) => ({
      body: url.endsWith('/metadata')
        ? {
            ...{ resourceType: 'CapabilityStatement', fhirVersion: '4.0.1' },
            rest: [
              {
                interaction: [{ code: 'transaction' }],
                resource: [{ type: 'Basic', interaction: [{ code: 'update' }] }],
              },
            ],
          }
        : { resourceType: 'Basic', id: url.split('/').at(-1) },
    }))
    const reason =
      'fhir: it tells no versions (neither ETag nor meta.versionId): an update could not be guarded against another writer'
    try {
      await expectHeldUp(await withImages(), 'ServiceUnavailable', reason, { Fhir__Endpoint: stub.url })
    } finally {
      await stub.close()
    }
  })

  it.each(['metadata', 'read', 'batch'] as const)('answers with an HTML page: %s', async (interaction) => {
    const world = await withImages()
    world.fhir.faults.set([{ fault: 'wrongType', match: { interaction } }])
    await expectHeldUp(world, 'ServiceUnavailable', 'fhir: unreadable answer: it is not JSON')
  })

  it.each(['metadata', 'read', 'batch', 'transaction'] as const)('redirects elsewhere: %s', async (interaction) => {
    const world = await withImages()
    world.fhir.faults.set([{ fault: 'redirect', match: { interaction } }])
    const reason = 'fhir: it redirects elsewhere, which is not followed: check Fhir__Endpoint (302)'
    await expectHeldUp(world, 'ServiceUnavailable', reason)
  })

  it('offers no Basic: it is served without a position, and the log says so in one line', async () => {
    const world = await withImages({ fhir: { withoutTypes: ['Basic'] } })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: 3, recorded: 1 })
    expect([held(world, 'Basic'), sole(world, 'ImagingStudy').numberOfInstances]).toEqual([[], 3])
    const [warning, cast, ...others] = world.logged
    expect([warning, cast, others]).toEqual([
      expect.stringContaining('offers no Basic'),
      expect.stringContaining('"message":"cast"'),
      [],
    ])
  })
})

describe('another run', () => {
  it('that is at work makes this one end as LeaseHeld, and writes nothing', async () => {
    const world = await withImages()
    world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'metadata' }, delayMs: 100 }])
    const first = world.cast()
    await until(() => world.fhir.faults.list()[0]?.hits === 1)
    expect(await world.cast()).toMatchObject({ ended: 'LeaseHeld', entries: 0, fhirRequests: 0, dicomRequests: 0 })
    expect(await first).toMatchObject({ ended: 'CaughtUp', stored: 3 })
  })

  it('that has moved the checkpoint meanwhile makes this one stop, and take its fail rows back', async () => {
    const world = await withImages()
    world.fhir.faults.set([{ fault: 'slow', match: { interaction: 'metadata' }, delayMs: 200 }])
    const run = world.cast()
    await until(() => world.fhir.faults.list()[0]?.hits === 1)
    await world.writeSyncState({ SyncedSequence: 2n })
    expect(await run).toMatchObject({ ended: 'CheckpointMoved', reason: 'the checkpoint was moved by another writer' })
    expect([await world.syncedSequence(), await world.failed()]).toEqual([2, {}])
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', from: 2, to: 4, recorded: 1 })
  })
})

it('a checkpoint row that cannot be read ends the run: it is never taken for a new start', async () => {
  const world = await withImages()
  await world.writeSyncState({ SyncedSequence: 'three' })
  expect(await world.cast()).toMatchObject({
    ended: 'ConfigurationInvalid',
    entries: 0,
    retries: 0,
    reason: expect.stringMatching(
      /^storage: the checkpoint row in SyncStateTable cannot be read: SyncedSequence is missing or not what it should be; .*move the checkpoint to 0 \(behind that, entries that were still awaited are passed by\): its etag is W\//,
    ),
  })
  expect(heldBesidesPosition(world)).toEqual([])
})
