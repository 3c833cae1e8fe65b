import { reportClass } from '../dose-report'
import { create, ending, pinned, rejecting, remove, report, update, vanish } from './told'

// Rejection notes of IHE IOCM (identity.md).

const [first, second] = [create(1, 1, 'P1'), create(1, 2, 'P1')]
const onSafety = rejecting('113037', [1, 1])
const note = create(1, 9, 'P1', { series: 2, ...onSafety })
const withdrawn = { rows: ['1 1 Rejected'] }

for (const [order, then] of [
  ['behind its images', [[first, second], [note]]],
  ['before its images', [[note], [first, second]]],
  ['between its images', [[second], [note], [first]]],
  ['together with its images', [[first, note, second]]],
] as const)
  pinned(`R1: a note ${order} leaves the one that it does not list`, { then }, ending({ '1': 'P1: 2' }, withdrawn))

pinned(
  'R1: a study of which a note lists everything is not in FHIR',
  { then: [[first], [note]] },
  ending({}, withdrawn),
)

pinned(
  'R1: a note in another study lists an image all the same',
  { then: [[first, second], [create(2, 9, 'P1', onSafety)]] },
  ending({ '1': 'P1: 2' }, withdrawn),
)

pinned(
  'R1: a note of another partition has no say',
  { then: [[first, second], [create(1, 9, 'P1', { series: 2, partition: 'research', ...onSafety })]] },
  ending({ '1': 'P1: 1 2' }, { rows: ['1 1 Rejected'] }),
)

pinned(
  'R1: what is corrected, or deleted and stored again, stays withdrawn',
  { then: [[first, second], [note], [update(1, 1, 'P1')], [remove(1, 1)], [first]] },
  ending({ '1': 'P1: 2' }, withdrawn),
)

pinned(
  'R1: a run that ends between an outdated correction and the one that outdates it forgets no note',
  { maxBatches: 1, then: [[first, second, note], [update(1, 1, 'P1')], [update(1, 1, 'P1'), update(1, 1, 'P1')]] },
  ending({ '1': 'P1: 2' }, withdrawn),
)

pinned(
  'R2: when the note is deleted, its images come back',
  { then: [[first, second], [note], [remove(1, 9, { series: 2 })]] },
  ending({ '1': 'P1: 1 2' }),
)

pinned(
  'R2: also into a study that was gone',
  { then: [[first], [note], [remove(1, 9, { series: 2 })]] },
  ending({ '1': 'P1: 1' }),
)

pinned(
  'R2: not while another note lists them',
  {
    then: [
      [first, second],
      [note, create(1, 8, 'P1', { series: 2, ...rejecting('113039', [1, 1]) })],
      [remove(1, 9, { series: 2 })],
    ],
  },
  ending({ '1': 'P1: 2' }, withdrawn),
)

pinned(
  'R2: what stays says which it is: the note that hides an image is deleted, and one for quality reasons is left',
  {
    then: [
      [first, second],
      [create(1, 8, 'P1', { series: 2, ...rejecting('113001', [1, 1]) })],
      [note],
      [remove(1, 9, { series: 2 })],
    ],
  },
  ending({ '1': 'P1: 1 2' }, withdrawn),
)

pinned(
  'R2: a note that is corrected withdraws what it lists now',
  {
    then: [[first, second], [note], [update(1, 9, 'P1', { series: 2, ...rejecting('113037', [1, 2]) })]],
  },
  ending({ '1': 'P1: 1' }, { rows: ['1 2 Rejected'] }),
)

const gone = remove(1, 9, { series: 2 })
for (const [what, image, rest] of [
  ['an image', create(1, 9, 'P1', { series: 2 }), ending({ '1': 'P1: 1 2 9' })],
  [
    'an image of nobody',
    create(1, 9, 'P1', { series: 2, patientId: '' }),
    ending({ '1': 'P1: 1 2' }, { rows: ['1 9 TagsRejected'] }),
  ],
] as const)
  pinned(
    `R2: when ${what} is stored in the place of the note, its images come back`,
    { then: [[first, second], [note], [gone, image]] },
    rest,
  )

