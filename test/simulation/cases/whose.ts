import { expect } from '@jest/globals'
import type { Identifier, ImagingStudy, Patient, Reference } from 'fhir/r4'
import type { FhirStore } from '../fhir-store'
import { type End, type Story, create, ending, person, pinned, rejecting, remove, system, update, vanish } from './told'

/** A Patient of the hospital, known as in DICOM. */
const patient = (
  id: string,
  patientId: string,
  identifier: ReadonlyArray<Identifier> = [{ system, value: patientId }],
): Patient => {
  const { family, given, birthDate = '' } = person(patientId)
  return {
    ...{ resourceType: 'Patient', id, identifier: [...identifier] },
    name: [{ use: 'usual', family, given: [given] }],
    birthDate: `${birthDate.slice(0, 4)}-${birthDate.slice(4, 6)}-${birthDate.slice(6)}`,
  }
}

const identified = (value: string, family: string): Pick<Patient, 'identifier' | 'name'> => ({
  identifier: [{ system, value }],
  name: [{ use: 'usual', family, given: ['Ana'] }],
})

/** Study 1 as a radiology information system made it, before there were images. */
const study = (subject: Reference, more: Partial<ImagingStudy> = {}): ImagingStudy => ({
  ...{ resourceType: 'ImagingStudy', id: 'ris', status: 'registered', subject, ...more },
  identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2.1' }],
})

const subjectOf = (store: FhirStore, uid: string): string | undefined =>
  store.all('ImagingStudy').find(({ identifier = [] }) => identifier.some(({ value }) => value === `urn:oid:${uid}`))
    ?.subject.reference

const five = [1, 2, 3, 4, 5]

for (const [how, named] of [
  ['identifier', study({ identifier: { system, value: 'RIGHT' } })],
  ['reference', study({ reference: 'Patient/right' })],
] as const) {
  pinned(
    `W1: a study whose subject is named by ${how} takes that person's images, and not the stray that came first`,
    {
      fhir: [patient('right', 'RIGHT'), named],
      then: [[create(1, 1, 'WRONG')], [create(1, 2, 'RIGHT')], [create(1, 3, 'RIGHT')]],
      cuts: 'from the quiet feed',
    },
    ending({ '1': 'RIGHT: 2 3' }, { rows: ['1 1 PatientMismatch'] }),
    (store) => expect(subjectOf(store, '1.2.1')).toBe('Patient/right'),
  )
}

const ambiguous = ending({ '2': 'P2: 1' }, { rows: ['1 1 PatientAmbiguous'] })
const strangers = (existing: string, named: string, flavour: NonNullable<Story['flavour']>): Story => ({
  ...{ fhir: [patient('stranger', existing)], flavour },
  then: [[create(1, 1, named)], [create(2, 1, 'P2')]],
})

pinned(
  'W2: a server that takes an escaped separator for one gives nobody another person’s study',
  strangers('0012', '0012|3', { keepsEscapes: true }),
  ambiguous,
)

pinned(
  'W3: a server to which ß is ss gives nobody another person’s study',
  strangers('strasse-1', 'straße-1', { folds: (value) => value.replaceAll('ß', 'ss') }),
  ambiguous,
)

pinned(
  'W3: nor does one that knows no case',
  strangers('ab-1', 'AB-1', { folds: (value) => value.toLowerCase() }),
  ambiguous,
)

const foldsCase: NonNullable<Story['flavour']> = { folds: (value) => value.toLowerCase() }

pinned(
  'W3c: a server that knows no case never hangs a new person’s study on another whom the same rows name, not even for a moment',
  {
    fhir: [patient('stranger', 'ab-1')],
    flavour: foldsCase,
    then: [[create(1, 1, 'ab-1'), create(2, 1, 'AB-1')]],
  },
  ending({ '1': 'ab-1: 1' }, { rows: ['2 1 PatientAmbiguous'] }),
)

