import { describe, expect, it } from '@jest/globals'
import type { ImagingStudy } from 'fhir/r4'
import { held } from '../support/fhir/cast-fhir'
import { useSourceWorld } from '../support/world/source-world'

const newWorld = useSourceWorld()

describe('an Orthanc is cast by its own log', () => {
  it('study by study, with one line in the run history, and one request when nothing has changed', async () => {
    const { orthanc, cast, held, rows } = await newWorld()
    orthanc.store({ study: '1.2.1' }, { study: '1.2.1', instance: 2 }, { study: '1.2.2', patientId: 'P2' })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', from: 0, to: 9, head: 9, entries: 3, stored: 3 })
    expect(await held()).toEqual(['1.2.1: 2', '1.2.2: 1'])
    orthanc.store({ study: '1.2.1', instance: 3 })
    expect(await cast()).toMatchObject({ from: 9, to: 10, entries: 3, stored: 3 })
    const before = orthanc.requests.length
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', from: 10, to: 10, entries: 0, fhirRequests: 0 })
    expect(orthanc.requests.slice(before)).toEqual(['GET /changes'])
    const runs = (await rows('RunHistoryTable')).filter(({ partitionKey }) => partitionKey === 'RunHistory')
    expect(runs.map(({ Kind }) => Kind)).toEqual(['cast', 'cast'])
  })

  it('an instance that is gone leaves FHIR with the next change of its study', async () => {
    const { orthanc, cast, held } = await newWorld()
    orthanc.store({ study: '1.2.1' }, { study: '1.2.1', instance: 2 }, { study: '1.2.2' })
    await cast()
    orthanc.remove({ study: '1.2.1', instance: 2 })
    orthanc.store({ study: '1.2.1', instance: 3 })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 3 })
    expect(await held()).toEqual(['1.2.1: 2', '1.2.2: 1'])
  })

  it('a number that a deletion took out of the log is no reset', async () => {
    const { orthanc, cast, held } = await newWorld()
    orthanc.store({ study: '1.2.1' }, { study: '1.2.2' })
    await cast()
    orthanc.removeStudy('1.2.2')
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', entries: 0 })
    orthanc.store({ study: '1.2.3' })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 1 })
    // Nothing tells of it: a comparison does.
    expect(await held()).toEqual(['1.2.1: 1', '1.2.2: 1', '1.2.3: 1'])
  })

  it.each([
    ['is empty', []],
    ['has other changes under the numbers that were read', ['1.2.8', '1.2.9', '1.2.10', '1.2.11']],
  ])(
    'a log that %s is not the one of the checkpoint: nothing is cast until an operator says so',
    async (_, studies) => {
      const { orthanc, cast, held, dicomcast } = await newWorld()
      orthanc.store({ study: '1.2.1' }, { study: '1.2.2' })
      await cast()
      orthanc.wipe()
      orthanc.now = 3_600
      orthanc.store(...studies.map((study) => ({ study })))
      expect(await cast()).toMatchObject({ ended: 'FeedReset', to: 7 })
      expect(await held()).toEqual(['1.2.1: 1', '1.2.2: 1'])
      const { stdout } = await dicomcast('status', '--json')
      const { checkpoint } = JSON.parse(stdout) as { readonly checkpoint: { readonly etag: string } }
      expect(await dicomcast('checkpoint', '--to-sequence', '0', '--etag', checkpoint.etag, '--confirm')).toMatchObject(
        { code: 0 },
      )
      expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: studies.length })
    },
  )

  it('a checkpoint of a change feed says nothing about a log: all is cast again', async () => {
    const { orthanc, cast, held, writeSyncState } = await newWorld()
    orthanc.store({ study: '1.2.1' })
    await writeSyncState({ SyncedSequence: 3n, Holes: '[]', HoleClock: 'service', RejectedStudies: '[]' })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', to: 4, stored: 1 })
    expect(await held()).toEqual(['1.2.1: 1'])
  })

  it('from now on: what was there before is passed by', async () => {
    const { orthanc, cast, held } = await newWorld({ DicomCast__StartFrom: 'now' })
    orthanc.store({ study: '1.2.1' })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', from: 4, entries: 0 })
    orthanc.store({ study: '1.2.2' })
    await cast()
    expect(await held()).toEqual(['1.2.2: 1'])
  })
})

it('numbers that are numbers and numbers that are texts are the same', async () => {
  const { orthanc, cast, fhir } = await newWorld()
  const is = (value: unknown) => ({ vr: 'IS', Value: [value] })
  const numbers = (value: unknown) => ({ '00200011': is(value), '00200013': is(value) })
  orthanc.store({ study: '1.2.1', elements: numbers(7) }, { study: '1.2.2', elements: numbers('7') })
  expect(await cast()).toMatchObject({ stored: 2, recorded: 0 })
  const studies = held({ fhir }, 'ImagingStudy') as ReadonlyArray<ImagingStudy>
  expect(studies.map(({ series }) => [series?.[0]?.number, series?.[0]?.instance?.[0]?.number])).toEqual([
    [7, 7],
    [7, 7],
  ])
})

