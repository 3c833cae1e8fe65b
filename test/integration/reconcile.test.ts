import { describe, expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import { makeReconciliationTable } from '../../lib/adapters/storage/seen-table'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { type Reconciled, reconcile } from '../../lib/composition/reconcile'
import { reconcileIfDue } from '../../lib/composition/reconcile-due'
import { type SourceWorld, useSourceWorld } from '../support/world/source-world'

const newWorld = useSourceWorld()

const run = async (
  { environment }: SourceWorld,
  options: Parameters<typeof reconcile>[1] = {},
  more: Partial<Parameters<typeof reconcile>[0]> = {},
): Promise<Reconciled> => {
  const done = await reconcile({ environment: environment(), log: () => undefined, by: 'test', ...more }, options)
  if (done._tag === 'Left') throw new Error(JSON.stringify(done.left))
  return done.right
}

const many = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ study: `1.2.${index + 1}`, patientId: `P${index + 1}` }))

const twoDays = 2 * 86_400_000

/** As if all of them had been read so long before. */
const readBefore = async ({ environment, rows }: SourceWorld, ms = twoDays): Promise<void> => {
  const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = environment()
  const name = `${TableStore__TableNamePrefix}StudiesTable`
  const table = TableClient.fromConnectionString(AzureWebJobsStorage, name, { allowInsecureConnection: true })
  for (const row of await rows('StudiesTable')) {
    if (row['partitionKey'] !== 'Seen') continue
    const key = { partitionKey: 'Seen', rowKey: String(row['rowKey']) }
    await table.updateEntity({ ...key, ReadAt: new Date(Date.now() - ms) }, 'Merge')
  }
}

const removeFromFhir = async (url: string, study: string): Promise<void> => {
  const response = await fetch(`${url}/ImagingStudy?identifier=urn:dicom:uid|urn:oid:${study}`)
  const { entry } = (await response.json()) as {
    readonly entry: ReadonlyArray<{ readonly resource: { id: string } }>
  }
  await fetch(`${url}/ImagingStudy/${entry[0]?.resource.id}`, { method: 'DELETE' })
}