pinned(
  'W3c: nor when both are new',
  { flavour: foldsCase, then: [[create(1, 1, 'ab-1'), create(2, 1, 'AB-1')]] },
  ending({ '1': 'ab-1: 1' }, { rows: ['2 1 PatientAmbiguous'] }),
)

const [yamada, tanaka] = ['山田太郎', '田中花子']
const twoNames = (first: boolean, second: boolean): End =>
  ending(
    { ...(first ? { '1': `${yamada}: 1` } : {}), ...(second ? { '2': `${tanaka}: 1` } : {}) },
    {
      rows: [...(first ? [] : ['1 1 PatientAmbiguous']), ...(second ? [] : ['2 1 PatientAmbiguous'])],
    },
  )
pinned(
  'W3b: two new people whose names are one to the server’s index are two, or ambiguous, and never one',
  {
    flavour: { folds: (value) => value.replace(/[^ -~]+/g, '?') },
    then: [[create(1, 1, yamada)], [create(2, 1, tanaka)]],
  },
  [twoNames(true, true), twoNames(true, false), twoNames(false, true), twoNames(false, false)],
)

pinned(
  'W4: a bulk correction followed by a straggler under the old PatientID: the study is the new person’s',
  {
    before: [five.map((number) => create(1, number, 'P1'))],
    then: [five.map((number) => update(1, number, 'P2')), [create(1, 6, 'P1')]],
  },
  ending({ '1': 'P2: 1 2 3 4 5' }, { rows: ['1 6 PatientMismatch'] }),
)

pinned(
  'W4c: a bulk update of a description alone does not hand the study to a stray, whose row comes first',
  {
    before: [five.map((number) => create(1, number, 'P1')), [create(1, 6, 'P9')]],
    then: [
      [
        update(1, 6, 'P9', { description: 'two' }),
        ...five.map((number) => update(1, number, 'P1', { description: 'two' })),
      ],
    ],
  },
  ending({ '1': 'P1: 1 2 3 4 5' }, { rows: ['1 6 PatientMismatch'] }),
)

pinned(
  'W4b: an image that is deleted and comes again for somebody else is not in the old person’s study',
  {
    before: [[1, 2, 3].map((number) => create(1, number, 'P1'))],
    then: [[remove(1, 1)], [create(1, 1, 'P9')]],
  },
  ending({ '1': 'P1: 2 3' }, { rows: ['1 1 PatientMismatch'] }),
)

pinned(
  'W5: the deletion of a misfiled image that came first brings in the others',
  {
    then: [[create(1, 1, 'P9')], ...[2, 3, 4, 5].map((number) => [create(1, number, 'P1')]), [remove(1, 1)]],
  },
  ending({ '1': 'P1: 2 3 4 5' }),
)

pinned(
  'W5: and so does its correction',
  {
    then: [[create(1, 1, 'P9')], ...[2, 3].map((number) => [create(1, number, 'P1')]), [update(1, 1, 'P1')]],
  },
  ending({ '1': 'P1: 1 2 3' }),
)

pinned(
  'a study of which nothing can be read, and one image stands recorded, does not keep the deletion of another waiting',
  {
    before: [[create(1, 1, 'P9'), create(1, 2, 'P1')], [create(2, 1, 'P2')]],
    then: [[remove(1, 1), { ...update(1, 2, 'P1'), poison: true }], [create(3, 1, 'P3')]],
  },
  ending({ '2': 'P2: 1', '3': 'P3: 1' }, { rows: ['1 2 EntryMalformed'] }),
)

const named = (store: FhirStore, id: string): string | undefined =>
  store.all('Patient').find(({ identifier = [] }) => identifier.some(({ value }) => value === id))?.name?.[0]?.family
const mistyped = update(1, 1, 'P1', { patientId: 'P2' })
const known = { before: [[create(1, 1, 'P1')], [create(2, 1, 'P2')]] }

pinned(
  'W6: a bulk update to the PatientID of another known person leaves that person as it was, and the study nobody’s',
  { ...known, then: [[mistyped]] },
  ending({ '2': 'P2: 1' }, { rows: ['1 1 DemographicsConflict'] }),
  (store) => expect([named(store, 'P1'), named(store, 'P2')]).toEqual(['Family P1', 'Family P2']),
)

