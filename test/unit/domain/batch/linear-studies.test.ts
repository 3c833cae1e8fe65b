import { describe, expect, it } from '@jest/globals'
import type { ImagingStudy } from 'fhir/r4'
import type { UpsertRow } from '../../../../lib/domain/batch/judge'
import { rowOf } from '../../../support/world/domain-feed'
import { holding, person, planOf, settings, studyOf } from '../../../support/world/domain-plan'

// A study of ten thousand images costs ten times what one of a thousand does. Looks are counted, not seconds.

interface Told {
  readonly subject: ImagingStudy['subject']
  /** Of an image, by its place. */
  readonly patientId: (place: number) => string
  readonly isHeld: (place: number) => boolean
  readonly meta?: ImagingStudy['meta']
}

const half = (place: number): boolean => place % 2 === 0

/** How often the rows of a study of so many images are looked at, while it is read whole and cast. */
const looksAt = (images: number, { subject, patientId, isHeld, meta }: Told): number => {
  let looks = 0
  const watched = (row: UpsertRow): UpsertRow =>
    new Proxy(row, {
      get: (target, name) => {
        looks += 1
        return Reflect.get(target, name) as unknown
      },
    })
  const rows = Array.from({ length: images }, (_, place) => {
    const values = { SOPInstanceUID: `1.2.3.1.${place + 1}`, PatientID: patientId(place) }
    const row = rowOf(settings, { sequence: place + 1, values })
    if (row._tag !== 'Upsert') throw new Error('no image')
    return watched(row)
  })
  const study = studyOf('7', 'Patient/1', { subject, ...(meta === undefined ? {} : { meta }) })
  const [series] = study.series ?? []
  const [one] = series?.instance ?? []
  if (series === undefined || one === undefined) throw new Error('no image')
  const instance = rows.filter((_, place) => isHeld(place)).map(({ key }) => ({ ...one, uid: key.sopInstanceUid }))
  const held = {
    ...{ ...study, numberOfInstances: instance.length },
    series: [{ ...series, instance, numberOfInstances: instance.length }],
  }
  const snapshot = holding({ patients: [person('1', 'P1'), person('2', 'P2')], studies: [held] })
  looks = 0
  planOf(rows, { snapshot, rebuilt: rows })
  return looks
}

const theirs = { subject: { reference: 'https://ehr.example.org/fhir/Patient/9' }, meta: { versionId: '1' } }

describe('a study that is read whole', () => {
  it.each([
    ['its patient’s', { subject: { reference: 'Patient/1' }, patientId: () => 'P1', isHeld: () => true }],
    [
      'two patients’',
      { subject: { reference: 'Patient/1' }, patientId: (at) => (half(at) ? 'P1' : 'P2'), isHeld: half },
    ],
    ['another system’s', { ...theirs, patientId: () => 'P1', isHeld: () => true }],
    ['another system’s, of two', { ...theirs, patientId: (at) => (half(at) ? 'P1' : 'P2'), isHeld: half }],
  ] as ReadonlyArray<readonly [string, Told]>)('is looked at in linear time where it is %s', (_, told) => {
    const [few, many] = [looksAt(100, told), looksAt(400, told)]
    expect(many / few).toBeLessThan(5)
  })
})
