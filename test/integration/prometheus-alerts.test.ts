import { describe, expect, it } from '@jest/globals'
import { metrics } from '../../lib/composition/metrics'
import { type Scrape, firing, hasPromtool, ruleProblems, withoutPromtool } from '../support/assert/promtool'
import { created, images } from '../support/world/cast-images'
import { type CastWorld, type Overrides, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()
const bob = { patientId: 'P2', name: 'Stone^Bob', birthDate: '19510607', sex: 'M' }

const scraped = async (world: CastWorld, overrides: Overrides = {}): Promise<Scrape> => {
  const found = await metrics({ environment: world.environment(overrides), log: () => undefined, by: 'test' })
  if (found._tag === 'Left') throw new Error(JSON.stringify(found.left))
  return { at: Date.now(), text: found.right.text }
}

/** All went well; then the story. What the metrics said after either. */
const played = async (story: (world: CastWorld) => Promise<unknown>) => {
  const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00' } })
  world.dicom.control.append(...images(1, { study: '1.2.1' }))
  await world.cast()
  const first = await scraped(world)
  await story(world)
  return { first, then: await scraped(world) }
}

if (!hasPromtool) console.warn(withoutPromtool)

;(hasPromtool ? describe : describe.skip)('the Prometheus rules, asked of what the metrics said', () => {
  it('are understood', () => {
    expect(ruleProblems()).toBe('')
  })

  it('are silent after a run that caught up', async () => {
    const { first, then } = await played((world) => {
      world.dicom.control.append(...images(3, { study: '1.2.3' }))
      return world.cast()
    })
    expect(firing(first, then, 10)).toEqual([])
  })

  it('tell that nothing runs any more, and that nothing answers', async () => {
    const { first, then } = await played(() => Promise.resolve())
    expect([firing(first, then, 10), firing(first, then, 16)]).toEqual([[], ['DicomcastNoSuccessfulRun']])
    expect(firing(first, { ...then, text: '' }, 16)).toEqual(['DicomcastNoSuccessfulRun'])
  })

  it('tell that it lags', async () => {
    const { first, then } = await played(async ({ dicom }) => dicom.control.append(...images(4, { study: '1.2.3' })))
    // By then nothing has run for as long, and that is told, too.
    expect(firing(first, then, 15, 3)).toEqual(['DicomcastNoSuccessfulRun', 'DicomcastLag'])
    expect([firing(first, then, 14, 3), firing(first, then, 14, 4)]).toEqual([[], []])
    expect(firing(first, then, 15, 4)).not.toContain('DicomcastLag')
  })

  it('tell of an entry that FHIR refuses', async () => {
    const { first, then } = await played((world) => {
      world.fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: '"1.2.3.1.1"' } }])
      world.dicom.control.append(...images(1, { study: '1.2.3' }), ...images(2, { study: '1.2.4' }))
      return world.cast()
    })
    expect(firing(first, then, 10)).toEqual(['DicomcastNewFailures'])
  })

  it('tell that a person must say whose image it is', async () => {
    const { first, then } = await played((world) => {
      world.dicom.control.append(...images(3, { study: '1.2.3' }), created({ study: '1.2.3', instance: 4, ...bob }))
      return world.cast()
    })
    expect(firing(first, then, 10)).toEqual(['DicomcastNewFailures', 'DicomcastIdentityWorkList'])
  })

  it('tell that access is denied', async () => {
    const { first, then } = await played((world) => {
      world.fhir.faults.set([{ fault: '403' }])
      world.dicom.control.append(...images(1, { study: '1.2.3' }))
      return world.cast()
    })
    expect(firing(first, then, 10)).toEqual(['DicomcastAccessDenied'])
  })
})