pinned(
  'W6: with the demographics of that person it is theirs',
  { ...known, then: [[mistyped], [update(1, 1, 'P2')]] },
  ending({ '1': 'P2: 1', '2': 'P2: 1' }),
)

for (const [order, then] of [
  ['before', [[mistyped], [create(1, 2, 'P2')]]],
  ['after', [[create(1, 2, 'P2')], [mistyped]]],
] as const) {
  pinned(
    `W6: an image of that person, stored ${order} it, does not bring in the one that was mistyped`,
    { ...known, then },
    ending({ '1': 'P2: 2', '2': 'P2: 1' }, { rows: ['1 1 DemographicsConflict'] }),
  )
}

const [mother, stranger] = [
  { family: 'Rivera', given: 'Ana', birthDate: '19900101', sex: 'F' },
  { family: 'Stone', given: 'Bob', birthDate: '', sex: 'M' },
]
const conflict = ending({ '1': 'P1: 1' }, { rows: ['2 1 DemographicsConflict'] })

pinned(
  'W7: a Patient without a birth date is not somebody of another family and sex',
  {
    fhir: [{ ...{ resourceType: 'Patient', id: 'known', gender: 'female' }, ...identified('P1', 'Rivera') }],
    then: [[create(1, 1, 'P1', { ...mother, birthDate: '19900101' })], [create(2, 1, 'P1', stranger)]],
  },
  conflict,
)

pinned(
  'W7b: a PatientID that is used again is not one person, though neither birth date is known',
  { then: [[create(1, 1, 'P1', { ...mother, birthDate: '' })], [create(2, 1, 'P1', stranger)]] },
  conflict,
)

pinned(
  'W7c: a newborn is not her mother, under whose PatientID she is imaged',
  { then: [[create(1, 1, 'P1', mother)], [create(2, 1, 'P1', { ...mother, given: 'Eva', birthDate: '20260105' })]] },
  conflict,
)

pinned(
  'W7d: an alias with a placeholder for a birth date is the person who is named later',
  {
    then: [
      [create(1, 1, 'P1', { family: 'Trauma', given: 'Alpha', birthDate: '19000101', sex: 'M' })],
      [create(2, 1, 'P1', { family: 'Stone', given: 'Bob', birthDate: '19710203', sex: 'M' })],
    ],
  },
  ending({ '1': 'P1: 1', '2': 'P1: 1' }),
  (store) => expect([named(store, 'P1'), store.all('Patient')[0]?.birthDate]).toEqual(['Stone', '1971-02-03']),
)

pinned(
  'W7e: a duplicate that was merged leads to the survivor, whose values stay',
  {
    fhir: [
      { ...identified('P9', 'Stone'), resourceType: 'Patient', id: 'survivor', birthDate: '1971-02-03' },
      {
        ...{ ...identified('P1', 'Maiden'), resourceType: 'Patient', id: 'duplicate', birthDate: '1971-03-02' },
        ...{ active: false, link: [{ type: 'replaced-by', other: { reference: 'Patient/survivor' } }] },
      },
    ],
    then: [[create(1, 1, 'P1', mother)]],
  },
  ending({ '1': 'P9: 1' }),
  (store) => expect(named(store, 'P9')).toBe('Stone'),
)

pinned(
  'W12: an identifier that is over matches only when no current one does',
  {
    fhir: [
      patient('old', 'B', [
        { use: 'old', system, value: 'A' },
        { use: 'official', system, value: 'B' },
      ]),
      patient('current', 'A'),
    ],
    then: [[create(1, 1, 'A')]],
  },
  ending({ '1': 'A: 1' }),
  (store) => expect(subjectOf(store, '1.2.1')).toBe('Patient/current'),
)