const elsewhere = { series: 2, uid: '1.2.2.2.9' }
const inAnother = create(2, 9, 'P1', { ...elsewhere, ...onSafety })
const moved = [vanish(2, 9, elsewhere), update(3, 9, 'P1', { ...elsewhere, ...onSafety })]

pinned(
  'R2: a note that got another StudyInstanceUID is one note, and withdraws on',
  { then: [[first, second], [inAnother], moved] },
  ending({ '1': 'P1: 2' }, withdrawn),
)

pinned(
  'R2: and its images come back when it is deleted there',
  { then: [[first, second], [inAnother], moved, [remove(3, 9, elsewhere)]] },
  ending({ '1': 'P1: 1 2' }),
)

pinned(
  'R2: a note of the same SOPInstanceUID in another study is another note',
  {
    then: [[first, second], [inAnother, create(3, 9, 'P1', { ...elsewhere, ...onSafety })], [remove(3, 9, elsewhere)]],
  },
  ending({ '1': 'P1: 2' }, withdrawn),
)

const onQuality = create(1, 9, 'P1', { series: 2, ...rejecting('113001', [1, 1]) })
for (const [order, then] of [
  ['behind', [[first, second], [onQuality]]],
  ['before', [[onQuality], [first, second]]],
] as const)
  pinned(
    `R3: a note for quality reasons, ${order} its images, is recorded and hides nothing`,
    { then },
    ending({ '1': 'P1: 1 2' }, withdrawn),
  )

const stray = create(1, 3, 'P9')
const onStray = create(1, 9, 'P1', { series: 2, ...rejecting('113001', [1, 3]) })
for (const [order, then] of [
  ['behind', [[first, second], [stray], [onStray]]],
  ['before', [[onStray], [first, second], [stray]]],
] as const)
  pinned(
    `R3: a note for quality reasons, ${order} an image that cannot be stored, leaves the row that says why`,
    { then },
    ending({ '1': 'P1: 1 2' }, { rows: ['1 3 PatientMismatch'] }),
  )

pinned(
  'R3: and has its own row as soon as the image is stored',
  { then: [[first, second], [stray], [onStray], [update(1, 3, 'P1')]] },
  ending({ '1': 'P1: 1 2 3' }, { rows: ['1 3 Rejected'] }),
)

pinned(
  'R3: an image that has other UIDs by now has its row where the note says that it is',
  { then: [[first, second], [vanish(1, 1), update(2, 1, 'P1', { uid: '1.2.1.1.1' })], [onQuality]] },
  ending({ '1': 'P1: 2', '2': 'P1: 1.2.1.1.1' }, withdrawn),
)

pinned(
  'R1: what could not be read for a while is withdrawn all the same',
  { then: [[first, second], [note], [{ ...update(1, 1, 'P1'), poison: true }], [update(1, 1, 'P1')]] },
  ending({ '1': 'P1: 2' }, withdrawn),
)

const dose = create(1, 3, 'P1', { series: 3, ...report(100, ['1.7.1']) })
const standing = {
  summaries: { '1.2.1.3.3': { status: 'final', dlp: 100, members: ['1.7.1'] } },
  events: ['1.7.1'],
  withdrawn: [],
}

pinned(
  'R4: a note that lists an image leaves the dose of the study',
  { then: [[first, dose], [create(1, 9, 'P1', { series: 2, ...rejecting('113038', [1, 1]) })]] },
  ending({ '1': 'P1: 3' }, { ...withdrawn, doses: { '1': standing } }),
)

const listsTheReport = (code: string) =>
  create(1, 9, 'P1', { series: 2, ...rejecting(code, [1, 3, { series: 3, sopClass: reportClass }]) })

pinned(
  'R4: a note that lists the report itself withdraws its dose',
  { then: [[first, dose], [listsTheReport('113037')]] },
  ending({ '1': 'P1: 1' }, { rows: ['1 3 Rejected'] }),
)

pinned(
  'R4: not when only its time to be kept is over',
  { then: [[first, dose], [listsTheReport('113039')]] },
  ending({ '1': 'P1: 1 3' }, { rows: ['1 3 Rejected'], doses: { '1': standing } }),
)