describe.each(['orthanc', 'dicomweb'] as const)('a comparison with an archive (%s)', (source) => {
  const worldOf = async (settings = {}): Promise<SourceWorld> => newWorld({ DicomWeb__Source: source, ...settings })

  it('brings all of it into FHIR, and costs no request for a study that has not changed', async () => {
    const world = await worldOf()
    const { orthanc, held } = world
    orthanc.store(...many(5), { study: '1.2.1', patientId: 'P1', instance: 2 })
    expect(await run(world)).toMatchObject({ ended: 'Done', compared: 5, read: 5, differing: 5, gone: 0 })
    expect(await held()).toEqual(['1.2.1: 2', '1.2.2: 1', '1.2.3: 1', '1.2.4: 1', '1.2.5: 1'])
    const before = orthanc.requests.length
    expect(await run(world)).toMatchObject({ ended: 'Done', compared: 5, read: 0, differing: 0, gone: 0 })
    expect(orthanc.requests.slice(before).filter((each) => each.endsWith('/metadata'))).toEqual([])
    const runs = await world.rows('RunHistoryTable')
    expect(runs.filter(({ Kind }) => Kind === 'reconcile')).toHaveLength(2)
  })

  it('finds what no log told: a deleted study, a deleted series, a lost instance, one that was stored', async () => {
    const world = await worldOf()
    const { orthanc, held } = world
    const two = { study: '1.2.2', patientId: 'P2' }
    orthanc.store(...many(5), { ...two, instance: 2 }, { ...two, series: 2 })
    orthanc.store({ study: '1.2.4', patientId: 'P4', instance: 2 })
    await run(world)
    orthanc.removeStudy('1.2.1')
    orthanc.remove({ ...two, series: 2 }, { study: '1.2.4', patientId: 'P4', instance: 2 })
    orthanc.now = 10
    orthanc.store({ study: '1.2.5', patientId: 'P5', instance: 2 }, { study: '1.2.6', patientId: 'P6' })
    orthanc.clearChanges()
    expect(await run(world, { dryRun: true })).toMatchObject({ differing: 4, gone: 1 })
    expect(await run(world)).toMatchObject({ ended: 'Done', compared: 5, read: 4, differing: 4, gone: 1 })
    expect(await held()).toEqual(['1.2.2: 2', '1.2.3: 1', '1.2.4: 1', '1.2.5: 2', '1.2.6: 1'])
    expect(await run(world)).toMatchObject({ read: 0, differing: 0, gone: 0 })
  })

  it('an instance that was lost is found, though another study has come with as many', async () => {
    const world = await worldOf()
    const { orthanc, held } = world
    orthanc.store(...many(3), { study: '1.2.1', patientId: 'P1', instance: 2 })
    await run(world)
    orthanc.remove({ study: '1.2.1', patientId: 'P1', instance: 2 })
    orthanc.store({ study: '1.2.4', patientId: 'P4' })
    expect(await run(world)).toMatchObject({ ended: 'Done', read: 2, differing: 2 })
    expect(await held()).toEqual(['1.2.1: 1', '1.2.2: 1', '1.2.3: 1', '1.2.4: 1'])
  })

  it('a list that is cut takes no study for gone', async () => {
    const world = await worldOf({ DicomCast__MaxGone: '0' })
    const { orthanc, held } = world
    orthanc.store(...many(6))
    await run(world)
    orthanc.limitFindResults = 2
    expect(await run(world)).toMatchObject({ ended: 'Done', gone: 0 })
    expect(await held()).toHaveLength(6)
  })

  it('one UID under two PatientIDs, or metadata that is not to be found, is told, and FHIR keeps what it has', async () => {
    const world = await worldOf()
    const { orthanc, held, failed } = world
    orthanc.store(...many(4))
    await run(world)
    orthanc.now = 10
    orthanc.store({ study: '1.2.2', patientId: 'P7' })
    expect(await run(world)).toMatchObject({ ended: 'Done', gone: 0, notRead: 1 })
    expect(await held()).toHaveLength(4)
    expect(await failed()).toEqual({ TransientFailureExceptionTable: ['0 OutlastedRetries'] })
    orthanc.remove({ study: '1.2.2', patientId: 'P7' })
    expect(await run(world)).toMatchObject({ ended: 'Done', notRead: 0 })
    expect(await failed()).toEqual({})
  })

  it('more than DicomCast__MaxGone are taken out only when an operator says so', async () => {
    const world = await worldOf({ DicomCast__MaxGone: '1' })
    const { orthanc, held, dicomcast } = world
    orthanc.store(...many(5))
    await run(world)
    for (const study of ['1.2.1', '1.2.2', '1.2.3']) orthanc.removeStudy(study)
    expect(await run(world)).toMatchObject({ ended: 'TooManyGone', tooManyGone: 3, gone: 0 })
    expect(await held()).toHaveLength(5)
    const told = await dicomcast('reconcile', '--json')
    expect([told.code, JSON.parse(told.stdout)]).toMatchObject([1, { ended: 'TooManyGone', tooManyGone: 3 }])
    const confirmed = await dicomcast('reconcile', '--confirm', '3')
    expect([confirmed.code, confirmed.stdout]).toEqual([0, expect.stringContaining('3 gone')])
    expect(await held()).toEqual(['1.2.4: 1', '1.2.5: 1'])
  })

  it('an archive that has nothing any more takes nothing with it', async () => {
    const world = await worldOf()
    const { orthanc, held } = world
    orthanc.store(...many(3))
    await run(world)
    orthanc.wipe()
    expect(await run(world)).toMatchObject({ ended: 'ServiceUnavailable', gone: 0 })
    expect(await held()).toHaveLength(3)
  })

  it('an outage ends it, is told of, and is over with the next that gets through', async () => {
    const world = await worldOf({ RetryConfiguration__TotalRetryDuration: '00:00:00' })
    const { orthanc, rows, cast } = world
    const stuckSince = async () => (await rows('SyncStateTable')).flatMap((row) => row['StuckSince'] ?? [])
    orthanc.store(...many(30))
    orthanc.fault = (_, path) => (path.endsWith('/metadata') ? 404 : undefined)
    // However long it lasts: an archive of many studies has not lost all of them.
    for (let runs = 0; runs < 2; runs++) {
      expect(await run(world)).toMatchObject({ ended: 'ServiceUnavailable', read: 0, notRead: 0 })
      expect(await stuckSince()).toHaveLength(1)
    }
    orthanc.fault = () => undefined
    expect(await run(world)).toMatchObject({ ended: 'Done', read: 30 })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp' })
    expect(await stuckSince()).toEqual([])
  })

  it('what somebody took out of FHIR comes back; what cannot be cast is not read each night', async () => {
    const world = await worldOf()
    const { orthanc, held, fhir } = world
    orthanc.store(...many(3), { study: '1.2.4', patientId: null })
    await run(world)
    await removeFromFhir(fhir.url, '1.2.2')
    const isOrthanc = source === 'orthanc'
    // A list that does not tell whose it is cannot be compared.
    expect(await run(world)).toMatchObject({ read: isOrthanc ? 1 : 2, differing: 1 })
    expect(await held()).toHaveLength(3)
  })

  it('also where one of its images cannot be cast', async () => {
    const world = await worldOf()
    const { orthanc, held, failed, fhir } = world
    const noClass = { '00080016': { vr: 'UI', Value: ['x'] } }
    const study = { study: '1.2.1', patientId: 'P1' }
    orthanc.store(study, { ...study, instance: 2, elements: noClass }, { study: '1.2.2', patientId: 'P2' })
    await run(world)
    expect([await held(), await failed()]).toEqual([
      ['1.2.1: 1', '1.2.2: 1'],
      { DicomFailToStoreExceptionTable: ['0 TagsRejected'] },
    ])
    await removeFromFhir(fhir.url, '1.2.1')
    expect(await run(world)).toMatchObject({ read: 1, differing: 1 })
    expect(await held()).toEqual(['1.2.1: 1', '1.2.2: 1'])
  })

  it('one that ended early goes on where it stopped', async () => {
    const world = await worldOf()
    const { orthanc } = world
    orthanc.store(...many(8))
    let asked = 0
    const first = await run(world, {}, { stopping: () => asked++ > 6 })
    expect(first.ended).toBe('Stopped')
    expect([first.read > 0, first.read < 8]).toEqual([true, true])
    expect(await run(world)).toMatchObject({ ended: 'Done', read: 8 - first.read })
  })

  it('one that ended early goes on also with studies that its list says too little of, and reads them anew when it is done', async () => {
    const world = await worldOf()
    const { orthanc } = world
    orthanc.store(...many(8).map(({ study }) => ({ study, patientId: null })))
    let asked = 0
    const first = await run(world, {}, { stopping: () => asked++ > 6 })
    expect([first.ended, first.read > 0, first.read < 8]).toEqual(['Stopped', true, true])
    expect(await run(world)).toMatchObject({ ended: 'Done', read: 8 - first.read })
    expect(await run(world)).toMatchObject({ ended: 'Done', read: source === 'orthanc' ? 0 : 8 })
  })

  it('every study is read whole once in DicomCast__ReconcileFullDays', async () => {
    const world = await worldOf({ DicomCast__ReconcileFullDays: '1' })
    world.orthanc.store(...many(3))
    await run(world)
    expect(await run(world)).toMatchObject({ read: 0 })
    await readBefore(world)
    expect(await run(world)).toMatchObject({ read: 3, differing: 0 })
    // By a clock that was wrong.
    await readBefore(world, -2 * twoDays)
    expect(await run(world)).toMatchObject({ read: 3, differing: 0 })
  })

  it('a study that has nothing to change costs FHIR no write but the first of a slice', async () => {
    const world = await worldOf({ DicomCast__ReconcileFullDays: '1' })
    const { orthanc, fhir } = world
    orthanc.store(...many(6))
    await run(world)
    const versions = (): number => fhir.store.all().reduce((sum, { meta }) => sum + Number(meta?.versionId ?? 0), 0)
    await readBefore(world)
    const before = versions()
    expect(await run(world)).toMatchObject({ read: 6, differing: 0 })
    expect(versions() - before).toBe(1)
  })

  it('begins by itself when it is due, and not again before its next time', async () => {
    const world = await worldOf({ DicomCast__ReconcileSchedule: '0 0 0 1 1 *' })
    const { orthanc, held, environment } = world
    orthanc.store(...many(2))
    let between = 0
    const tick = () =>
      reconcileIfDue({ environment: environment(), log: () => undefined }, () => Promise.resolve(between++))
    await tick()
    expect(await held()).toHaveLength(2)
    orthanc.removeStudy('1.2.1')
    const before = orthanc.requests.length
    await tick()
    expect([orthanc.requests.length, between]).toEqual([before, 0])
    // Of a clock that was wrong, once: it does not put it off for years.
    const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = environment()
    const reconciliations = makeReconciliationTable(
      makeStorageAccount({ connectionString: AzureWebJobsStorage }),
      TableStore__TableNamePrefix,
    )
    const inYears = Date.now() + 1_000 * twoDays
    const none = { compared: 0, read: 0, differing: 0, gone: 0, notRead: 0 }
    for (const ended of [{ endedAt: inYears }, {}]) {
      await reconciliations.write({ startedAt: inYears, goOnAt: inYears, ...none, ...ended })()
      const asked = orthanc.requests.length
      await tick()
      expect(orthanc.requests.length).toBeGreaterThan(asked)
    }
  })
})