const elsewhere = 'https://ehr.example.org/fhir/Patient/9'
pinned(
  'W13: a study whose subject is on another server takes the images of one person, and keeps its subject',
  {
    fhir: [study({ reference: elsewhere })],
    then: [[create(1, 1, 'RIGHT')], [create(1, 2, 'WRONG')], [create(1, 3, 'RIGHT')]],
  },
  ending({ '1': `${elsewhere}: 1 3` }, { rows: ['1 2 PatientMismatch'] }),
)

const described = { description: 'two' }
for (const [order, rows] of [
  ['before', [update(1, 1, 'RIGHT', described), update(1, 2, 'WRONG', described)]],
  ['behind', [update(1, 2, 'WRONG', described), update(1, 1, 'RIGHT', described)]],
] as const) {
  pinned(
    `W13: the only image in it stays when it is told once more, ${order} the one that was refused`,
    {
      fhir: [study({ reference: elsewhere })],
      before: [[create(1, 1, 'RIGHT')], [create(1, 2, 'WRONG')]],
      then: [rows],
      cuts: 'from the quiet feed',
    },
    ending({ '1': `${elsewhere}: 1` }, { rows: ['1 2 PatientMismatch'] }),
  )
}

pinned(
  'W14: a study whose contained Patient is somebody else is read whole before anything is believed',
  {
    fhir: [patient('right', 'RIGHT'), study({ reference: '#patient' }, { contained: [patient('patient', 'RIGHT')] })],
    then: [[create(1, 1, 'WRONG')], [create(1, 2, 'RIGHT')]],
    cuts: 'from the quiet feed',
  },
  ending({ '1': 'RIGHT: 2' }, { rows: ['1 1 PatientMismatch'] }),
)

pinned(
  'W15: a study of somebody whom the hospital knows by other identifiers keeps its subject',
  {
    fhir: [patient('ehr', 'P1', [{ system: 'urn:ehr', value: '77' }]), study({ reference: 'Patient/ehr' })],
    then: [[create(1, 1, 'P1')], [create(1, 2, 'P1')]],
  },
  ending({ '1': '77: 1 2' }),
  (store) => expect(subjectOf(store, '1.2.1')).toBe('Patient/ehr'),
)

pinned(
  'W16: images that move to an issuer nobody knows are in nobody’s record',
  {
    patient: { isIssuerIdUsed: true },
    before: [[create(1, 1, 'P1'), create(1, 2, 'P1')]],
    then: [[update(1, 1, 'P1', { issuer: 'HOSPX' }), update(1, 2, 'P1', { issuer: 'HOSPX' })]],
  },
  ending({}, { rows: ['1 1 IssuerUnknown', '1 2 IssuerUnknown'] }),
)

pinned(
  'W16: a PatientID without an issuer and the same one of an issuer are two people, whoever comes first',
  {
    patient: { systemId: undefined, isIssuerIdUsed: true, issuerSystems: { HOSP: 'urn:oid:1.2.3.5' } },
    then: [
      [create(1, 1, 'P1')],
      [create(2, 1, 'P1', { issuer: 'HOSP' })],
      [create(3, 1, 'P2', { issuer: 'HOSP' })],
      [create(4, 1, 'P2')],
    ],
  },
  ending({ '1': 'P1: 1', '2': 'P1: 1', '3': 'P2: 1', '4': 'P2: 1' }),
  (store) => expect(store.all('Patient')).toHaveLength(4),
)

pinned(
  'W16: nor are those that move to nobody',
  {
    before: [[create(1, 1, 'P1'), create(1, 2, 'P1')]],
    then: [[update(1, 1, 'P1', { patientId: '' }), update(1, 2, 'P1', { patientId: '' })]],
  },
  ending({}, { rows: ['1 1 TagsRejected', '1 2 TagsRejected'] }),
)

let subject: string | undefined
pinned(
  'W17: a second Patient with the same identifier does not stop the study of the first',
  {
    before: [[create(1, 1, 'P1')]],
    meanwhile: (store) => {
      subject = subjectOf(store, '1.2.1')
      return [patient('duplicate', 'P1')]
    },
    then: [[create(1, 2, 'P1')]],
  },
  ending({ '1': 'P1: 1 2' }),
  (store) => expect(subjectOf(store, '1.2.1')).toBe(subject),
)

