import { describe, expect, it } from '@jest/globals'
import type { FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import type { InstanceKey } from '../../../../lib/domain/dicom/change-feed-entry'
import { memoryFhir } from '../../../support/fhir/domain-fhir'
import { castBatch } from '../../../support/world/domain-cast'
import type { Values } from '../../../support/world/domain-dataset'
import { mrType } from '../../../support/world/domain-mapping'
import { root, settingsOf } from '../../../support/world/domain-settings'
import { type Happening, dicomWorld } from '../../../support/world/domain-world'

// Cases W1 to W17: what happened before is cast, then what comes next, in one batch and one row a batch.

const settings = settingsOf({
  patient: { systemId: 'http://our.example/mrn', isIssuerIdUsed: true },
})
const ours = { system: 'http://our.example/mrn' }

const place = (instance: number, study = 1) => ({ partition: 0, study, series: 1, instance })
const image = (instance: number, PatientID: string, values: Values = {}, study = 1): Happening => ({
  _tag: 'Store',
  place: place(instance, study),
  values: { Modality: 'CT', PatientID, ...values },
})
const images = (from: number, to: number, PatientID: string, values: Values = {}): ReadonlyArray<Happening> =>
  Array.from({ length: to - from + 1 }, (_, index) => image(from + index, PatientID, values))
const gone = (instance: number): Happening => ({ _tag: 'Delete', place: place(instance), scope: 'instance' })
const bulk = (values: Values): Happening => ({ _tag: 'BulkUpdate', place: place(1), values })

interface Story {
  readonly resident?: ReadonlyArray<FhirResource>
  /** Each cast before the next happens, in one batch. */
  readonly before?: ReadonlyArray<ReadonlyArray<Happening>>
  readonly then: ReadonlyArray<Happening>
}

interface End {
  readonly studies: Readonly<Record<string, readonly [subject: string, images: string]>>
  /** `instance Code`, of the newest row of each. */
  readonly rows: ReadonlyArray<string>
  readonly patients: ReadonlyArray<Patient>
}

const subjectOf = (patients: ReadonlyArray<Patient>, { subject, contained }: ImagingStudy): string => {
  const target = patients.find(({ id }) => `Patient/${id}` === subject.reference)
  const value = target?.identifier?.[0]?.value
  return value ?? subject.reference ?? subject.identifier?.value ?? (contained === undefined ? '' : 'contained')
}

const endOf = ({ resident = [], before = [], then }: Story, size: number): End => {
  const [dicom, fhir] = [dicomWorld(), memoryFhir(resident)]
  const mismatched = new Map<string, Map<string, InstanceKey>>()
  const rows = new Map<string, string>()
  let head = 0
  const cast = (most: number): void => {
    const feed = dicom.rowsAfter(head) as ReadonlyArray<{ sequence: number; sopInstanceUid: string }>
    for (let start = 0; start < feed.length; start += most) {
      const part = feed.slice(start, start + most)
      const { recorded, rejected } = castBatch(fhir, settings, part, { readStudy: dicom.readStudy, mismatched })
      for (const { sopInstanceUid } of part) rows.delete(sopInstanceUid)
      for (const { sequence, error } of [...recorded, ...rejected]) {
        const uid = feed.find((row) => row.sequence === sequence)?.sopInstanceUid ?? ''
        if (error._tag !== 'PatientMismatch') rows.set(uid, error._tag)
      }
    }
    head = dicom.head()
  }
  for (const each of before) {
    each.forEach(dicom.happen)
    cast(1_000)
  }
  then.forEach(dicom.happen)
  cast(size)
  const patients = fhir.all('Patient')
  for (const instances of mismatched.values()) {
    for (const { sopInstanceUid } of instances.values()) rows.set(sopInstanceUid, 'PatientMismatch')
  }
  return {
    studies: Object.fromEntries(
      fhir.all('ImagingStudy').map((study) => {
        const held = (study.series ?? []).flatMap(({ instance = [] }) =>
          instance.map(({ uid }) => uid.split('.').at(-1)),
        )
        return [study.identifier?.[0]?.value?.split('.').at(-1) ?? '', [subjectOf(patients, study), held.sort().join()]]
      }),
    ),
    rows: [...rows].map(([uid, code]) => `${uid.split('.').at(-1)} ${code}`).sort(),
    patients,
  }
}

/** Whatever the cut. */
const end = (story: Story): End => {
  const whole = endOf(story, 1_000)
  for (const size of [1, 2, 3]) {
    const { studies, rows } = endOf(story, size)
    expect({ size, studies, rows }).toEqual({ size, studies: whole.studies, rows: whole.rows })
  }
  return whole
}

const announced = (subject: ImagingStudy['subject'], more: Partial<ImagingStudy> = {}): ImagingStudy => ({
  resourceType: 'ImagingStudy',
  id: '50',
  identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.1' }],
  status: 'registered',
  subject,
  ...more,
})
const patient = (id: string, value: string, more: Partial<Patient> = {}): Patient => ({
  resourceType: 'Patient',
  id,
  identifier: [{ ...ours, type: mrType, value }],
  ...more,
})
const marked = { source: root, tag: [{ system: 'urn:uuid:6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a11', code: 'dicomcast' }] }

describe('what a subject says', () => {
  it('W1: an identifier of ours counts as a literal reference does, and gets one', () => {
    const resident = [announced({ identifier: { ...ours, value: 'RIGHT' } })]
    const { studies, rows } = end({ resident, then: [image(1, 'WRONG'), ...images(2, 3, 'RIGHT')] })
    expect([studies, rows]).toEqual([{ 1: ['RIGHT', '2,3'] }, ['1 PatientMismatch']])
  })

  it('W13: an absolute reference is never touched, and one identifier alone comes in', () => {
    const reference = 'https://ehr.example.org/fhir/Patient/9'
    const resident = [announced({ reference })]
    const then = [image(1, 'RIGHT'), image(2, 'WRONG'), image(3, 'RIGHT')]
    const { studies, rows, patients } = end({ resident, then })
    expect([studies, rows, patients]).toEqual([{ 1: [reference, '1,3'] }, ['2 PatientMismatch'], []])
  })

  it('W14: a contained Patient of another is a doubt, and its study goes to the one on whom all agree', () => {
    const contained = [{ resourceType: 'Patient' as const, id: 'pat', identifier: [{ ...ours, value: 'OTHER' }] }]
    const resident = [announced({ reference: '#pat' }, { contained })]
    const { studies, rows } = end({ resident, then: [image(1, 'RIGHT'), image(2, 'RIGHT')] })
    expect([studies, rows]).toEqual([{ 1: ['RIGHT', '1,2'] }, []])
  })

  it('a contained Patient who is the right one stays, and no other is made', () => {
    const contained = [{ resourceType: 'Patient' as const, id: 'pat', identifier: [{ ...ours, value: 'RIGHT' }] }]
    const resident = [announced({ reference: '#pat' }, { contained })]
    const { studies, patients } = end({ resident, then: [image(1, 'RIGHT')] })
    expect([studies, patients]).toEqual([{ 1: ['#pat', '1'] }, []])
  })

  it.each<readonly [string, ReadonlyArray<FhirResource>, string]>([
    [
      'W15: an EHR Patient without an identifier of ours',
      [{ resourceType: 'Patient', id: '9', identifier: [{ system: 'http://ehr.example', value: 'E9' }] }],
      'Patient/9',
    ],
    ['A14: a Device', [], 'Device/9'],
    ['A14: a Group', [], 'Group/9'],
  ])('%s is left, and no twin is made', (_what, others, reference) => {
    const resident = [...others, announced({ reference })]
    const { studies, rows, patients } = end({ resident, then: images(1, 2, 'P1') })
    expect([Object.values(studies).map(([, held]) => held), rows, patients.length]).toEqual([
      ['1,2'],
      [],
      others.length,
    ])
  })

  it('a display alone is nobody: the first image says who it is', () => {
    const { studies } = end({ resident: [announced({ display: 'somebody' })], then: images(1, 2, 'P1') })
    expect(studies).toEqual({ 1: ['P1', '1,2'] })
  })

  it('a phantom in a study is no doubt, and does not vote', () => {
    const phantom = { QualityControlSubject: 'YES' }
    const before = [[image(1, 'P1'), image(2, 'QC', phantom)]]
    expect(end({ before, then: [] }).studies).toEqual({ 1: ['P1', '1,2'] })
    const moved = end({ before, then: [gone(1), image(3, 'P2')] })
    expect([moved.studies, moved.rows]).toEqual([{ 1: ['P2', '2,3'] }, []])
  })
})

describe('witnesses', () => {
  it('W4: a straggler after a bulk correction stays out, and the correction stands', () => {
    const story = { before: [images(1, 5, 'P1')], then: [bulk({ PatientID: 'P2' }), image(6, 'P1')] }
    const { studies, rows } = end(story)
    expect([studies, rows]).toEqual([{ 1: ['P2', '1,2,3,4,5'] }, ['6 PatientMismatch']])
  })

  it('W4b: an image that is deleted and comes back for another person is in nobody’s record', () => {
    const story = { before: [images(1, 3, 'P1')], then: [gone(1), image(1, 'P9')] }
    const { studies, rows } = end(story)
    expect([studies, rows]).toEqual([{ 1: ['P1', '2,3'] }, ['1 PatientMismatch']])
  })

  it('W4c: an update of a description hands no study to a stray', () => {
    const stray = image(0, 'P9')
    const before = [images(1, 5, 'P1'), [stray]]
    const { studies, rows } = end({ before, then: [bulk({ StudyDescription: 'Head' })] })
    expect([studies, rows]).toEqual([{ 1: ['P1', '1,2,3,4,5'] }, ['0 PatientMismatch']])
  })

  it('W5: what was at odds with the misfiled image comes in when that is deleted', () => {
    const { studies, rows } = end({ before: [[image(1, 'P9'), ...images(2, 5, 'P1')]], then: [gone(1)] })
    expect([studies, rows]).toEqual([{ 1: ['P1', '2,3,4,5'] }, []])
  })

  it('W5: … and when it is corrected', () => {
    const before = [[image(1, 'P9'), ...images(2, 5, 'P1')]]
    const { studies, rows } = end({ before, then: [gone(1), image(1, 'P1')] })
    expect([studies, rows]).toEqual([{ 1: ['P1', '1,2,3,4,5'] }, []])
  })

  it('W5: … or when nobody can be told from it any more', () => {
    const before = [[image(1, 'P9'), ...images(2, 3, 'P1')]]
    const { studies, rows } = end({ before, then: [gone(1), image(1, '')] })
    expect([studies, rows]).toEqual([{ 1: ['P1', '2,3'] }, ['1 TagsRejected']])
  })

  it('W16: an update to an issuer that is not known takes the images out', () => {
    const { studies, rows } = end({ before: [images(1, 2, 'P1')], then: [bulk({ IssuerOfPatientID: 'South' })] })
    expect([studies, rows]).toEqual([{}, ['1 IssuerUnknown', '2 IssuerUnknown']])
  })

  it.each([false, true])('a rebuild stores none of a study whose images disagree (written one by one: %s)', (apart) => {
    const [dicom, fhir] = [dicomWorld(), memoryFhir()]
    for (const each of [...images(1, 2, 'P1'), image(3, 'P2')]) dicom.happen(each)
    const { recorded } = castBatch(fhir, settings, dicom.rowsAfter(0), { isRebuild: true, apart })
    expect([fhir.all('ImagingStudy'), recorded.map(({ error }) => error._tag)]).toEqual([
      [],
      ['PatientMismatch', 'PatientMismatch', 'PatientMismatch'],
    ])
  })

  it.each([false, true])('a rebuild leaves it with the person whom FHIR names (written one by one: %s)', (apart) => {
    const [dicom, fhir] = [dicomWorld(), memoryFhir()]
    dicom.happen(image(1, 'P1'))
    castBatch(fhir, settings, dicom.rowsAfter(0))
    for (const each of [image(2, 'P1'), image(3, 'P2')]) dicom.happen(each)
    const { recorded } = castBatch(fhir, settings, dicom.rowsAfter(0), { isRebuild: true, apart })
    expect(recorded.map(({ sequence, error }) => `${sequence} ${error._tag}`)).toEqual(['3 PatientMismatch'])
    expect(fhir.all('ImagingStudy').map(({ numberOfInstances }) => numberOfInstances)).toEqual([2])
  })
})

describe('the guard', () => {
  const ana: Values = { PatientName: 'Rivera^Ana', PatientSex: 'F', PatientBirthDate: '19700102' }
  const ole: Values = { PatientName: 'Berg^Ole', PatientSex: 'M', PatientBirthDate: '19810101' }
  const known: Patient = patient('2', 'P2', {
    meta: marked,
    name: [{ use: 'usual', family: 'Berg', given: ['Ole'] }],
    gender: 'male',
    birthDate: '1981-01-01',
  })

  it('W6: an update does not hang a study on somebody else, and takes it out of the old record', () => {
    const story = { resident: [known], before: [images(1, 3, 'P1', ana)], then: [bulk({ PatientID: 'P2' })] }
    const { studies, rows, patients } = end(story)
    expect([studies, rows]).toEqual([
      {},
      ['1 DemographicsConflict', '2 DemographicsConflict', '3 DemographicsConflict'],
    ])
    expect(patients.find(({ id }) => id === '2')).toMatchObject({ birthDate: '1981-01-01', gender: 'male' })
  })

  it('W6: … until its demographics are that person’s, too', () => {
    const story = {
      resident: [known],
      before: [images(1, 3, 'P1', ana), [bulk({ PatientID: 'P2' })]],
      then: [bulk(ole)],
    }
    const { studies, rows } = end(story)
    expect([studies, rows]).toEqual([{ 1: ['P2', '1,2,3'] }, []])
  })

  it('an update that corrects the study’s own Patient is none of its business', () => {
    const { studies, rows, patients } = end({ before: [images(1, 2, 'P1', ana)], then: [bulk(ole)] })
    expect([studies, rows, patients[0]?.birthDate]).toEqual([{ 1: ['P1', '1,2'] }, [], '1981-01-01'])
  })

  it('W7c: a newborn under her mother’s ID', () => {
    const lea = { ...ana, PatientName: 'Rivera^Lea', PatientBirthDate: '20261120' }
    const { studies, rows } = end({ before: [[image(1, 'P1', ana)]], then: [image(2, 'P1', lea, 2)] })
    expect([studies, rows]).toEqual([{ 1: ['P1', '1'] }, ['2 DemographicsConflict']])
  })

  it('W7d: a placeholder gives way to what is known', () => {
    const trauma = { PatientName: 'TRAUMA-17', PatientSex: 'F', PatientBirthDate: '19000101' }
    const { rows, patients } = end({ before: [[image(1, 'P1', trauma)]], then: [image(2, 'P1', ana, 2)] })
    expect([rows, patients.map(({ birthDate, name }) => [birthDate, name?.[0]?.family])]).toEqual([
      [],
      [['1970-01-02', 'Rivera']],
    ])
  })

  it('W7e: a survivor of a merge is not compared, and keeps its values', () => {
    const link = [{ type: 'replaced-by' as const, other: { reference: 'Patient/2' } }]
    const resident = [known, patient('1', 'P1', { active: false, link })]
    const { studies, rows, patients } = end({ resident, then: [image(1, 'P1', ana)] })
    expect([studies, rows, patients[0]?.birthDate]).toEqual([{ 1: ['P2', '1'] }, [], '1981-01-01'])
  })
})

describe('several Patients of one identifier', () => {
  it('W17: the one that is the subject already', () => {
    const twins = [patient('1', 'P1', { meta: marked }), patient('2', 'P1')]
    const study = announced({ reference: 'Patient/1' }, { meta: marked })
    const held = { uid: '1.2.1.1', modality: { code: 'CT' }, instance: [{ uid: '1.2.1.1.1', sopClass: {} }] }
    const resident = [...twins, { ...study, series: [held] }]
    const { studies, rows } = end({ resident, then: [image(1, 'P1'), image(2, 'P1')] })
    expect([studies, rows]).toEqual([{ 1: ['P1', '1,2'] }, []])
  })

  it('W12: the one whose current identifier it is', () => {
    const old = { ...ours, value: 'P1', use: 'old' as const }
    const resident = [patient('1', 'P8', { identifier: [{ ...ours, value: 'P8' }, old] }), patient('2', 'P1')]
    const { studies, rows } = end({ resident, then: [image(1, 'P1')] })
    expect([studies, rows]).toEqual([{ 1: ['P1', '1'] }, []])
  })

  it('W12: … but a study of its time belongs to who had it then', () => {
    const then = { ...ours, value: 'P1', period: { start: '2010', end: '2015-06-30' } }
    const resident = [patient('1', 'P8', { identifier: [{ ...ours, value: 'P8' }, then] }), patient('2', 'P1')]
    const { studies } = end({ resident, then: [image(1, 'P1', { StudyDate: '20120304' })] })
    expect(studies).toEqual({ 1: ['P8', '1'] })
  })
})

describe('an update that changes UIDs', () => {
  // The world of these tests keeps UIDs: the feed says what Azure's would, an Update row under another study.
  const { happen, rowsAfter, head, readStudy } = dicomWorld()
  const moved = (row: unknown, study: string) => {
    const [entry, text] = [row as Record<string, unknown>, JSON.stringify(row)]
    return {
      ...(JSON.parse(text.replaceAll('"1.2.1"', `"${study}"`)) as object),
      action: 'Update',
      state: 'Current',
      sequence: entry['sequence'],
    }
  }

  it('leaves nothing behind, any cut', () => {
    for (const each of images(1, 3, 'P1')) happen(each)
    const before = rowsAfter(0)
    const updates = before.map((row, index) => ({ ...moved(row, '1.2.7'), sequence: head() + index + 1 }))
    const reading = updates.map((row) => (row as unknown as { metadata: unknown }).metadata)
    const now: typeof readStudy = (_partition, uid) =>
      uid === '1.2.7' ? (reading as ReturnType<typeof readStudy>) : []
    for (const size of [1, 2, 3]) {
      const fhir = memoryFhir()
      castBatch(fhir, settings, before, { readStudy })
      for (let start = 0; start < updates.length; start += size) {
        const { recorded } = castBatch(fhir, settings, updates.slice(start, start + size), { readStudy: now })
        expect(recorded).toEqual([])
      }
      const held = fhir.all('ImagingStudy').map((study) => [study.identifier?.[0]?.value, study.numberOfInstances])
      expect(held).toEqual([['urn:oid:1.2.7', 3]])
    }
  })

  it('takes nothing that is alive in the other study, too', () => {
    const fhir = memoryFhir()
    const before = rowsAfter(0)
    castBatch(fhir, settings, before, { readStudy })
    const [copy] = before.map((row) => ({ ...moved(row, '1.2.7'), sequence: head() + 1 }))
    castBatch(fhir, settings, [copy], { readStudy })
    const held = fhir.all('ImagingStudy').map((study) => [study.identifier?.[0]?.value, study.numberOfInstances])
    expect(held).toEqual([
      ['urn:oid:1.2.1', 3],
      ['urn:oid:1.2.7', 1],
    ])
  })
})
