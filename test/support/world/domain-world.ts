import fc from 'fast-check'
import { type Feed, createFeed, metadataOf, stateOf } from '../../../local/dicom/feed'
import { type Values, ctImage, dicomJson } from './domain-dataset'
import type { ReadStudy } from './domain-cast'

/** What happens in a DICOM service: images come and go, and studies are corrected as a whole. */
export type Happening =
  | { readonly _tag: 'Store'; readonly place: Place; readonly values: Values }
  | { readonly _tag: 'Delete'; readonly place: Place; readonly scope: 'instance' | 'series' | 'study' }
  | { readonly _tag: 'BulkUpdate'; readonly place: Place; readonly values: Values }

interface Place {
  readonly partition: number
  readonly study: number
  readonly series: number
  readonly instance: number
}

const place = fc.record({
  partition: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
  study: fc.integer({ min: 1, max: 2 }),
  series: fc.integer({ min: 1, max: 2 }),
  instance: fc.integer({ min: 1, max: 2 }),
})

/** A value of the list, or none at all, or an empty element. */
const sometimes = <A>(...values: ReadonlyArray<A>): fc.Arbitrary<A | ReadonlyArray<A> | undefined> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...values) },
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constant([]) },
  )

const mostly = <A>(good: fc.Arbitrary<A>, ...bad: ReadonlyArray<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 20, arbitrary: good }, { weight: 1, arbitrary: fc.constantFrom(undefined, ...bad) })

const patientAndStudy = {
  PatientID: mostly(fc.constantFrom('P1', 'P1', 'P1', 'P1', 'P2'), [], 'UNKNOWN', '\u0001'),
  PatientName: sometimes<unknown>('Rivera^Ana', 'Rivera^Anna Maria', 'Berg^Ole', { Ideographic: '山田^太郎' }, 17),
  PatientBirthDate: sometimes('19700102', '19810101', '1981', '20201332'),
  PatientSex: sometimes('F', 'M', 'X'),
  StudyDate: sometimes('20261122', '20261123', '2026', 'soon'),
  StudyTime: sometimes('101500', '101500.25', '0930', '2500'),
  TimezoneOffsetFromUTC: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: sometimes('+0000', '+0100', '-0500', 'here') },
  ),
  AccessionNumber: sometimes('A1', 'A2', 'longer than sixteen characters'),
  StudyDescription: sometimes('Head', 'Head and neck'),
}

const instanceOnly = {
  SeriesDate: sometimes('20261123', '20261124'),
  SeriesTime: sometimes('103000', '11'),
  SeriesNumber: sometimes<unknown>(1, '2', '-3', 'x'),
  SeriesDescription: sometimes('AX T1', 'COR T2'),
  InstanceNumber: sometimes<unknown>(1, 2, -1, 1.5),
  Modality: mostly(fc.constantFrom('CT', 'MR', 'SR', 'ZZ'), 'ct?'),
}

/** Of one image. */
export const elementValues = fc.record({ ...patientAndStudy, ...instanceOnly })

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      _tag: fc.constant('Store' as const),
      place,
      values: elementValues,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant('Delete' as const),
      place,
      scope: fc.constantFrom('instance', 'series', 'study'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant('BulkUpdate' as const),
      place,
      values: fc.record(patientAndStudy, { requiredKeys: [] }),
    }),
  },
)

export const happenings = (maxLength: number): fc.Arbitrary<ReadonlyArray<Happening>> =>
  fc.array(happening, { maxLength, size: 'max' })

const datedBy = ({ study }: Place) => ({
  StudyDate: `2026112${study}`,
  StudyTime: '101500',
  TimezoneOffsetFromUTC: '+0000',
})

/** All images of a study say when it was; later studies are the older ones. */
export const datedAlike = (event: Happening): Happening => {
  if (event._tag === 'Delete') return event
  const dates = datedBy({ ...event.place, study: 9 - event.place.study })
  return { ...event, values: { ...event.values, ...dates } } as Happening
}

export const partitions = ['Microsoft.Default', 'research'] as const

/** A DICOM service to which these things happen; its feed is read at rest. */
export const dicomWorld = () => {
  const feed: Feed = createFeed(() => new Date(0))

  const keyAt = ({ partition, study, series, instance }: Place) => ({
    partitionName: partitions[partition] ?? partitions[0],
    studyInstanceUid: `1.2.${study}`,
    seriesInstanceUid: `1.2.${study}.${series}`,
    sopInstanceUid: `1.2.${study}.${series}.${instance}`,
  })

  const happen = (event: Happening): void => {
    const key = keyAt(event.place)
    const { partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid } = key
    const uids = {
      SOPClassUID: ctImage,
      SOPInstanceUID: sopInstanceUid,
      StudyInstanceUID: studyInstanceUid,
      SeriesInstanceUID: seriesInstanceUid,
    }
    switch (event._tag) {
      case 'Store': {
        // The service keeps what it has: storing an instance again answers 409.
        if (feed.liveInstances(key).length > 0) return
        feed.append([{ ...key, action: 'Create', metadata: JSON.stringify(dicomJson({ ...event.values, ...uids })) }])
        return
      }
      case 'Delete': {
        const within = {
          partitionName,
          studyInstanceUid,
          ...(event.scope === 'study' ? {} : { seriesInstanceUid }),
          ...(event.scope === 'instance' ? { sopInstanceUid } : {}),
        }
        feed.append(feed.liveInstances(within).map((instance) => ({ ...instance, action: 'Delete' as const })))
        return
      }
      case 'BulkUpdate': {
        const changes = dicomJson(event.values)
        feed.append(
          feed.liveInstances({ partitionName, studyInstanceUid }).map((instance) => ({
            ...instance,
            action: 'Update' as const,
            metadata: JSON.stringify({ ...(JSON.parse(instance.last?.metadata ?? '{}') as object), ...changes }),
          })),
        )
      }
    }
  }

  return {
    happen,
    head: () => feed.nextSequence() - 1,
    /** The rows after `sequence`, with the state and the metadata of now. */
    rowsAfter: (sequence: number): ReadonlyArray<unknown> =>
      feed.range(sequence, 100_000).map((row) => {
        const metadata = metadataOf(row)
        const { last: _last, ...key } = row.instance
        return {
          ...key,
          sequence: row.sequence,
          action: row.action,
          timestamp: row.timestamp,
          state: stateOf(row),
          ...(metadata === undefined ? {} : { metadata: JSON.parse(metadata) as unknown }),
        }
      }),
    readStudy: ((partitionName, studyInstanceUid) =>
      feed
        .liveInstances({ partitionName, studyInstanceUid })
        .map(({ last }) => JSON.parse(last?.metadata ?? '{}') as unknown)) satisfies ReadStudy,
  }
}
