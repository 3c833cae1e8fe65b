import { describe, expect, it } from '@jest/globals'
import type { Patient } from 'fhir/r4'
import { packUnits } from '../../../../lib/domain/batch/pack-units'
import type { Values } from '../../../support/world/domain-dataset'
import { type EntryOptions, rowOf } from '../../../support/world/domain-feed'
import { mrType } from '../../../support/world/domain-mapping'
import { holding, person, planOf, requestsOf, resourcesOf, settings, studyOf } from '../../../support/world/domain-plan'
import { type SettingsChanges, settingsOf } from '../../../support/world/domain-settings'

const row = (sequence: number, sop: number, values: Values = {}, rest: EntryOptions & { late?: boolean } = {}) =>
  rowOf(settings, { sequence, values: { SOPInstanceUID: `1.2.3.1.${sop}`, ...values }, ...rest })

/** An instance of a study that is read whole: it has no sequence. */
const read = (sop: number, values: Values = {}) => ({ ...row(1, sop, values), sequence: 0 })

const study = 'Microsoft.Default/1.2.3'
const other: Values = { StudyInstanceUID: '1.2.4', SeriesInstanceUID: '1.2.4.1', SOPInstanceUID: '1.2.4.1.1' }
const studyWith = (...sops: ReadonlyArray<number>) => {
  const [series] = studyOf('7', 'Patient/1').series ?? []
  const [one] = series?.instance ?? []
  if (series === undefined || one === undefined) throw new Error('no image')
  return studyOf('7', 'Patient/1', {
    numberOfInstances: sops.length,
    series: [
      { ...series, numberOfInstances: sops.length, instance: sops.map((sop) => ({ ...one, uid: `1.2.3.1.${sop}` })) },
    ],
  })
}
const known = holding({ patients: [person('1', 'P1'), person('2', 'P2')], studies: [studyOf('7', 'Patient/1')] })
const doubt = [{ partition: 'Microsoft.Default', studyInstanceUid: '1.2.3' }]
const mismatch = { _tag: 'PatientMismatch' }