describe('what is wrong with one study costs that study', () => {
  it('metadata that cannot be read while others can is recorded, and its row goes when it can', async () => {
    const { orthanc, cast, held, rows } = await newWorld()
    orthanc.store({ study: '1.2.1' }, { study: '1.2.2' }, { study: '1.2.3' })
    orthanc.fault = (_, path) => (path.includes('/1.2.2/') ? 404 : undefined)
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, recorded: 1 })
    expect(await held()).toEqual(['1.2.1: 1', '1.2.3: 1'])
    const [row] = await rows('TransientFailureExceptionTable')
    expect(row).toMatchObject({ Code: 'OutlastedRetries', StudyUid: '1.2.2' })
    orthanc.fault = () => undefined
    orthanc.store({ study: '1.2.2', instance: 2 })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 2 })
    expect(await rows('TransientFailureExceptionTable')).toEqual([])
  })

  it('one UID under two PatientIDs is told, and FHIR keeps what it has', async () => {
    const { orthanc, cast, held, failed } = await newWorld()
    orthanc.store({ study: '1.2.1' }, { study: '1.2.2' })
    await cast()
    orthanc.store({ study: '1.2.2', patientId: 'P2' })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', recorded: 1 })
    expect(await held()).toEqual(['1.2.1: 1', '1.2.2: 1'])
    expect(await failed()).toEqual({ TransientFailureExceptionTable: ['0 OutlastedRetries'] })
  })

  it('an image that cannot be cast is recorded; the others of the archive are not touched by it', async () => {
    const { orthanc, cast, held, failed } = await newWorld()
    orthanc.store({ study: '1.2.1' }, { study: '1.2.2', patientId: null })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: 1 })
    expect(await failed()).toEqual({ DicomFailToStoreExceptionTable: ['0 TagsRejected'] })
    expect(await held()).toEqual(['1.2.1: 1'])
  })

  it('an archive that is down ends the run with the checkpoint where it was', async () => {
    const { orthanc, cast, syncedSequence } = await newWorld()
    orthanc.store({ study: '1.2.1' })
    await cast()
    orthanc.store({ study: '1.2.2' }, { study: '1.2.3' })
    orthanc.fault = (_, path) => (path.endsWith('/metadata') ? 404 : undefined)
    expect(await cast()).toMatchObject({ ended: 'ServiceUnavailable', to: 4 })
    expect(await syncedSequence()).toBe(4)
    orthanc.fault = () => undefined
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 2 })
  })

  it('a FHIR server that is down ends the run with the checkpoint where it was, though the archive can be read', async () => {
    const { orthanc, cast, failed, fhir, syncedSequence } = await newWorld({
      RetryConfiguration__TotalRetryDuration: '00:00:01',
    })
    orthanc.store({ study: '1.2.1' })
    await cast()
    orthanc.store({ study: '1.2.2' }, { study: '1.2.3' })
    fhir.faults.set([{ fault: '503' }])
    for (let runs = 0; runs < 2; runs++) {
      expect(await cast()).toMatchObject({ ended: 'ServiceUnavailable', to: 4, recorded: 0 })
    }
    expect([await syncedSequence(), await failed()]).toEqual([4, {}])
    fhir.faults.clear()
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 2 })
  })

  it('many in a row that cannot be read, while others can, are recorded and hold nothing up', async () => {
    const { orthanc, cast, held, rows } = await newWorld()
    orthanc.store({ study: '1.2.1' })
    await cast()
    const many = Array.from({ length: 25 }, (_, index) => `1.3.${index + 1}`)
    for (const study of many) orthanc.store({ study }, { study, patientId: 'P2' })
    orthanc.store({ study: '1.2.2' })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 1, recorded: many.length })
    expect(await held()).toEqual(['1.2.1: 1', '1.2.2: 1'])
    expect(await rows('TransientFailureExceptionTable')).toHaveLength(many.length)
  })

  it('metadata from the index alone (StudiesMetadata MainDicomTags) is read by series', async () => {
    const { orthanc, cast, held } = await newWorld()
    orthanc.isOfMainDicomTags = true
    orthanc.store({ study: '1.2.1' }, { study: '1.2.1', series: 2 })
    expect(await cast()).toMatchObject({ ended: 'CaughtUp', stored: 2, recorded: 0 })
    expect(await held()).toEqual(['1.2.1: 2'])
  })

  it('a run without time for all of its batch takes less with the next, and gets through', async () => {
    const { orthanc, cast, held } = await newWorld()
    const studies = Array.from({ length: 12 }, (_, index) => `1.2.${index + 1}`)
    orthanc.store(...studies.map((study, index) => ({ study, patientId: `P${index}` })))
    let asked = 0
    const stopping = (): boolean => asked++ > 4
    let runs = 0
    for (let ended = ''; ended !== 'CaughtUp' && runs < 20; runs++) {
      asked = 0
      ended = (await cast({}, { stopping, maxBatches: 0 })).ended
    }
    expect([runs > 1, runs < 20]).toEqual([true, true])
    expect(await held()).toHaveLength(studies.length)
  })
})
