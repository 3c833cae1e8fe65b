import { describe, expect, it } from '@jest/globals'
import type { InstanceKey } from '../../../../lib/domain/dicom/change-feed-entry'
import { castBatch } from '../../../support/world/domain-cast'
import type { Values } from '../../../support/world/domain-dataset'
import { type EntryOptions, wireEntry } from '../../../support/world/domain-feed'
import { settingsOf } from '../../../support/world/domain-settings'
import { type MemoryFhir, memoryFhir } from '../../../support/fhir/domain-fhir'

const settings = settingsOf()
const uids = (study: number, sop = 1): Values => ({
  ...{ StudyInstanceUID: `1.2.${study}`, SeriesInstanceUID: `1.2.${study}.1`, SOPInstanceUID: `1.2.${study}.1.${sop}` },
})

let sequence = 0
const entry = (values: Values, rest: EntryOptions = {}) =>
  wireEntry({ sequence: ++sequence, values: { PatientBirthDate: '19700101', ...values }, ...rest })
const maiden = (rest: EntryOptions = {}) =>
  entry({ ...uids(1), StudyDate: '20200101', PatientSex: 'F', PatientName: 'Maiden^Ana' }, rest)
const married = (rest: EntryOptions = {}) =>
  entry({ ...uids(2), StudyDate: '20240101', PatientSex: 'F', PatientName: 'Married^Ana' }, rest)
const undated = () => entry({ ...uids(3), PatientSex: 'F', PatientName: 'Undated^Ana' })
const tomorrow = () => entry({ ...uids(4), StudyDate: '20990101', PatientSex: 'F', PatientName: 'Tomorrow^Ana' })

const cast = (fhir: MemoryFhir, ...batches: ReadonlyArray<ReadonlyArray<unknown>>) =>
  batches.map((batch) => castBatch(fhir, settings, batch).writes)
const rebuild = (fhir: MemoryFhir, batch: ReadonlyArray<unknown>, apart = false): number =>
  castBatch(fhir, settings, batch, {
    ...{ isRebuild: true, apart },
    readStudy: () => batch.map((each) => Reflect.get(each as object, 'metadata') as unknown),
  }).writes
const names = (fhir: MemoryFhir) =>
  fhir.contents().flatMap((each) => (each.resourceType === 'Patient' ? [each.name?.[0]?.family] : []))

describe('a Patient whose studies disagree', () => {
  it.each([
    ['the older study first', [[maiden()], [married()]]],
    ['the newer study first', [[married()], [maiden()]]],
    ['both in one batch', [[married(), maiden()]]],
    ['both in one batch, the other way round', [[maiden(), married()]]],
    ['one without a date last', [[maiden()], [married()], [undated()]]],
    ['one of a day that is still to come last', [[maiden()], [married()], [tomorrow()]]],
  ])('has the values of the newest, cast with %s', (_name, batches) => {
    const fhir = memoryFhir()
    cast(fhir, ...batches)
    expect(names(fhir)).toEqual(['Married'])
  })

  it('has the values of the newest also when a late row tells of it', () => {
    const fhir = memoryFhir()
    cast(fhir, [maiden()])
    castBatch(fhir, settings, [married()], { late: true })
    expect(names(fhir)).toEqual(['Married'])
  })

  it('has the values of the newest also when a late row tells of it, and it stood emptied until then', () => {
    const fhir = memoryFhir()
    cast(fhir, [married()])
    const [study] = fhir.contents().filter(({ resourceType }) => resourceType === 'ImagingStudy')
    castBatch(fhir, settings, [entry(uids(2), { action: 'delete' })], { keep: new Set([`ImagingStudy/${study?.id}`]) })
    cast(fhir, [maiden()])
    expect(names(fhir)).toEqual(['Maiden'])
    castBatch(fhir, settings, [married()], { late: true })
    expect(names(fhir)).toEqual(['Married'])
  })

  it('has the values of the newest also when a late row makes it theirs, and it was another’s until then', () => {
    const fhir = memoryFhir()
    const [stray, own] = [entry({ ...uids(2, 9), PatientID: 'P9' }), married()]
    const mismatched = new Map<string, Map<string, InstanceKey>>()
    const having = (...images: ReadonlyArray<object>) => ({
      ...{ mismatched, readStudy: () => images.map((each) => Reflect.get(each, 'metadata') as unknown) },
    })
    cast(fhir, [stray])
    expect(castBatch(fhir, settings, [own], having(stray, own)).recorded).toHaveLength(1)
    cast(fhir, [maiden()])
    castBatch(fhir, settings, [entry(uids(2, 9), { action: 'delete' })], { ...having(own), late: true })
    expect(names(fhir)).toContain('Married')
  })

  it('has what a correction says, also of an older study', () => {
    const fhir = memoryFhir()
    cast(fhir, [maiden()], [married()], [maiden({ action: 'update' })])
    expect(names(fhir)).toEqual(['Maiden'])
  })

  it('is filled by an older study', () => {
    const fhir = memoryFhir()
    cast(fhir, [entry({ ...uids(2), StudyDate: '20240101', PatientName: 'Married^Ana' })])
    cast(fhir, [entry({ ...uids(1), StudyDate: '20200101', PatientSex: 'F' })])
    expect(fhir.contents()).toContainEqual(
      expect.objectContaining({ gender: 'female', name: [expect.objectContaining({ family: 'Married' })] }),
    )
  })

  it('stays as it is when its studies are read again, whichever comes last', () => {
    const fhir = memoryFhir()
    cast(fhir, [maiden()], [married()])
    expect([rebuild(fhir, [married()]), rebuild(fhir, [maiden()])]).toEqual([0, 0])
  })
})

describe('a study whose images disagree', () => {
  const one = (rest: EntryOptions = {}) =>
    entry(
      { ...uids(1, 1), StudyDate: '20200101', StudyDescription: 'Head', PatientSex: 'F', PatientName: 'One^Ana' },
      rest,
    )
  const two = (rest: EntryOptions = {}) =>
    entry(
      { ...uids(1, 2), StudyDate: '20200101', StudyDescription: 'Neck', PatientSex: 'F', PatientName: 'Two^Ana' },
      rest,
    )

  it('keeps what FHIR holds while an image says it, in whatever order they are read', () => {
    const fhir = memoryFhir()
    cast(fhir, [two(), one()])
    const before = fhir.contents()
    expect([rebuild(fhir, [one(), two()]), rebuild(fhir, [two(), one()])]).toEqual([0, 0])
    expect(fhir.contents()).toEqual(before)
  })

  it('keeps it also when the images are written one by one, because FHIR refused them together', () => {
    const fhir = memoryFhir()
    cast(fhir, [two(), one()])
    const before = fhir.contents()
    expect(rebuild(fhir, [two(), one()], true)).toBe(0)
    expect(fhir.contents()).toEqual(before)
  })

  it('is corrected when none says what FHIR holds', () => {
    const fhir = memoryFhir()
    cast(fhir, [two(), one()])
    expect(rebuild(fhir, [two()])).toBeGreaterThan(0)
    expect(names(fhir)).toEqual(['Two'])
  })
})