describe('a stray instance', () => {
  it('puts its study in doubt when the subject in FHIR is another person', () => {
    const planned = planOf([row(1, 2, { PatientID: 'P2' })], { snapshot: known })
    expect([planned.doubts, planned.units, planned.recorded, planned.unchanged]).toEqual([doubt, [], [], []])
  })

  it('puts its study in doubt when earlier rows of the batch named another person', () => {
    const planned = planOf([row(1, 1), row(2, 2, { PatientID: 'P2' })])
    expect(planned.doubts).toEqual(doubt)
  })

  it('is recorded when the live instances disagree; the subject and the others stay', () => {
    const rows = [row(1, 2, { PatientID: 'P2' }), row(2, 3)]
    const planned = planOf(rows, {
      snapshot: known,
      reading: { [study]: [read(1), read(2, { PatientID: 'P2' }), read(3)] },
    })
    expect(planned.recorded).toEqual([{ row: rows[0], error: mismatch }])
    expect(requestsOf(planned.units)).toEqual(['PUT ImagingStudy/7'])
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]).toMatchObject({
      subject: { reference: 'Patient/1' },
      numberOfInstances: 2,
    })
  })

  it('is recorded when the study cannot be read any more', () => {
    const [stray] = [row(1, 2, { PatientID: 'P2' })]
    expect(planOf([stray], { snapshot: known, reading: { [study]: [] } }).recorded).toEqual([
      { row: stray, error: mismatch },
    ])
  })

  it('moves the study when all live instances agree: synced whole, subject re-pointed, the old Patient left alone', () => {
    const moved = { PatientID: 'P2', PatientName: 'Berg^Ole' }
    const first = row(1, 1, moved, { action: 'update' })
    const reading = [read(1, moved), read(2, moved)]
    const two = holding({ patients: [person('1', 'P1'), person('2', 'P2')], studies: [studyWith(1, 2)] })
    const planned = planOf([first], { snapshot: two, reading: { [study]: reading } })
    expect(requestsOf(planned.units)).toEqual(['PUT Patient/2', 'PUT ImagingStudy/7'])
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]).toMatchObject({
      subject: { reference: 'Patient/2' },
      numberOfInstances: 2,
    })
    // What is in hand comes last: it is newer.
    expect(planned.syncedInstances).toEqual(reading.map(({ key }) => key).reverse())
    expect(planned.units.flatMap(({ rows }) => rows)).toEqual([first])
  })

  it('moves the study to a Patient that is only created now', () => {
    const moved = row(1, 1, { PatientID: 'P3' }, { action: 'update' })
    const planned = planOf([moved], { snapshot: known, reading: { [study]: [read(1, { PatientID: 'P3' })] } })
    expect(requestsOf(planned.units)).toEqual(['POST Patient', 'PUT ImagingStudy/7'])
    const [patient] = planned.units.flatMap(({ entries }) =>
      entries.map(({ text }) => JSON.parse(text).fullUrl as string),
    )
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]?.subject).toEqual({ reference: patient })
  })

  it('does not create whom only an image named that was corrected since: he might be refused, and the others with him', () => {
    const rows = [row(1, 1, { PatientID: 'P3' }), row(2, 2), row(3, 3)]
    const planned = planOf(rows, {
      snapshot: holding({ patients: [person('1', 'P1')] }),
      reading: { [study]: [read(1), read(2), read(3)] },
    })
    expect(requestsOf(planned.units).filter((request) => request.endsWith('Patient'))).toEqual([])
    expect(resourcesOf(planned.units, 'ImagingStudy')).toMatchObject([
      { subject: { reference: 'Patient/1' }, numberOfInstances: 3 },
    ])
  })

  it('that was corrected since its page was read is settled by the study that was read', () => {
    const stale = row(1, 2, { PatientID: 'P2' })
    const planned = planOf([stale], { snapshot: known, reading: { [study]: [read(1), read(2)] } })
    expect([planned.recorded, planned.units.flatMap(({ rows }) => rows)]).toEqual([[], [stale]])
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]).toMatchObject({
      subject: { reference: 'Patient/1' },
      numberOfInstances: 2,
    })
  })

  it('is none when the study came to its end before', () => {
    const gone = rowOf(settings, { sequence: 1, action: 'delete' })
    const planned = planOf([gone, row(2, 2, { PatientID: 'P2' })], { snapshot: known })
    expect([planned.doubts, planned.recorded]).toEqual([[], []])
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]?.subject).toEqual({ reference: 'Patient/2' })
  })

  it('that comes back after its end says nothing of what the old one said', () => {
    const shown = studyOf('7', 'Patient/1', { subject: { reference: 'Patient/1', display: 'Ana' } })
    const rows = [rowOf(settings, { sequence: 1, action: 'delete' }), row(2, 2)]
    const planned = planOf(rows, { snapshot: holding({ patients: [person('1', 'P1')], studies: [shown] }) })
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]?.subject).toEqual({ reference: 'Patient/1' })
  })

  it('leaves a reference that is right as it stands', () => {
    const shown = studyOf('7', 'Patient/1', { subject: { reference: 'Patient/1', display: 'Ana' } })
    const planned = planOf([row(1, 2)], { snapshot: holding({ patients: [person('1', 'P1')], studies: [shown] }) })
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]?.subject).toEqual(shown.subject)
  })
})