const ofOurs = create(28, 1, 'P1', { given: 'Ann' })
const ofTheirs = create(1, 1, 'P1', { given: 'Bo' })
for (const [which, then] of [
  ['before', [[ofTheirs], [ofOurs]]],
  ['after', [[ofOurs], [ofTheirs]]],
] as const) {
  pinned(
    `V3: the images of a study that others made fill a Patient's values, and replace none, cast ${which} the older study that is ours`,
    { fhir: [study({ display: 'somebody' })], then },
    ending({ '1': 'P1: 1', '28': 'P1: 1' }),
    (store) => expect(store.all('Patient')).toMatchObject([{ name: [{ given: ['Ann'] }] }]),
  )
}

const moved = update(5, 1, 'P1', { uid: '1.2.1.1.1', description: 'one' })
pinned(
  'images that get other UIDs wait until they are gone from where they were, and newer rows of their study wait with them',
  {
    before: [[create(1, 1, 'P1', { description: 'one' })]],
    then: [[moved, update(5, 2, 'P1', { description: 'two' }), vanish(1, 1)]],
  },
  ending({ '5': 'P1: 1.2.1.1.1 2' }),
  (store) => expect(store.all('ImagingStudy')).toMatchObject([{ description: 'two' }]),
)

for (const [what, others] of [
  ['one of the others', [2, 3]],
  ['the only other image', [2]],
] as const) {
  pinned(
    `an image that got other UIDs is gone from where it was, also when ${what} cannot be read there`,
    {
      before: [[1, ...others].map((number) => create(1, number, 'P1'))],
      then: [
        [{ ...update(1, 2, 'P1'), poison: true }],
        [update(5, 1, 'P1', { uid: '1.2.1.1.1' }), vanish(1, 1)],
        [create(7, 1, 'P7')],
      ],
      cuts: 'from the quiet feed',
    },
    ending({ '1': `P1: ${others.join(' ')}`, '5': 'P1: 1.2.1.1.1', '7': 'P7: 1' }, { rows: ['1 2 EntryMalformed'] }),
  )
}

const place = { uid: '1.2.1.1.1' }
pinned(
  'an image that got other UIDs, was deleted under them and stored again, is gone from where it was first',
  {
    before: [[create(1, 1, 'P1')]],
    then: [[update(5, 1, 'P1', place), vanish(1, 1)], [remove(5, 1, place)], [create(5, 1, 'P1', place)]],
  },
  ending({ '5': 'P1: 1.2.1.1.1' }),
)

// The Patient of another system, whose values that system corrects: no row of the feed tells it.
const registered = (id: string, family: string, birthDate: string): Patient => ({
  ...{
    resourceType: 'Patient',
    id,
    identifier: [{ system, value: 'P1' }],
    name: [{ family, given: ['Ann'] }],
    birthDate,
  },
})
const [asTold, corrected] = [registered('ehr', 'Meier', '1950-01-01'), registered('ehr', 'Schmidt', '1950-02-01')]
const former = { family: 'Meier', birthDate: '19500101' }
const formerImages = [create(1, 1, 'P1', former), create(1, 2, 'P1', former), create(1, 3, 'P1', former)]

pinned(
  'images that stand in the study of their own Patient stay there when he was corrected and others come in',
  {
    fhir: [asTold],
    before: [formerImages, [create(1, 5, 'P9')]],
    changesFhir: true,
    meanwhile: () => [corrected],
    then: [[remove(1, 3), update(1, 5, 'P1', { family: 'Schmidt', birthDate: '19500201' })]],
    cuts: 'from the quiet feed',
  },
  ending({ '1': 'P1: 1 2 5' }),
)

