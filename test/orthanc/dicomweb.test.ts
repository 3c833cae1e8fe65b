import { describe, expect, it } from '@jest/globals'
import { useOrthancWorld } from './orthanc-world'

// A real server of which nothing is known but QIDO-RS and WADO-RS: its own log and lists are not looked at.

const newWorld = useOrthancWorld()

const settings = { DicomWeb__Source: 'dicomweb' }
const studies = Array.from({ length: 8 }, (_, index) => ({ study: `1.2.${index + 1}`, patientId: `P${index}` }))

describe('a comparison with any DICOMweb server', () => {
  it('brings what is there, what came, what was corrected and what is gone', async () => {
    const { reconcile, store, modify, remove, idOf, expectEqual } = await newWorld({
      ...{ settings, orthanc: { overwriteInstances: true } },
    })
    await store(...studies)
    expect(await reconcile()).toMatchObject({ ended: 'Done', compared: 8, differing: 8 })
    await expectEqual(8)
    await store({ study: '1.2.1', patientId: 'P0', series: 2 }, { study: '1.2.9', patientId: 'P9' })
    const Keep = ['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID']
    await modify('studies', await idOf('1.2.2'), { Replace: { AccessionNumber: 'A7' }, Keep, Force: true })
    await remove('studies', await idOf('1.2.3'))
    expect(await reconcile()).toMatchObject({ ended: 'Done', compared: 8, gone: 1 })
    await expectEqual(8)
    expect(await reconcile()).toMatchObject({ ended: 'Done', read: 0, differing: 0, gone: 0 })
  })

  it('takes nothing away because a list was cut without a word', async () => {
    const { reconcile, store, orthanc, inFhir, expectEqual } = await newWorld({ settings })
    await store(...studies)
    await reconcile()
    await expectEqual(8)
    const before = inFhir()
    await orthanc.kill()
    await orthanc.start({ limitFindResults: 3 })
    expect(await reconcile()).toMatchObject({ ended: 'Done', compared: 4, gone: 0, tooManyGone: 0 })
    expect(inFhir()).toEqual(before)
  })

  it('takes nothing away because a second PatientID has the study too', async () => {
    const { reconcile, store, inFhir } = await newWorld({ settings })
    await store(...studies)
    await reconcile()
    const before = inFhir()
    await store({ study: '1.2.1', patientId: 'Other' })
    expect(await reconcile()).toMatchObject({ ended: 'Done', notRead: 1, gone: 0 })
    expect(inFhir()).toEqual(before)
  })
})

it('an Orthanc that goes away during a comparison costs nothing', async () => {
  const { castAll, reconcile, runWith, store, remove, orthanc, idOf, inFhir, expectEqual } = await newWorld()
  await store(...studies)
  await castAll()
  await remove('studies', await idOf('1.2.1'))
  await orthanc.kill()
  const impatient = { RetryConfiguration__TotalRetryDuration: '00:00:01' }
  expect(await runWith(impatient, 'reconcile')).toMatchObject({ code: 3 })
  expect(inFhir()).toHaveLength(8)
  await orthanc.start()
  expect(await reconcile()).toMatchObject({ ended: 'Done', gone: 1 })
  await expectEqual(7)
})
