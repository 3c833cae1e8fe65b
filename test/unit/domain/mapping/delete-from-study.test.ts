import { describe, expect, it } from '@jest/globals'
import type { ImagingStudy } from 'fhir/r4'
import { foreignStudy, originalStudy } from '../../../support/world/domain-residents'
import {
  endpoint,
  ct,
  merge,
  image,
  gone,
  instance,
  twoSeries,
  series1,
  series2,
} from '../../../support/world/domain-merge'

describe('deleting', () => {
  it('takes the instance away, and counts follow', () => {
    expect(merge(twoSeries, [gone(1, 1)])).toEqual({
      _tag: 'Study',
      resource: {
        ...twoSeries,
        numberOfInstances: 2,
        series: [{ ...series1, numberOfInstances: 1, instance: [instance(1, 2)] }, series2],
      },
    })
  })

  it('takes a series away with its last instance, and modalities follow', () => {
    expect(merge(twoSeries, [gone(2, 1)])).toEqual({
      _tag: 'Study',
      resource: { ...twoSeries, modality: [ct], numberOfSeries: 1, numberOfInstances: 2, series: [series1] },
    })
  })

  it('takes a study of ours away with its last series', () => {
    const rows = [gone(1, 1), gone(1, 2), gone(2, 1)]
    expect(merge(twoSeries, rows)).toEqual({ _tag: 'Deleted', base: twoSeries })
    const [{ uid: _uid, ...only } = { uid: '', modality: {} }] = originalStudy.series ?? []
    const original = { ...originalStudy, series: [{ ...only, uid: '1.2.3.1', instance: [instance(1, 1)] }] }
    expect(merge(original, [gone(1, 1)])).toEqual({ _tag: 'Deleted', base: original })
  })

  const emptied = {
    resourceType: 'ImagingStudy',
    id: '7',
    identifier: twoSeries.identifier,
    subject: twoSeries.subject,
    numberOfSeries: 0,
    numberOfInstances: 0,
  }

  it('keeps a study that the server refuses to delete: cancelled, without series, our Endpoint and modality', () => {
    expect(merge(twoSeries, [gone(1, 1), gone(1, 2), gone(2, 1)], true)).toEqual({
      _tag: 'Study',
      resource: { ...emptied, meta: twoSeries.meta, status: 'cancelled' },
    })
  })

  it("keeps somebody else's study without series, its status as it is, and what others added", () => {
    const others = { endpoint: { reference: 'Endpoint/9' }, modality: { system: 'http://ris.example', code: 'x' } }
    const base: ImagingStudy = {
      ...twoSeries,
      meta: { source: 'http://ris.example' },
      endpoint: [endpoint, others.endpoint],
      modality: [ct, others.modality],
    }
    expect(merge(base, [gone(1, 1), gone(1, 2), gone(2, 1)])).toEqual({
      _tag: 'Study',
      resource: {
        ...emptied,
        meta: base.meta,
        status: 'available',
        endpoint: [others.endpoint],
        modality: [others.modality],
      },
    })
  })

  it('does nothing for what is absent', () => {
    expect(merge(undefined, [gone(1, 1)])).toEqual({ _tag: 'Nothing' })
    expect(merge(twoSeries, [gone(1, 9), gone(9, 1)])).toEqual({ _tag: 'Study', resource: twoSeries })
  })

  it('does nothing to a study of others that never had the image: it is not even adopted', () => {
    const closed = merge(foreignStudy, [{ ...gone(1, 1), values: { StudyInstanceUID: '1.2.2' } }])
    expect(closed).toEqual({ _tag: 'Study', resource: foreignStudy })
  })

  it('does nothing more to a study that was kept without series', () => {
    const { series: _series, ...kept } = { ...twoSeries, status: 'cancelled' as const }
    expect(merge(kept, [gone(1, 1)])).toEqual({ _tag: 'Study', resource: kept })
  })

  it('forgets what the deleted images said when the study comes back in the same batch', () => {
    const described: ImagingStudy = { ...twoSeries, description: 'Head', note: [{ text: 'Head' }], basedOn: [endpoint] }
    const rows = [gone(1, 1), gone(1, 2), gone(2, 1), image(4, 1)]
    expect(merge({ ...described, basedOn: [{ reference: 'ServiceRequest/1' }] }, rows)).toEqual({
      _tag: 'Study',
      resource: {
        ...twoSeries,
        modality: [ct],
        numberOfSeries: 1,
        numberOfInstances: 1,
        series: [{ uid: '1.2.3.4', modality: ct, numberOfInstances: 1, instance: [instance(4, 1)] }],
      },
    })
  })
})