describe('conflicting demographics', () => {
  const ana: Values = { PatientName: 'Rivera^Ana', PatientSex: 'F', PatientBirthDate: '19700102' }
  const ole: Values = { PatientName: 'Berg^Ole', PatientSex: 'M', PatientBirthDate: '19810101' }
  const knownAna = person('1', 'P1', { name: [{ family: 'Rivera' }], gender: 'female', birthDate: '1970-01-02' })
  const snapshot = holding({ patients: [knownAna] })
  const conflict = (patientId: string | undefined) => ({ _tag: 'DemographicsConflict', patientId })

  it('of a Create row with the Patient in FHIR: nothing of it is written', () => {
    const other = row(1, 1, ole)
    const planned = planOf([other], { snapshot })
    expect([planned.recorded, planned.units]).toEqual([[{ row: other, error: conflict('1') }], []])
  })

  it('also by elements that are not written', () => {
    const excludedElements = new Set(['Patient.name', 'Patient.birthDate', 'Patient.gender'])
    const other = rowOf(settingsOf({ excludedElements }), { sequence: 1, values: ole })
    expect(planOf([other], { snapshot }).recorded).toEqual([{ row: other, error: conflict('1') }])
  })

  it('of a Create row with the first row that introduced the person', () => {
    const rows = [row(1, 1, ana), row(2, 2, ole)] as const
    const planned = planOf(rows)
    expect(planned.recorded).toEqual([{ row: rows[1], error: conflict(undefined) }])
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]?.numberOfInstances).toBe(1)
  })

  it('of an Update row is a deliberate correction', () => {
    const own = holding({ patients: [knownAna], studies: [studyOf('7', 'Patient/1')] })
    const planned = planOf([row(1, 1, ole, { action: 'update' })], { snapshot: own })
    expect([planned.recorded, resourcesOf(planned.units, 'Patient')[0]?.birthDate]).toEqual([[], '1981-01-01'])
  })

  it('of an Update row is none where it brings an image in that the study of the person does not hold', () => {
    const own = holding({ patients: [knownAna], studies: [studyOf('7', 'Patient/1')] })
    const other = row(1, 2, ole, { action: 'update' })
    expect(planOf([other], { snapshot: own }).recorded).toEqual([{ row: other, error: conflict('1') }])
  })

  it('is not looked for with Patient__MatchGuard=false', () => {
    const planned = planOf([row(1, 1, ole)], { snapshot, settings: settingsOf({ patient: { matchGuard: false } }) })
    expect([planned.recorded, requestsOf(planned.units).length]).toEqual([[], 2])
  })

  it('keeps a study from moving by a Create row, though all its live instances agree', () => {
    const patients = [person('9', 'P9'), knownAna]
    const moving = holding({ patients, studies: [studyOf('7', 'Patient/9')] })
    const stray = row(1, 2, ole)
    const planned = planOf([stray], { snapshot: moving, reading: { [study]: [read(2, ole)] } })
    expect([planned.recorded, planned.units, planned.syncedInstances]).toEqual([
      [{ row: stray, error: conflict('1') }],
      [],
      [],
    ])
  })

  it('of another image keeps a study from moving away under it: no row would tell that it went', () => {
    const patients = [person('9', 'P9'), knownAna]
    const moving = holding({ patients, studies: [{ ...studyWith(2, 3), subject: { reference: 'Patient/9' } }] })
    const moved = row(2, 3, ana)
    const planned = planOf([moved], { snapshot: moving, reading: { [study]: [read(2, ole), read(3, ana)] } })
    expect([planned.syncedInstances, planned.units.flatMap(({ recorded }) => recorded)]).toEqual([
      [],
      [{ row: moved, error: mismatch }],
    ])
    expect(resourcesOf(planned.units, 'ImagingStudy')).toMatchObject([
      { subject: { reference: 'Patient/9' }, numberOfInstances: 1 },
    ])
  })

  it('is judged once: a Patient that was sent before the studies does not speak against their rows', () => {
    const rows = [row(1, 1, ana), row(2, 2, ole, { action: 'update' })]
    const studies = [studyWith(2)]
    const first = planOf(rows, { snapshot: holding({ patients: [knownAna], studies }) })
    const again = holding({ patients: [...resourcesOf(first.units, 'Patient')], studies })
    expect(planOf(rows, { snapshot: again }).recorded).toEqual([{ row: rows[0], error: conflict('1') }])
    expect(planOf(rows, { snapshot: again, verdicts: first.verdicts }).recorded).toEqual([])
  })
})