pinned(
  'a study does not move to a Patient whom its images do not fit: no row would tell that they went',
  {
    fhir: [asTold],
    before: [formerImages],
    changesFhir: true,
    meanwhile: (store) => {
      store.remove('Patient/ehr')
      return [registered('ehr2', 'Schmidt', '1950-02-01')]
    },
    then: [[create(1, 5, 'P1', { family: 'Schmidt', birthDate: '19500201' })]],
    cuts: 'from the quiet feed',
  },
  ending({ '1': 'Patient/ehr: 1 2 3' }, { rows: ['1 5 PatientMismatch'] }),
)

// Three studies, each with an image that is at odds with the first one, which then gets other UIDs: no row tells that.
pinned(
  'an image at which FHIR always fails keeps none of another study out, when what they were at odds with is gone',
  {
    verdictOn: (bundle) => (JSON.stringify(bundle).includes('"1.2.1.1.2"') ? 'unavailable' : 'fine'),
    before: [
      [create(1, 1, 'P1'), create(2, 1, 'P1'), create(3, 1, 'P1')],
      [create(1, 2, 'P2'), create(2, 2, 'P2'), create(3, 2, 'P2')],
    ],
    then: [
      [1, 2, 3].flatMap((number) => [update(number + 50, 1, 'P1', { uid: `1.2.${number}.1.1` }), vanish(number, 1)]),
      [create(7, 1, 'P1')],
    ],
    cuts: 'from the quiet feed',
  },
  ending(
    { '2': 'P2: 2', '3': 'P2: 2', '7': 'P1: 1', '51': 'P1: 1.2.1.1.1', '52': 'P1: 1.2.2.1.1', '53': 'P1: 1.2.3.1.1' },
    { rows: ['1 2 PatientMismatch'] },
  ),
)

pinned(
  'a study that somebody deleted in FHIR is not given to the stray of it',
  {
    before: [[create(1, 1, 'P1'), create(1, 2, 'P1')], [create(1, 4, 'P2')]],
    changesFhir: true,
    meanwhile: (store) => {
      for (const { id } of store.all('ImagingStudy')) store.remove(`ImagingStudy/${id}`)
      return []
    },
    then: [[create(7, 1, 'P1')]],
    cuts: 'from the quiet feed',
  },
  ending({ '7': 'P1: 1' }, { rows: ['1 4 PatientMismatch'] }),
)

const emptied = (study: ImagingStudy): ImagingStudy => {
  const { series: _series, ...rest } = study
  return { ...rest, status: 'cancelled', numberOfSeries: 0, numberOfInstances: 0 }
}
pinned(
  'a newer study that stands emptied, since FHIR refuses its deletion, keeps no older one from telling what its Patient is called',
  {
    flavour: { refusesToDelete: (path) => path.startsWith('ImagingStudy/'), staleStatus: 409 },
    before: [[create(1, 1, 'P1')], [create(2, 1, 'P1')]],
    changesFhir: true,
    meanwhile: (store) =>
      store
        .all('ImagingStudy')
        .flatMap((each) => (each.identifier?.[0]?.value === 'urn:oid:1.2.2' ? [emptied(each)] : [])),
    then: [[remove(2, 1)], [create(1, 2, 'P1', { given: 'Bo' })]],
  },
  ending({ '1': 'P1: 1 2' }),
  (store) => expect(store.all('Patient').map(({ name }) => name?.[0]?.given)).toEqual([['Bo']]),
)

pinned(
  'a study that becomes a person’s when a note withdraws the stray that came first has the say on what he is called, if it is the newest',
  {
    then: [
      [create(5, 1, 'P1')],
      [create(5, 2, 'P2', { given: 'Bo' })],
      [create(3, 1, 'P2')],
      [create(3, 9, 'P2', { series: 2, ...rejecting('113037', [5, 1]) })],
    ],
  },
  ending({ '3': 'P2: 1', '5': 'P2: 2' }, { rows: ['5 1 Rejected'] }),
  (store) => expect(store.all('Patient').map(({ name }) => name?.[0]?.given)).toContainEqual(['Bo']),
)
