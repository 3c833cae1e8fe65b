import { afterEach, describe, expect, it } from '@jest/globals'
import { undocumented } from '../support/assert/openapi'
import { held } from '../support/fhir/cast-fhir'
import { until } from '../support/world/cast-until'
import { dicomcast } from '../support/world/command-line'
import { type FakeOrthanc, startFakeOrthanc } from '../support/world/fake-orthanc'
import { type OperateWorld, takeLease, useOperateWorld } from '../support/world/operate-world'

const newOperateWorld = useOperateWorld()
const archives: FakeOrthanc[] = []
afterEach(async () => {
  await Promise.all(archives.splice(0).map(({ close }) => close()))
})

const newWorld = async (settings: Readonly<Record<string, string>> = {}) => {
  const orthanc = await startFakeOrthanc()
  archives.push(orthanc)
  const world = await newOperateWorld({
    settings: {
      ...{ DicomWeb__Endpoint: orthanc.url, DicomWeb__Source: 'orthanc', DicomCast__Events: 'true' },
      ...settings,
    },
  })
  return { ...world, orthanc }
}

const wake = async (world: OperateWorld, body: unknown) => {
  const answer = await world.call('POST', 'wake', body)
  expect(undocumented({ path: '/wake', verb: 'POST' }, answer)).toEqual([])
  return answer
}
const studies = (world: OperateWorld): number => held(world, 'ImagingStudy').length

describe('a hint of an archive', () => {
  it('is answered at once, and brings the study into FHIR; of one that is gone it takes it out', async () => {
    const world = await newWorld()
    world.orthanc.store({ study: '1.2.1' }, { study: '1.2.2' })
    expect((await wake(world, { studyInstanceUid: '1.2.1' })).json).toMatchObject({ told: 1 })
    await until(() => studies(world) === 1, 'the study')
    await wake(world, [{ studyInstanceUid: '1.2.1' }, { studyInstanceUid: '1.2.2' }])
    await until(() => studies(world) === 2, 'both')
    world.orthanc.removeStudy('1.2.1')
    await wake(world, { studyInstanceUid: '1.2.1' })
    await until(() => studies(world) === 1, 'its deletion')
  })

  it('takes no more out than may leave FHIR unasked', async () => {
    const world = await newWorld({ DicomCast__MaxGone: '1' })
    world.orthanc.store({ study: '1.2.1' }, { study: '1.2.2' }, { study: '1.2.3' })
    await world.cast()
    world.orthanc.removeStudy('1.2.1')
    world.orthanc.removeStudy('1.2.2')
    world.orthanc.store({ study: '1.2.3', instance: 2 })
    await wake(world, ['1.2.1', '1.2.2', '1.2.3'])
    await until(() => world.host.logs.some(({ message }) => message.includes('"kind":"wake"')), 'the end of the run')
    expect(studies(world)).toBe(3)
  })

  it('takes no more out in a day, though each is told by itself: the others wait for the comparison', async () => {
    const world = await newWorld({ DicomCast__MaxGone: '1' })
    for (let study = 1; study <= 4; study++) world.orthanc.store({ study: `1.2.${study}` })
    await world.cast()
    expect((await dicomcast(world.environment(), 'reconcile')).code).toBe(0)
    const wakes = (): number => world.host.logs.filter(({ message }) => message.includes('"kind":"wake"')).length
    for (const [index, study] of ['1.2.9', '1.2.1', '1.2.2', '1.2.3'].entries()) {
      world.orthanc.removeStudy(study)
      await wake(world, { studyInstanceUid: study })
      await until(() => wakes() === index + 1, 'the end of the run')
    }
    expect(studies(world)).toBe(3)
    const waits = async (): Promise<boolean> => {
      const answer = await world.call('GET', 'status')
      expect(undocumented({ path: '/status', verb: 'GET' }, answer)).toEqual([])
      return JSON.stringify(answer.json['reasons']).includes('more deleted studies than may leave FHIR')
    }
    expect(await waits()).toBe(true)
    expect((await dicomcast(world.environment(), 'reconcile', '--confirm', '2')).code).toBe(0)
    expect([studies(world), await waits()]).toEqual([1, false])
  })

  it('that is told again and again while a run is at work is heeded once', async () => {
    const world = await newWorld()
    const release = await takeLease(world)
    world.orthanc.store({ study: '1.2.1' }, { study: '1.2.2' })
    const told = ['1.2.1', '1.2.2', '1.2.1', '1.2.2', '1.2.1']
    await Promise.all(told.map((studyInstanceUid) => wake(world, { studyInstanceUid })))
    await release()
    await until(() => studies(world) === 2, 'both studies')
    // Whoever else may be at work is over when another hint was heeded.
    world.orthanc.store({ study: '1.2.3' })
    await wake(world, { studyInstanceUid: '1.2.3' })
    await until(() => studies(world) === 3, 'the third')
    const read = (study: string): number =>
      world.orthanc.requests.filter((each) => each.endsWith(`/studies/${study}/metadata`)).length
    expect(['1.2.1', '1.2.2'].map(read)).toEqual([1, 1])
  })

  it('waits for the run that is at work', async () => {
    const world = await newWorld()
    const release = await takeLease(world)
    world.orthanc.store({ study: '1.2.1' })
    expect((await wake(world, { studyInstanceUid: '1.2.1' })).json).toMatchObject({ told: 1, ended: 'AtWork' })
    expect(studies(world)).toBe(0)
    await release()
    await until(() => studies(world) === 1, 'the study')
  })

  it('that names no study is refused', async () => {
    const world = await newWorld()
    expect(await wake(world, { study: '1.2.1' })).toMatchObject({ status: 400 })
  })
})

