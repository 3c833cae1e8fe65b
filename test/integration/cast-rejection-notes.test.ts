import { describe, expect, it } from '@jest/globals'
import { held } from '../support/fhir/cast-fhir'
import { type Image, created, deleted, uidsOf, updated } from '../support/world/cast-images'
import { useOperateWorld } from '../support/world/operate-world'
import { noteElements } from '../simulation/rejection-note'

const newWorld = useOperateWorld()
const dicomTable = 'DicomFailToStoreExceptionTable'
const study = '1.2.1'

const rejecting = (code: string, image: Image): Image => {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = uidsOf(image)
  const lists = [{ study: studyInstanceUid, series: seriesInstanceUid, instance: sopInstanceUid }]
  return { study, series: 9, instance: 9, elements: noteElements({ code, lists }) }
}
const note = rejecting('113037', { study, instance: 1 })

const counts = (world: Awaited<ReturnType<typeof newWorld>>): ReadonlyArray<unknown> =>
  held(world, 'ImagingStudy').map(({ numberOfInstances }) => numberOfInstances)

describe('a rejection note', () => {
  it('takes the image that it lists out of FHIR, which status tells as no failure, and gives it back when it is gone', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, instance: 1 }), created({ study, instance: 2 }))
    await world.cast()
    expect(counts(world)).toEqual([2])
    world.dicom.control.append(created(note))
    await world.cast()
    expect(counts(world)).toEqual([1])
    const { json } = await world.call('GET', 'status')
    expect(json).toMatchObject({
      withdrawn: { rows: 1, codes: { 113037: 1 } },
      failures: { [dicomTable]: { rows: 0 } },
      state: 'fine',
    })
    world.dicom.control.append(deleted(note))
    await world.cast()
    expect([counts(world), await world.failed()]).toEqual([[2], {}])
  })

  it.each([
    ['cast before it', [note, { study, instance: 1 }, { study, instance: 2 }]],
    ['cast behind it', [{ study, instance: 1 }, { study, instance: 2 }, note]],
  ])('is heeded by verify and resync, too: an image %s', async (_, images) => {
    const world = await newWorld()
    world.dicom.control.append(...images.map(created))
    await world.cast()
    const inStep = {
      inStep: true,
      instances: { inDicom: 2, inFhir: 1, missing: 0, gone: 0 },
      writes: [],
      notCast: {},
      withdrawn: 1,
    }
    expect((await world.call('GET', `verify?study=${study}`)).json).toMatchObject(inStep)
    // As a rebuild of a study that nothing is known of.
    for (const { id } of held(world, 'ImagingStudy'))
      await fetch(`${world.fhir.url}/ImagingStudy/${id}`, { method: 'DELETE' })
    expect((await world.call('POST', 'resync', { study })).json).toMatchObject({ stored: 1, notCast: {}, withdrawn: 1 })
    expect([counts(world), (await world.call('GET', `verify?study=${study}`)).json]).toMatchObject([[1], inStep])
  })

  it('is foreseen by preview: what it keeps out, what it takes out, and what comes back when it goes', async () => {
    const world = await newWorld()
    const previewed = async () => (await world.call('POST', 'preview?batches=9')).json
    world.dicom.control.append(...[note, { study, instance: 1 }, { study: '1.2.2', instance: 1 }].map(created))
    // The only image of its study: none is created for it.
    expect(await previewed()).toMatchObject({ withdrawn: 1, studies: { create: 1 }, recorded: {} })
    await world.cast()
    expect(counts(world)).toEqual([1])
    world.dicom.control.append(created({ study, instance: 2 }), created({ study, instance: 1 }))
    expect(await previewed()).toMatchObject({ withdrawn: 1, studies: { create: 1 }, recorded: {} })
    await world.cast()
    const late = rejecting('113038', { study: '1.2.2', instance: 1 })
    world.dicom.control.append(created({ ...late, instance: 8 }))
    expect(await previewed()).toMatchObject({ withdrawn: 1, studies: { create: 0, update: 1 }, recorded: {} })
    await world.cast()
    world.dicom.control.append(deleted(note), deleted({ ...late, instance: 8 }))
    const back = await previewed()
    expect(back).toMatchObject({ studies: { create: 1, update: 1 }, recorded: {} })
    expect(back).not.toHaveProperty('withdrawn')
    await world.cast()
    expect(counts(world)).toEqual([2, 1])
  })

  it('is found by a resync that no entry told of it, and so is its end', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study, instance: 1 }), created({ study, instance: 2 }))
    await world.cast()
    world.dicom.control.append(created(note))
    await world.call('POST', 'resync', { study })
    expect([counts(world), await world.failed()]).toEqual([[1], { [dicomTable]: ['0 Rejected'] }])
    world.dicom.control.append(deleted(note))
    await world.call('POST', 'resync', { study })
    expect([counts(world), await world.failed()]).toEqual([[2], {}])
  })

  it('that is corrected gives back what cannot be cast, beside what it takes out: both are on record', async () => {
    const world = await newWorld()
    const uncastable = { study, instance: 1, elements: { '00080016': undefined } }
    world.dicom.control.append(...[uncastable, { study, instance: 2 }, { study, instance: 3 }].map(created))
    await world.cast()
    world.dicom.control.append(created(note))
    await world.cast()
    world.dicom.control.append(updated(rejecting('113037', { study, instance: 2 })))
    await world.cast()
    expect([counts(world), await world.failed()]).toEqual([
      [1],
      {
        [dicomTable]: expect.arrayContaining([
          expect.stringMatching(/ TagsRejected$/),
          expect.stringMatching(/ Rejected$/),
        ]),
      },
    ])
  })

  it('that calls an image bad hides it only where the setting says so', async () => {
    for (const [DicomCast__HideRejectedForQuality, images] of [
      ['false', 2],
      ['true', 1],
    ] as const) {
      const world = await newWorld({ settings: { DicomCast__HideRejectedForQuality } })
      world.dicom.control.append(
        ...[{ study, instance: 1 }, { study, instance: 2 }, rejecting('113001', { study, instance: 1 })].map(created),
      )
      await world.cast()
      expect([counts(world), await world.failed()]).toEqual([
        [images],
        { [dicomTable]: [expect.stringMatching(/Rejected/)] },
      ])
    }
  })
})
