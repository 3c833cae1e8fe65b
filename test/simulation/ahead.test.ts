import { expect, it } from '@jest/globals'
import type { ImagingStudy, Observation } from 'fhir/r4'
import { type Told, told } from './backfill/told-backfill'
import { instancesIn } from './calm-services'

const referencesIn = ({ services: { fhir } }: Told) => ({
  study: (fhir.store.all('ImagingStudy') as ReadonlyArray<ImagingStudy>).map(({ subject }) => subject.reference),
  doses: (fhir.store.all('Observation') as ReadonlyArray<Observation>).map(({ subject }) => subject?.reference),
})

it('emptied doses that went ahead of a study, which FHIR then refused, follow the next image of it', async () => {
  const story = told(
    {
      refusesToDelete: () => true,
      verdictOn: (bundle) => (instancesIn(bundle).includes('1.2.1.1.2') ? 'rejected' : 'fine'),
    },
    [],
    // The position and one more.
    { maxBundleEntries: 2 },
  )
  const report = { dlp: 100, events: ['1.7.1'], minute: 60, preliminary: false }
  const first = story.create(1, 1, { report })
  await story.happens(first)
  await story.castsFeed()
  await story.happens(...story.gone(first))
  await story.castsFeed()
  const [subject] = referencesIn(story).study
  await story.happens(story.create(1, 2, { patientId: 'P2' }))
  await story.castsFeed()
  expect(referencesIn(story).study).toEqual([subject])
  expect(referencesIn(story).doses).not.toEqual([subject, subject])
  await story.happens(story.create(1, 3))
  await story.castsFeed()
  expect(referencesIn(story)).toEqual({ study: [subject], doses: [subject, subject] })
})