describe('how it stands with an archive without a change feed', () => {
  it('status tells the log and the last comparison, and check what is read', async () => {
    const world = await newWorld()
    world.orthanc.store({ study: '1.2.1' })
    const before = await world.call('GET', 'status')
    expect(undocumented({ path: '/status', verb: 'GET' }, before)).toEqual([])
    expect(before.json).toMatchObject({
      archive: { source: 'orthanc', isLate: true },
      head: 4,
      backlog: 4,
      state: 'behind',
    })
    await world.cast()
    expect((await dicomcast(world.environment(), 'reconcile')).code).toBe(0)
    const after = await world.call('GET', 'status')
    expect(undocumented({ path: '/status', verb: 'GET' }, after)).toEqual([])
    expect(after.json).toMatchObject({
      ...{ state: 'fine', head: 4, backlog: 0 },
      archive: { isLate: false, reconciliation: { compared: 1, gone: 0 } },
    })
    const checked = await world.call('GET', 'check')
    expect(undocumented({ path: '/check', verb: 'GET' }, checked)).toEqual([])
    const facts = checked.json['facts'] as ReadonlyArray<{ readonly name: string; readonly state: string }>
    expect(facts.filter(({ name }) => name.startsWith('dicom-')).map(({ name, state }) => `${name} ${state}`)).toEqual([
      ...['dicom-reach fine', 'dicom-clock fine', 'dicom-identity fine', 'dicom-source fine', 'dicom-studies fine'],
    ])
    const metrics = await fetch(`${world.host.url}/api/metrics`)
    expect(await metrics.text()).toMatch(/^dicomcast_last_comparison_timestamp_seconds \d/m)
  })

  it('status tells when one was done, whatever became of those after it', async () => {
    const world = await newWorld()
    world.orthanc.store({ study: '1.2.1' }, { study: '1.2.2' })
    await world.cast()
    const compared = async (): Promise<Readonly<Record<string, unknown>>> => {
      const answer = await world.call('GET', 'status')
      expect(undocumented({ path: '/status', verb: 'GET' }, answer)).toEqual([])
      return (answer.json['archive'] as { readonly reconciliation: Record<string, unknown> }).reconciliation
    }
    expect((await dicomcast(world.environment(), 'reconcile')).code).toBe(0)
    const good = await compared()
    expect(good).toMatchObject({ compared: 2, doneAt: good['endedAt'] })
    // Its list cannot be read; then a study cannot.
    world.orthanc.fault = (_, path) => (path === '/studies' ? 503 : undefined)
    const quick = { ...world.environment(), RetryConfiguration__TotalRetryDuration: '00:00:00' }
    expect((await dicomcast(quick, 'reconcile')).code).toBe(3)
    expect(await compared()).toEqual(good)
    world.orthanc.now = 10
    world.orthanc.store({ study: '1.2.1' })
    world.orthanc.fault = (_, path) => (path.endsWith('/metadata') ? 503 : undefined)
    expect((await dicomcast(quick, 'reconcile')).code).toBe(3)
    const { doneAt, endedAt } = await compared()
    expect([doneAt, endedAt]).toEqual([good['endedAt'], undefined])
    const metrics = await fetch(`${world.host.url}/api/metrics`)
    expect(await metrics.text()).toMatch(/^dicomcast_last_comparison_timestamp_seconds \d/m)
  })

  it('a comparison is begun over HTTP, and says what is left', async () => {
    const world = await newWorld()
    world.orthanc.store({ study: '1.2.1' }, { study: '1.2.2' })
    const reconcile = async (query = '') => {
      const answer = await world.call('POST', `reconcile${query}`)
      expect(undocumented({ path: '/reconcile', verb: 'POST' }, answer)).toEqual([])
      return answer
    }
    expect(await reconcile('?dryRun=true')).toMatchObject({ status: 200, json: { ended: 'Done', read: 2, left: 2 } })
    expect(studies(world)).toBe(0)
    expect(await reconcile()).toMatchObject({ status: 200, json: { ended: 'Done', differing: 2, left: 0 } })
    expect(studies(world)).toBe(2)
    expect(await reconcile('?confirm=none')).toMatchObject({ status: 400 })
    world.orthanc.now = 10
    world.orthanc.store({ study: '1.2.1' })
    await takeLease(world)
    expect(await reconcile('?budgetSeconds=1')).toMatchObject({ status: 409 })
  })

  it('rows that a deletion took out of the log are no backlog', async () => {
    const world = await newWorld()
    world.orthanc.store({ study: '1.2.1' })
    await world.cast()
    world.orthanc.store({ study: '1.2.2' })
    world.orthanc.removeStudy('1.2.2')
    expect((await world.call('GET', 'status')).json).toMatchObject({ head: 7, backlog: 0, lagS: 0 })
    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', entries: 0 })
  })

  it('a list of studies alone has neither checkpoint nor backlog', async () => {
    const world = await newWorld({ DicomWeb__Source: 'dicomweb' })
    world.orthanc.store({ study: '1.2.1' })
    expect((await dicomcast(world.environment(), 'reconcile')).code).toBe(0)
    const { json } = await world.call('GET', 'status')
    expect(json).toMatchObject({ state: 'fine', archive: { source: 'dicomweb' } })
    for (const member of ['checkpoint', 'head', 'backlog', 'lagS']) expect(json).not.toHaveProperty(member)
    const told = await dicomcast(world.environment(), 'status')
    expect(told.stdout).toMatch(/^Compared .*: 1 study, 1 differing, 0 gone; schedule 0 0 2 \* \* \*$/m)
  })

  it('preview says what does that work there', async () => {
    const world = await newWorld()
    const { code, stderr } = await dicomcast(world.environment(), 'preview')
    expect([code, stderr]).toEqual([2, expect.stringContaining('dicomcast reconcile --dry-run')])
  })

  it.each([['cast'], ['status'], ['check'], ['verify', '--since', '2026-11-23T20:00:00Z']])(
    'where the feed alone is missing, %s says how to set the source',
    async (...args) => {
      const { orthanc, environment } = await newWorld()
      orthanc.store({ study: '1.2.1' })
      const { code, stdout, stderr } = await dicomcast({ ...environment(), DicomWeb__Source: 'changefeed' }, ...args)
      expect([code, stdout + stderr]).toEqual([3, expect.stringContaining('set DicomWeb__Source to orthanc')])
    },
  )
})