it('one UID under two PatientIDs, of which the metadata is that of the later, moves no image', async () => {
  const world = await newWorld({ DicomWeb__Source: 'dicomweb' })
  const { orthanc, fhir, rows } = world
  orthanc.givesLaterOfTwo = true
  orthanc.store(...many(4))
  await run(world)
  const before = fhir.store.all()
  orthanc.store({ study: '1.2.2', patientId: 'P7' })
  expect(await run(world)).toMatchObject({ ended: 'Done', gone: 0, notRead: 1 })
  expect(fhir.store.all().filter(({ resourceType }) => resourceType !== 'Basic')).toEqual(
    before.filter(({ resourceType }) => resourceType !== 'Basic'),
  )
  const [row] = await rows('TransientFailureExceptionTable')
  expect(row).toMatchObject({ StudyUid: '1.2.2', Exception: expect.stringContaining('more than one study') })
  // One that asks for it by its UID is told so, too.
  const resynced = await world.dicomcast('resync', '1.2.2')
  expect([resynced.code, resynced.stdout + resynced.stderr]).toEqual([
    3,
    expect.stringContaining('more than one study'),
  ])
  orthanc.remove({ study: '1.2.2', patientId: 'P7' })
  expect(await run(world)).toMatchObject({ ended: 'Done', notRead: 0 })
  expect(await world.failed()).toEqual({})
})

it('an archive with a change feed is compared by verify', async () => {
  const { dicomcast, environment } = await newWorld()
  expect(
    await reconcile({
      environment: { ...environment(), DicomWeb__Source: 'changefeed' },
      log: () => undefined,
      by: 'x',
    }),
  ).toMatchObject({ left: { _tag: 'Refused' } })
  expect((await dicomcast('reconcile', '--confirm', 'x')).code).toBe(2)
})