describe('more than one Patient, or none that lives', () => {
  it('is PatientAmbiguous, with the ids to merge', () => {
    const ambiguous = row(1, 1)
    const snapshot = holding({ patients: [person('1', 'P1'), person('2', 'P1')] })
    expect(planOf([ambiguous], { snapshot }).recorded).toEqual([
      { row: ambiguous, error: { _tag: 'PatientAmbiguous', patientIds: ['1', '2'] } },
    ])
  })

  it('is PatientInactive when a link ends nowhere', () => {
    const dead = row(1, 1)
    const snapshot = holding({ patients: [person('1', 'P1', { active: false })] })
    expect(planOf([dead], { snapshot }).recorded).toEqual([
      { row: dead, error: { _tag: 'PatientInactive', patientId: '1' } },
    ])
  })
})

describe('a server that compares loosely', () => {
  it('lets nothing be created for an identifier that it takes for another', () => {
    const stray = row(1, 1, { PatientID: '0012|3' })
    const mistaken = new Map([['|0012\\|3', ['9']]])
    const planned = planOf([stray], { snapshot: { ...holding(), mistaken } })
    expect([planned.recorded, planned.units]).toEqual([
      [{ row: stray, error: { _tag: 'PatientAmbiguous', patientIds: ['9'] } }],
      [],
    ])
  })

  it('W2: what its conditional create hung on somebody else is undone and recorded', () => {
    const stray = row(1, 1, { PatientID: '0012|3' })
    const { meta: _meta, ...stranger } = person('9', '0012')
    const snapshot = {
      ...holding({ patients: [stranger], studies: [studyOf('7', 'Patient/9')] }),
      mistaken: new Map([['|0012\\|3', ['9']]]),
    }
    const { recorded, units } = planOf([stray], { snapshot })
    expect([recorded, requestsOf(units), units.map((unit) => unit.recorded)]).toEqual([
      [],
      ['DELETE ImagingStudy/7'],
      [[{ row: stray, error: { _tag: 'PatientAmbiguous', patientIds: ['9'] } }]],
    ])
  })

  it.each(['stra\u00dfe-1', '\u5c71\u7530', '0012|3', 'p1', 'A_1', 'A 1'])(
    'gets a new Patient %j in a transaction of its own, before anything refers to it',
    (PatientID) => {
      const [odd, plain] = [
        row(1, 1, { PatientID }),
        rowOf(settings, { sequence: 2, values: { ...other, PatientID: 'P-2.B' } }),
      ]
      const { units } = planOf([odd, plain])
      const bundles = packUnits(units, { entries: 1_000, bytes: 1_000_000 })
      expect(bundles.map((bundle) => requestsOf(bundle))).toEqual([
        ['POST Patient'],
        ['POST Patient', 'POST ImagingStudy'],
      ])
      expect(units.map(({ rows, deferred }) => [rows, deferred])).toEqual([
        [[], [odd]],
        [[plain], []],
      ])
    },
  )

  it('gets two new ones in a transaction each: to it they may be one', () => {
    const rows = ['\u5c71\u7530', '\u7530\u4e2d'].map((PatientID, index) =>
      rowOf(settings, { sequence: index + 1, values: { ...(index === 0 ? {} : other), PatientID } }),
    )
    const bundles = packUnits(planOf(rows).units, { entries: 1_000, bytes: 1_000_000 })
    expect(bundles.map((bundle) => requestsOf(bundle))).toEqual([['POST Patient'], ['POST Patient']])
  })
})

describe('merged Patients', () => {
  const merged = person('1', 'P1', { link: [{ type: 'replaced-by', other: { reference: 'Patient/2' } }] })
  const target = person('2', 'P2')

  it('are linked at their target, which keeps its own identifiers', () => {
    const planned = planOf([row(1, 1, { PatientSex: 'F' })], { snapshot: holding({ patients: [merged, target] }) })
    expect(resourcesOf(planned.units, 'Patient')).toEqual([
      { ...target, meta: { ...target.meta, versionId: undefined }, gender: 'female' },
    ])
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]?.subject).toEqual({ reference: 'Patient/2' })
  })

  it.each([
    ['the merged one first', ['P1', 'P2']],
    ['the target first', ['P2', 'P1']],
  ])('may come under both identifiers in one batch: %s', (_what, ids) => {
    const rows = ids.map((PatientID, index) => row(index + 1, index + 1, { PatientID }))
    const planned = planOf(rows, { snapshot: holding({ patients: [merged, target] }) })
    expect([planned.doubts, planned.recorded, requestsOf(planned.units)]).toEqual([[], [], ['POST ImagingStudy']])
  })

  it('are left as the subject of a study: it is re-pointed without a doubt', () => {
    const snapshot = holding({ patients: [merged, target], studies: [studyOf('7', 'Patient/1')] })
    const planned = planOf([row(1, 1)], { snapshot })
    expect(planned.doubts).toEqual([])
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]?.subject).toEqual({ reference: 'Patient/2' })
  })
})

