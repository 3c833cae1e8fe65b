import { describe, expect, it } from '@jest/globals'
import { useOrthancWorld } from './orthanc-world'

// What Orthanc's log tells of: dicomcast cast, and both sides hold the same.

const newWorld = useOrthancWorld()

const description = (text: string) => ({ '00081030': { vr: 'LO', Value: [text] } })
const moved = { PatientID: 'M1', PatientName: 'Moved^Mia' }

describe('a cast of an Orthanc', () => {
  it('brings what was stored, and what came to a study later', async () => {
    const { castAll, store, expectEqual } = await newWorld()
    await store({ study: '1.2.1' }, { study: '1.2.2', patientId: 'P2', name: 'Berg^Ola', sex: 'M' })
    expect(await castAll()).toMatchObject({ entries: 2, stored: 2, recorded: 0 })
    await store({ study: '1.2.1', series: 2 }, { study: '1.2.1', instance: 2 })
    await castAll()
    await expectEqual(2)
    // Nothing came, and nothing is asked of FHIR.
    expect(await castAll()).toMatchObject({ entries: 0, fhirRequests: 0 })
  })

  it('follows an instance that is stored again with other values', async () => {
    const { castAll, store, expectEqual, inFhir } = await newWorld({ orthanc: { overwriteInstances: true } })
    await store({ study: '1.2.1' }, { study: '1.2.2', patientId: 'P2' })
    await castAll()
    await store({ study: '1.2.1', name: 'Rivera-Soto^Ana', elements: description('Thorax') })
    await castAll()
    await expectEqual(2)
    expect(inFhir()[0]).toMatchObject({ description: 'Thorax', name: 'Rivera-Soto^Ana' })
  })

  it('shows that nothing came of an instance that Orthanc had already', async () => {
    const { castAll, store, expectEqual, inFhir } = await newWorld()
    await store({})
    await castAll()
    await store({ elements: description('Thorax') })
    expect(await castAll()).toMatchObject({ entries: 0 })
    await expectEqual(1)
    expect(inFhir()[0]).toMatchObject({ description: '' })
  })

  it('has the copy of a study that was modified or anonymised, and keeps the source where Orthanc does', async () => {
    const { castAll, store, modify, anonymise, idOf, expectEqual, inFhir } = await newWorld()
    await store({ study: '1.2.1' }, { study: '1.2.1', instance: 2 })
    await castAll()
    const id = await idOf('1.2.1')
    await modify('studies', id, { Replace: { StudyDescription: 'Second look' } })
    await modify('patients', await idOf('P1'), { Replace: moved, Force: true })
    await anonymise(id)
    await castAll()
    await expectEqual(5)
    expect(new Set(inFhir().map(({ patientId }) => patientId)).size).toBe(3)
  })

  it('follows a study that was corrected under its own UIDs', async () => {
    const { castAll, store, modify, idOf, expectEqual, inFhir } = await newWorld({
      orthanc: { overwriteInstances: true },
    })
    await store({ study: '1.2.1' }, { study: '1.2.1', instance: 2 })
    await castAll()
    const Keep = ['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID']
    await modify('studies', await idOf('1.2.1'), { Replace: { StudyDescription: 'Corrected' }, Keep, Force: true })
    await castAll()
    await expectEqual(1)
    expect(inFhir()[0]).toMatchObject({ description: 'Corrected', instanceCount: 2 })
  })

  it('loses no study to a restart before it was stable', async () => {
    const { castAll, store, expectEqual, orthanc, client } = await newWorld()
    await store({ study: '1.2.1' })
    await orthanc.kill()
    await orthanc.start()
    const { Changes } = await client.get<{ Changes: ReadonlyArray<{ ChangeType: string }> }>('/changes')
    expect(Changes.filter(({ ChangeType }) => ChangeType.startsWith('Stable'))).toEqual([])
    await castAll()
    await expectEqual(1)
  })

  it.each(['MainDicomTags', 'Extrapolate'] as const)(
    'reads by series where metadata of a study are %s',
    async (studiesMetadata) => {
      const { castAll, store, expectEqual } = await newWorld({ orthanc: { studiesMetadata } })
      await store(
        { study: '1.2.1', elements: description('Thorax') },
        { study: '1.2.1', series: 2 },
        { study: '1.2.2' },
      )
      expect(await castAll()).toMatchObject({ stored: 3, recorded: 0 })
      await expectEqual(2)
    },
  )

  it('is not misled by a limit of results', async () => {
    const { castAll, store, expectEqual } = await newWorld({ orthanc: { limitFindResults: 3 } })
    await store(...Array.from({ length: 8 }, (_, index) => ({ study: `1.2.${index + 1}`, instance: index + 1 })))
    expect(await castAll()).toMatchObject({ stored: 8, recorded: 0 })
    await expectEqual(8)
  })

  it('records a study that two PatientIDs have, and casts the others', async () => {
    const { castAll, store, inFhir, failed } = await newWorld()
    await store({ study: '1.2.1' }, { study: '1.2.1', patientId: 'P2', name: 'Berg^Ola' }, { study: '1.2.3' })
    await castAll()
    expect(inFhir().map(({ uid }) => uid)).toEqual(['1.2.3'])
    expect(Object.values(await failed()).flat()).toHaveLength(1)
  })

  it('takes nothing away where the study of a second PatientID came later', async () => {
    const { castAll, store, inFhir } = await newWorld()
    await store({ study: '1.2.1' }, { study: '1.2.3' })
    await castAll()
    await store({ study: '1.2.1', patientId: 'P2', name: 'Berg^Ola' })
    await castAll()
    expect(inFhir().map(({ uid, patientId }) => `${uid} ${patientId}`)).toEqual(['1.2.1 P1', '1.2.3 P1'])
  })

  it('has 1,000 instances of one study in a few requests', async () => {
    const { castAll, store, expectEqual } = await newWorld()
    await store({ study: '1.2.2', patientId: 'P2' })
    await castAll()
    await store(...Array.from({ length: 1_000 }, (_, index) => ({ series: 1 + (index % 4), instance: index + 1 })))
    const { stored, fhirRequests, dicomRequests } = await castAll()
    expect(stored).toBe(1_000)
    // Its 1,005 rows are two batches.
    expect([fhirRequests, dicomRequests].filter((requests) => requests > 12)).toEqual([])
    await expectEqual(2)
  })

  it('stops at a log that begins anew, and goes on when it is told to', async () => {
    const { castAll, store, orthanc, run, expectEqual } = await newWorld()
    await store({ study: '1.2.1' }, { study: '1.2.2' }, { study: '1.2.3' })
    await castAll()
    await orthanc.kill()
    await orthanc.wipe()
    await orthanc.start()
    await castAll('FeedReset')
    // It has grown beyond the checkpoint, but other changes stand under the same numbers.
    await store({ study: '1.2.4' }, { study: '1.2.3' }, { study: '1.2.2' }, { study: '1.2.1' })
    await castAll('FeedReset')
    const [, etag = ''] = /^etag +(\S+)$/m.exec((await run('checkpoint')).stdout) ?? []
    expect(await run('checkpoint', '--to-sequence', '0', '--etag', etag, '--confirm')).toMatchObject({ code: 0 })
    await castAll()
    await expectEqual(4)
  })

  it('says who it is by a password', async () => {
    const { cast, store, expectEqual } = await newWorld({
      orthanc: { users: { cast: 'open sesame' } },
      user: 'cast:open sesame',
      settings: { DicomWeb__Authentication__Mode: 'basic', DicomWeb__Authentication__Username: 'cast' },
    })
    await store({})
    expect(await cast({ DicomWeb__Authentication__Password: 'open' })).toMatchObject({ ended: 'AccessDenied' })
    expect(await cast({ DicomWeb__Authentication__Password: 'open sesame' })).toMatchObject({ ended: 'CaughtUp' })
    await expectEqual(1)
  })
})
