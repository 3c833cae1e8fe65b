import { describe, expect, it } from '@jest/globals'
import { imagesOf, requested, sole } from '../support/fhir/cast-fhir'
import { created, images } from '../support/world/cast-images'
import { useOperateWorld } from '../support/world/operate-world'

const newWorld = useOperateWorld()
const study = '1.2.3'
const warning = /whose If-Match is old/

const world = async (takesOld: boolean) => {
  const made = await newWorld()
  made.dicom.control.append(...images(3, { study }))
  if (takesOld) made.fhir.faults.set([{ fault: 'ignoresIfMatch' }])
  return made
}
type World = Awaited<ReturnType<typeof world>>

const tries = (made: World): number => requested(made).filter((line) => line.includes('dicomcast-check')).length
const warned = (made: World): number => made.logged.filter((line) => warning.test(line)).length
const statusOf = async (made: World) => {
  const { json } = await made.call('GET', 'status')
  const { feed, warnings } = json as { feed: object; warnings: ReadonlyArray<string> }
  return { feed, warnings: warnings.filter((each) => warning.test(each)).length }
}

describe('a FHIR server and a transaction whose If-Match is old', () => {
  it('that refuses it is tried once, after the first commit, and nobody hears of it', async () => {
    const made = await world(false)
    // Nothing was written yet: nothing is tried either.
    expect(await made.cast({ DicomCast__StartFrom: '3' })).toMatchObject({ ended: 'CaughtUp', fhirRequests: 0 })
    const first = await world(false)
    expect(await first.cast()).toMatchObject({ ended: 'CaughtUp', stored: 3 })
    expect([tries(first), warned(first)]).toEqual([3, 0])
    expect(await statusOf(first)).toMatchObject({ feed: { refusesOldIfMatch: true }, warnings: 0 })
    // A process of its own, as a host begins one: it is not tried again.
    first.dicom.control.append(created({ study, instance: 4 }))
    first.fhir.requests.clear()
    await first.call('POST', 'catch-up', {})
    expect([tries(first), sole(first, 'ImagingStudy').numberOfInstances]).toEqual([0, 4])
  })

  it('that takes it is told in the log once, and in status: nothing guards two writers there', async () => {
    const made = await world(true)
    expect(await made.cast()).toMatchObject({ ended: 'CaughtUp', stored: 3 })
    expect(imagesOf(sole(made, 'ImagingStudy'))).toEqual({ '1.2.3.1': ['1.2.3.1.1', '1.2.3.1.2', '1.2.3.1.3'] })
    const position = sole(made, 'Basic').meta?.versionId
    made.dicom.control.append(created({ study, instance: 4 }))
    await made.cast()
    expect([tries(made), warned(made)]).toEqual([3, 1])
    expect(await statusOf(made)).toMatchObject({ feed: { refusesOldIfMatch: false }, warnings: 1 })
    // The position of the feed was not what it was tried on.
    expect(Number(sole(made, 'Basic').meta?.versionId)).toBe(Number(position) + 1)
  })

  it.each([1, 2])(
    'is told by the first try, or by the next: others write the resource, too (%s times)',
    async (times) => {
      const made = await world(false)
      await made.cast({ TableStore__TableNamePrefix: `first${process.pid}x${times}` })
      made.dicom.control.append(created({ study, instance: 4 }))
      made.fhir.faults.set([{ fault: '409', match: { method: 'PUT', bodyIncludes: 'DICOMcast check' }, times }])
      await made.cast()
      const sound = { feed: { refusesOldIfMatch: true }, warnings: 0 }
      expect(await statusOf(made)).toMatchObject(times === 1 ? sound : { warnings: 0 })
      made.dicom.control.append(created({ study, instance: 5 }))
      await made.cast()
      expect([await statusOf(made), warned(made)]).toMatchObject([sound, 0])
    },
  )

  it.each(['500', 'reset', 'reject', 'slow'] as const)(
    'that cannot be tried, since it fails at that, costs the cast nothing: %s',
    async (fault) => {
      const made = await world(false)
      made.fhir.faults.set([{ fault, match: { bodyIncludes: 'DICOMcast check' }, delayMs: 1 }])
      expect(await made.cast()).toMatchObject({ ended: 'CaughtUp', stored: 3, retries: 0, reason: '' })
      expect([warned(made), await made.failed()]).toEqual([0, {}])
      made.fhir.faults.clear()
      made.dicom.control.append(created({ study, instance: 4 }))
      await made.cast()
      expect(await statusOf(made)).toMatchObject({ feed: { refusesOldIfMatch: true }, warnings: 0 })
    },
  )
})