describe('Patient__Overwrite', () => {
  const official = { use: 'official' as const, family: 'Rivera' }
  const foreign: Patient = {
    resourceType: 'Patient',
    id: '1',
    identifier: [{ type: mrType, value: 'P1' }],
    name: [official],
  }
  const values: Values = { PatientName: 'Rivera^Ana', PatientSex: 'F' }
  const written = (overwrite: 'own' | 'never' | 'always', patient: Patient) => {
    const changes: SettingsChanges = { patient: { overwrite } }
    const planned = planOf([row(1, 1, values)], {
      snapshot: holding({ patients: [patient] }),
      settings: settingsOf(changes),
    })
    const [resource] = resourcesOf(planned.units, 'Patient')
    return { name: resource?.name?.length, gender: resource?.gender }
  }
  const ours = person('1', 'P1', { gender: 'male' })

  it('own: ours follows the feed, any other only gets what it lacks', () => {
    expect(written('own', ours)).toEqual({ name: 1, gender: 'female' })
    expect(written('own', { ...foreign, gender: 'male' })).toEqual({ name: undefined, gender: undefined })
    expect(written('own', foreign)).toEqual({ name: 1, gender: 'female' })
  })

  it('never: also ours only gets what it lacks', () => {
    expect(written('never', ours)).toEqual({ name: 1, gender: 'male' })
  })

  it('always: what the original did', () => {
    expect(written('always', { ...foreign, gender: 'male' })).toEqual({ name: 2, gender: 'female' })
  })
})

describe('taking over', () => {
  const configured = settingsOf({ patient: { systemId: 'urn:oid:1.2.3.4' } })
  const rowIn = (sequence: number, partition: string, systems: Record<string, string>) =>
    rowOf(settingsOf({ patient: { partitionSystems: systems } }), { sequence, partition })

  it('gives the configured system to a Patient of ours that has none', () => {
    const planned = planOf([rowOf(configured)], {
      snapshot: holding({ patients: [person('1', 'P1')] }),
      settings: configured,
    })
    expect(requestsOf(planned.units)).toEqual(['PUT Patient/1', 'POST ImagingStudy'])
    expect(resourcesOf(planned.units, 'Patient')[0]?.identifier).toEqual([
      { type: mrType, system: 'urn:oid:1.2.3.4', value: 'P1' },
    ])
  })

  it("leaves somebody else's alone, and creates one with the system", () => {
    const { meta: _meta, ...foreign } = person('1', 'P1')
    const planned = planOf([rowOf(configured)], { snapshot: holding({ patients: [foreign] }), settings: configured })
    expect(requestsOf(planned.units)).toEqual(['POST Patient', 'POST ImagingStudy'])
  })

  it('makes one person of it once: two systems that have the value are two people', () => {
    const systems = { 'Microsoft.Default': 'http://north.example', research: 'http://south.example' }
    const rows = [rowIn(1, 'Microsoft.Default', systems), rowIn(2, 'research', systems)]
    const planned = planOf(rows, {
      snapshot: holding({ patients: [person('1', 'P1')] }),
      settings: settingsOf({ patient: { partitionSystems: systems } }),
    })
    expect(requestsOf(planned.units)).toEqual([
      'PUT Patient/1',
      'POST ImagingStudy',
      'POST Patient',
      'POST ImagingStudy',
    ])
    expect(
      resourcesOf(planned.units, 'Patient').map(({ identifier }) => identifier?.map(({ system }) => system)),
    ).toEqual([['http://north.example'], ['http://south.example']])
  })
})
