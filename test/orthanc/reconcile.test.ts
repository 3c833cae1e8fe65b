import { describe, expect, it } from '@jest/globals'
import { type Level, studyIdOf } from './orthanc-client'
import { useOrthancWorld } from './orthanc-world'

// What no log tells of: dicomcast reconcile, and both sides hold the same, or it says what it does not know.

const newWorld = useOrthancWorld()

const ola = { patientId: 'P2', name: 'Berg^Ola', sex: 'M' }
const studies = [
  { study: '1.2.1' },
  { study: '1.2.1', instance: 2 },
  { study: '1.2.1', series: 2 },
  { study: '1.2.2' },
  { study: '1.2.3', ...ola },
  { study: '1.2.4', ...ola },
  { study: '1.2.5', patientId: 'P3' },
]

describe('a comparison with Orthanc', () => {
  it.each<readonly [Level, string, number, string]>([
    ['instances', '1.2.1.1.2', 5, 'changed'],
    ['series', '1.2.1.2', 5, 'changed'],
    ['studies', '1.2.2', 4, 'gone'],
    ['patients', 'P2', 3, 'gone'],
  ])('finds what was deleted, of %s', async (level, uid, left, became) => {
    const { castAll, reconcile, store, remove, idOf, expectEqual } = await newWorld()
    await store(...studies)
    await castAll()
    await remove(level, await idOf(uid))
    // No row tells of it.
    expect(await castAll()).toMatchObject({ stored: 0 })
    expect(await reconcile()).toMatchObject(
      became === 'gone' ? { ended: 'Done', gone: 5 - left, tooManyGone: 0 } : { ended: 'Done', differing: 1, gone: 0 },
    )
    await expectEqual(left)
    expect(await reconcile()).toMatchObject({ ended: 'Done', compared: left, differing: 0, gone: 0 })
  })

  it('finds the source that a modification did not keep, and an instance that took the place of another', async () => {
    const { castAll, reconcile, store, remove, modify, idOf, expectEqual } = await newWorld()
    await store(...studies)
    await castAll()
    await modify('studies', await idOf('1.2.3'), { Replace: { StudyDescription: 'Moved' }, KeepSource: false })
    await remove('instances', await idOf('1.2.1.1.2'))
    await store({ study: '1.2.1', instance: 7 })
    await castAll()
    expect(await reconcile()).toMatchObject({ ended: 'Done', gone: 1 })
    await expectEqual(5)
  })

  it('brings what a cleared log never told', async () => {
    const { castAll, reconcile, store, clearChanges, expectEqual, inFhir } = await newWorld()
    await store(...studies)
    await castAll()
    await store({ study: '1.2.6' }, { study: '1.2.5', patientId: 'P3', instance: 2 })
    await clearChanges()
    await castAll()
    expect(inFhir()).toHaveLength(5)
    expect(await reconcile()).toMatchObject({ ended: 'Done', differing: 2 })
    await expectEqual(6)
  })

  it('makes both sides equal after a wipe and a refill with other studies', async () => {
    const { castAll, reconcile, store, orthanc, expectEqual } = await newWorld()
    await store(...studies)
    await castAll()
    await orthanc.kill()
    await orthanc.wipe()
    await orthanc.start()
    await store({ study: '1.2.9' }, { study: '1.2.4', ...ola }, { study: '1.2.1' })
    expect(await reconcile()).toMatchObject({ ended: 'Done', compared: 3 })
    await expectEqual(3)
  })

  it('takes nothing away from an archive that is suddenly empty', async () => {
    const { castAll, reconcile, store, orthanc, inFhir } = await newWorld()
    await store(...studies)
    await castAll()
    const before = inFhir()
    await orthanc.kill()
    await orthanc.wipe()
    await orthanc.start()
    expect(await reconcile()).toMatchObject({
      ...{ ended: 'ServiceUnavailable', reason: expect.stringContaining('Nothing is taken for gone') },
    })
    expect(inFhir()).toEqual(before)
  })

  it('takes away no more than it may unasked, and then what it was told to', async () => {
    const { castAll, runWith, reconcile, store, remove, idOf, inFhir, expectEqual } = await newWorld()
    await store(...studies)
    await castAll()
    for (const uid of ['1.2.1', '1.2.2']) await remove('studies', await idOf(uid))
    const few = { DicomCast__MaxGone: '1' }
    expect(await reconcile(few)).toMatchObject({ ended: 'TooManyGone', tooManyGone: 2, gone: 0 })
    expect(inFhir()).toHaveLength(5)
    expect(await runWith(few, 'reconcile', '--confirm', '2')).toMatchObject({ code: 0 })
    await expectEqual(3)
    expect(await reconcile()).toMatchObject({ ended: 'Done', gone: 0 })
  })

  it('is not misled by a limit of results', async () => {
    const { castAll, reconcile, store, remove, idOf, expectEqual } = await newWorld({
      orthanc: { limitFindResults: 2 },
    })
    await store(...studies)
    await castAll()
    await remove('studies', await idOf('1.2.2'))
    await remove('instances', await idOf('1.2.1.1.2'))
    expect(await reconcile()).toMatchObject({ ended: 'Done', compared: 4, differing: 1, gone: 1 })
    await expectEqual(4)
  })

  it('says that it does not know a study that two PatientIDs have, and leaves it as it was', async () => {
    const { castAll, reconcile, store, remove, inFhir, expectEqual } = await newWorld()
    await store({ study: '1.2.1' }, { study: '1.2.3' })
    await castAll()
    const before = inFhir()
    await store({ study: '1.2.1', ...ola })
    expect(await reconcile()).toMatchObject({ ended: 'Done', notRead: 1, gone: 0 })
    expect(inFhir()).toEqual(before)
    await remove('studies', studyIdOf('P2', '1.2.1'))
    expect(await reconcile()).toMatchObject({ ended: 'Done', notRead: 0 })
    await expectEqual(2)
  })

  it('moves a study to the PatientID that it was corrected to, once the old one is deleted', async () => {
    const { castAll, reconcile, store, remove, inFhir, failed, expectEqual } = await newWorld()
    await store({ study: '1.2.1' }, { study: '1.2.3' })
    await castAll()
    await store({ study: '1.2.1', ...ola })
    await castAll()
    expect(await failed()).toEqual({ TransientFailureExceptionTable: ['0 OutlastedRetries'] })
    await remove('studies', studyIdOf('P1', '1.2.1'))
    await reconcile()
    expect(inFhir().map(({ patientId }) => patientId)).toEqual(['P2', 'P1'])
    expect(await failed()).toEqual({})
    await expectEqual(2)
  })

  it('takes rows away with what they are about', async () => {
    const { castAll, reconcile, store, remove, idOf, failed, expectEqual } = await newWorld()
    await store({ study: '1.2.1', patientId: null }, { study: '1.2.2' })
    await castAll()
    expect(await failed()).toEqual({ DicomFailToStoreExceptionTable: ['0 TagsRejected'] })
    await remove('studies', await idOf('1.2.1'))
    await reconcile()
    expect(await failed()).toEqual({})
    await expectEqual(1)
  })
})
