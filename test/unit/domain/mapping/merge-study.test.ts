import { describe, expect, it } from '@jest/globals'
import type { ImagingStudy } from 'fhir/r4'
import type { EntryOptions } from '../../../support/world/domain-feed'
import { dcm, uidType } from '../../../support/world/domain-mapping'
import { foreignStudy, originalStudy } from '../../../support/world/domain-residents'
import { root } from '../../../support/world/domain-settings'
import {
  sopClass,
  endpoint,
  ct,
  mr,
  merge,
  image,
  gone,
  instance,
  twoSeries,
  series1,
  series2,
} from '../../../support/world/domain-merge'

describe('a new study', () => {
  it('has the status, the marks, the Endpoint, its modalities and its counts', () => {
    const rows = [image(1, 1), image(1, 2), image(2, 1, { Modality: 'MR' })]
    const { id: _id, ...created } = twoSeries
    expect(merge(undefined, rows)).toEqual({ _tag: 'Study', resource: created })
  })

  it('lists distinct modalities that acquire (PS3.16 CID 29); all stand in their series', () => {
    const modalities = ['SR', 'CT', 'CT', 'ZZ', 'MR', 'SEG', 'HC']
    const rows = modalities.map((Modality, index) => image(index + 1, 1, { Modality }))
    const closed = merge(undefined, rows)
    expect(closed._tag === 'Study' && closed.resource.modality).toEqual([ct, mr])
  })

  it('has no modality when none of them acquires', () => {
    const closed = merge(undefined, [image(1, 1, { Modality: 'SR' })])
    expect(closed._tag === 'Study' && 'modality' in closed.resource).toBe(false)
  })
})

describe('merging', () => {
  it('finds series and instances by UID, replaces in place and appends the new ones', () => {
    const closed = merge(twoSeries, [image(1, 3), image(1, 1, { InstanceNumber: 9 }), image(3, 1)])
    expect(closed).toEqual({
      _tag: 'Study',
      resource: {
        ...twoSeries,
        numberOfSeries: 3,
        numberOfInstances: 5,
        series: [
          {
            ...series1,
            numberOfInstances: 3,
            instance: [{ ...instance(1, 1), number: 9 }, instance(1, 2), instance(1, 3)],
          },
          series2,
          { uid: '1.2.3.3', modality: ct, numberOfInstances: 1, instance: [instance(3, 1)] },
        ],
      },
    })
  })

  it('leaves what others put into the study, its series and its instances', () => {
    const enriched: ImagingStudy = {
      ...twoSeries,
      extension: [{ url: 'http://ris.example/priority', valueCode: 'stat' }],
      basedOn: [{ reference: 'ServiceRequest/1' }],
      reasonCode: [{ text: 'headache' }],
      endpoint: [{ reference: 'Endpoint/other' }, endpoint],
      modality: [ct, { system: dcm, code: 'MR' }, { system: 'http://ris.example', code: 'x' }],
      series: [
        {
          ...(series1 ?? { uid: '', modality: {} }),
          bodySite: { display: 'head' },
          endpoint: [{ reference: 'Endpoint/9' }],
        },
        ...(series2 === undefined ? [] : [series2]),
      ],
    }
    expect(merge(enriched, [image(1, 1)])).toEqual({ _tag: 'Study', resource: enriched })
  })

  it('folds a series that stands twice into one', () => {
    const twice = { ...twoSeries, series: [...(twoSeries.series ?? []), ...(twoSeries.series ?? [])] }
    expect(merge(twice, [image(1, 1)])).toEqual({ _tag: 'Study', resource: twoSeries })
  })

  it('writes no empty list for a series of others that names no image', () => {
    const closed = merge(foreignStudy, [
      { values: { StudyInstanceUID: '1.2.2', SeriesInstanceUID: '1.2.2.1', SOPInstanceUID: '1.2.2.1.1' } },
    ])
    expect(closed._tag === 'Study' && closed.resource.series).toEqual([
      { ...foreignStudy.series?.[0], numberOfInstances: 0 },
      { uid: '1.2.2.1', modality: ct, numberOfInstances: 1, instance: [{ uid: '1.2.2.1.1', sopClass }] },
    ])
  })

  it('takes the values of a late Create row for its own instance, and fills the others', () => {
    const base: ImagingStudy = { ...twoSeries, description: 'Head', note: [{ text: 'Head' }], started: '2026-11-23' }
    const late = {
      ...image(1, 1, { StudyDescription: 'Neck', StudyDate: '20200101', SeriesNumber: 5, InstanceNumber: 9 }),
      late: true,
    }
    expect(merge(base, [late])).toEqual({
      _tag: 'Study',
      resource: {
        ...base,
        series: [{ ...series1, number: 5, instance: [{ ...instance(1, 1), number: 9 }, instance(1, 2)] }, series2],
      },
    })
  })
})

describe('the status', () => {
  const statusAfter = (base: Partial<ImagingStudy>, row: EntryOptions): string | undefined => {
    const closed = merge({ ...twoSeries, ...base }, [row])
    return closed._tag === 'Study' ? closed.resource.status : undefined
  }

  it.each([
    ['registered', 'available'],
    ['cancelled', 'available'],
    ['available', 'available'],
    ['entered-in-error', 'entered-in-error'],
    ['unknown', 'unknown'],
  ] as const)('%s becomes %s with a new image, on a study that carries our mark', (status, after) => {
    expect(statusAfter({ status }, image(1, 9))).toBe(after)
  })

  it('cancelled stays on a study without our mark', () => {
    expect(statusAfter({ status: 'cancelled', meta: { source: root } }, image(1, 9))).toBe('cancelled')
    expect(statusAfter({ status: 'registered', meta: { source: root } }, image(1, 9))).toBe('available')
  })

  it.each(['registered', 'cancelled'] as const)('%s stays when no image is new', (status) => {
    expect(statusAfter({ status }, image(1, 1))).toBe(status)
    expect(statusAfter({ status }, gone(1, 1))).toBe(status)
  })
})

describe("the original's study", () => {
  it('is corrected in place: modality system, SOP class, counts, invented UTC', () => {
    const values = {
      StudyInstanceUID: '1.2.1',
      SeriesInstanceUID: '1.2.1.1',
      SOPInstanceUID: '1.2.1.1.2',
      StudyDate: '20261123',
      StudyTime: '101500',
      SeriesDate: '20261123',
      SeriesTime: '103000',
      StudyDescription: 'Head',
    }
    const base: ImagingStudy = { ...originalStudy, endpoint: [endpoint] }
    const [series] = originalStudy.series ?? []
    expect(merge(base, [{ values }])).toEqual({
      _tag: 'Study',
      resource: {
        ...base,
        identifier: [{ type: uidType, system: 'urn:dicom:uid', value: 'urn:oid:1.2.1' }],
        modality: [ct],
        subject: { reference: 'Patient/1' },
        started: '2026-11-23',
        description: 'Head',
        numberOfSeries: 1,
        numberOfInstances: 2,
        series: [
          {
            ...series,
            modality: ct,
            started: '2026-11-23',
            numberOfInstances: 2,
            instance: [
              { uid: '1.2.1.1.1', sopClass, number: 1 },
              { uid: '1.2.1.1.2', sopClass },
            ],
          },
        ],
      },
    })
  })
})
