import { expect } from '@jest/globals'
import type { FhirResource, Observation } from 'fhir/r4'
import type { Doses } from '../doses'
import type { FhirStore } from '../fhir-store'
import { create, ending, pinned, remove, report, update, vanish } from './told'

type Summary = readonly [uid: string, status: string, dlp: number, members: ReadonlyArray<string>]

const doses = (events: ReadonlyArray<string>, ...summaries: ReadonlyArray<Summary>): Doses => ({
  summaries: Object.fromEntries(
    summaries.map(([uid, status, dlp, members]) => [uid, { status, dlp, members: [...members].sort() }]),
  ),
  events: [...events].sort(),
  withdrawn: [],
})

const observations = (store: FhirStore): ReadonlyArray<Observation> =>
  store.all('Observation') as ReadonlyArray<Observation>

const summaryId = (store: FhirStore): string =>
  observations(store).find(({ code }) => JSON.stringify(code).includes('73569-6'))?.id ?? ''

pinned(
  'D1: an event that two studies report is one of each, and goes with the study whose report goes',
  {
    then: [[create(1, 1, 'P1', report(100, ['1.7.1']))], [create(2, 1, 'P2', report(100, ['1.7.1']))], [remove(1, 1)]],
  },
  ending({ '2': 'P2: 1' }, { doses: { '2': doses(['1.7.1'], ['1.2.2.1.1', 'final', 100, ['1.7.1']]) } }),
)

pinned(
  'D1: and with an image beside it the study stays, and its dose goes',
  {
    then: [
      [create(1, 2, 'P1')],
      [create(1, 1, 'P1', report(100, ['1.7.1']))],
      [create(2, 1, 'P2', report(100, ['1.7.1']))],
      [remove(1, 1)],
    ],
  },
  ending({ '1': 'P1: 2', '2': 'P2: 1' }, { doses: { '2': doses(['1.7.1'], ['1.2.2.1.1', 'final', 100, ['1.7.1']]) } }),
)

const copied = { uid: '1.9.1' }
pinned(
  'D2: one SOPInstanceUID in the studies of two people is a summary of each',
  {
    then: [
      [create(1, 1, 'P1', { ...copied, ...report(100, ['1.7.1']) })],
      [create(2, 1, 'P2', { ...copied, ...report(250, ['1.7.1']) })],
    ],
  },
  ending(
    { '1': 'P1: 1.9.1', '2': 'P2: 1.9.1' },
    {
      doses: {
        '1': doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]),
        '2': doses(['1.7.1'], ['1.9.1', 'final', 250, ['1.7.1']]),
      },
    },
  ),
)

pinned(
  'D2: and the deletion of one touches only its own',
  {
    then: [
      [create(1, 1, 'P1', { ...copied, ...report(100, ['1.7.1']) })],
      [create(2, 1, 'P2', { ...copied, ...report(250, ['1.7.1']) })],
      [remove(2, 1, copied)],
    ],
  },
  ending({ '1': 'P1: 1.9.1' }, { doses: { '1': doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]) } }),
)

pinned(
  'D3: a report that stands in two series of a study keeps its dose while one copy is there',
  {
    then: [
      [create(1, 1, 'P1', { ...copied, ...report(100, ['1.7.1']) })],
      [create(1, 1, 'P1', { ...copied, series: 2, ...report(100, ['1.7.1']) })],
      [remove(1, 1, copied)],
    ],
  },
  ending({ '1': 'P1: 1.9.1' }, { doses: { '1': doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]) } }),
)

pinned(
  'D3: and goes with the last one',
  {
    then: [
      [create(1, 2, 'P1')],
      [create(1, 1, 'P1', { ...copied, ...report(100, ['1.7.1']) })],
      [create(1, 1, 'P1', { ...copied, series: 2, ...report(100, ['1.7.1']) })],
      [remove(1, 1, copied)],
      [remove(1, 1, { ...copied, series: 2 })],
    ],
  },
  ending({ '1': 'P1: 2' }),
)

for (const [which, series] of [
  ['first', 1],
  ['second', 2],
] as const) {
  const [left, dlp, events] = series === 1 ? [2, 250, ['1.7.2', '1.7.3']] : [1, 100, ['1.7.1', '1.7.2']]
  pinned(
    `D3: what two copies of a report say otherwise is as the other one says when the ${which} is gone`,
    {
      then: [
        [create(1, 2, 'P1')],
        [create(1, 1, 'P1', { ...copied, ...report(100, ['1.7.1', '1.7.2']) })],
        [create(1, 1, 'P1', { ...copied, series: 2, ...report(250, ['1.7.2', '1.7.3'], { minute: 61 }) })],
        [remove(1, 1, { ...copied, series })],
      ],
    },
    ending({ '1': 'P1: 1.9.1 2' }, { doses: { '1': doses(events, ['1.9.1', 'final', dlp, events]) } }),
    (store) => expect(JSON.stringify(store.all('ImagingStudy'))).toContain(`"uid":"1.2.1.${left}"`),
  )
}

const other = 'research'
pinned(
  'D4: the same report in two partitions is a set of each',
  {
    then: [
      [create(1, 1, 'P1', { ...copied, ...report(100, ['1.7.1']) })],
      [create(1, 1, 'P2', { ...copied, partition: other, ...report(100, ['1.7.1']) })],
    ],
  },
  ending(
    { '1': 'P1: 1.9.1', [`${other}/1`]: 'P2: 1.9.1' },
    {
      doses: {
        '1': doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]),
        [`${other}/1`]: doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]),
      },
    },
  ),
)

pinned(
  'D4: and the deletion in one leaves the other',
  {
    then: [
      [create(1, 1, 'P1', { ...copied, ...report(100, ['1.7.1']) })],
      [create(1, 1, 'P2', { ...copied, partition: other, ...report(100, ['1.7.1']) })],
      [remove(1, 1, copied)],
    ],
  },
  ending(
    { [`${other}/1`]: 'P2: 1.9.1' },
    { doses: { [`${other}/1`]: doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]) } },
  ),
)

/** A report of another system that rests on our summary. */
const dependant = (store: FhirStore): ReadonlyArray<FhirResource> => [
  {
    resourceType: 'DiagnosticReport',
    id: 'theirs',
    status: 'final',
    code: { text: 'CT' },
    result: [{ reference: `Observation/${summaryId(store)}` }],
  },
]

pinned(
  'D5: a dose that another system refers to is withdrawn where the server will not delete it, and nothing waits for it',
  {
    flavour: { keepsReferred: true, staleStatus: 409 },
    before: [[create(1, 1, 'P1', report(100, ['1.7.1'])), create(1, 2, 'P1')]],
    meanwhile: dependant,
    then: [[remove(1, 1)], [create(2, 1, 'P2')]],
  },
  ending({ '1': 'P1: 2', '2': 'P2: 1' }, { doses: { '1': { summaries: {}, events: [], withdrawn: ['1.2.1.1.1'] } } }),
)

pinned(
  'D5: and its study is kept for it, without images',
  {
    flavour: { keepsReferred: true, staleStatus: 409 },
    before: [[create(1, 1, 'P1', report(100, ['1.7.1']))]],
    meanwhile: dependant,
    then: [[remove(1, 1)], [create(2, 1, 'P2')]],
  },
  ending({ '2': 'P2: 1' }, { doses: { '1': { summaries: {}, events: [], withdrawn: ['1.2.1.1.1'] } } }),
)

pinned(
  'D5: and so it is when its last image goes long after the report',
  {
    flavour: { refusesToDelete: (path) => path.startsWith('Observation/'), staleStatus: 409 },
    before: [[create(1, 1, 'P1', report(100, ['1.7.1'])), create(1, 2, 'P1')]],
    then: [[remove(1, 1)], [remove(1, 2)]],
  },
  ending({}, { doses: { '1': { summaries: {}, events: [], withdrawn: ['1.2.1.1.1', '1.7.1'] } } }),
)

pinned(
  'D5: and it is the new person’s when its study moves long after the report has gone',
  {
    flavour: { refusesToDelete: (path) => path.startsWith('Observation/'), staleStatus: 409 },
    before: [[create(1, 1, 'P1', report(100, ['1.7.1'])), create(1, 2, 'P1')]],
    then: [[remove(1, 1)], [update(1, 2, 'P2')]],
  },
  ending({ '1': 'P2: 2' }, { doses: { '1': { summaries: {}, events: [], withdrawn: ['1.2.1.1.1', '1.7.1'] } } }),
)

let before = ''
pinned(
  'D5b: it is final again, the same Observation, when the report is stored again',
  {
    flavour: { keepsReferred: true, staleStatus: 409 },
    before: [[create(1, 1, 'P1', report(100, ['1.7.1'])), create(1, 2, 'P1')]],
    meanwhile: (store) => {
      before = summaryId(store)
      return dependant(store)
    },
    then: [[remove(1, 1)], [create(1, 1, 'P1', report(100, ['1.7.1']))]],
  },
  ending({ '1': 'P1: 1 2' }, { doses: { '1': doses(['1.7.1'], ['1.2.1.1.1', 'final', 100, ['1.7.1']]) } }),
  (store) => expect(summaryId(store)).toBe(before),
)

const older = create(1, 1, 'P1', report(100, ['1.7.1'], { minute: 60 }))
const newer = create(1, 2, 'P1', report(250, ['1.7.1', '1.7.2'], { minute: 61 }))
for (const [order, first, second] of [
  ['in order', older, newer],
  ['the newer one first', newer, older],
] as const) {
  pinned(
    `D7: a report whose events a newer one has, too, is preliminary: ${order}`,
    { then: [[first], [second]] },
    ending(
      { '1': 'P1: 1 2' },
      {
        doses: {
          '1': doses(
            ['1.7.1', '1.7.2'],
            ['1.2.1.1.1', 'preliminary', 100, ['1.7.1']],
            ['1.2.1.1.2', 'final', 250, ['1.7.1', '1.7.2']],
          ),
        },
      },
    ),
  )
}

pinned(
  'D7: and as its flags say when the newer one goes',
  { then: [[older], [newer], [remove(1, 2)]] },
  ending({ '1': 'P1: 1' }, { doses: { '1': doses(['1.7.1'], ['1.2.1.1.1', 'final', 100, ['1.7.1']]) } }),
)

pinned(
  'D8: two reports of which each has an event of its own are both final',
  {
    then: [
      [create(1, 1, 'P1', report(100, ['1.7.1', '1.7.2'], { minute: 60 }))],
      [create(1, 2, 'P1', report(250, ['1.7.2', '1.7.3'], { minute: 61 }))],
    ],
  },
  ending(
    { '1': 'P1: 1 2' },
    {
      doses: {
        '1': doses(
          ['1.7.1', '1.7.2', '1.7.3'],
          ['1.2.1.1.1', 'final', 100, ['1.7.1', '1.7.2']],
          ['1.2.1.1.2', 'final', 250, ['1.7.2', '1.7.3']],
        ),
      },
    },
  ),
)

pinned(
  'D9: of cumulative reports only the last is final',
  {
    then: [
      [create(1, 1, 'P1', report(7.46, ['1.7.1'], { minute: 60 }))],
      [create(1, 2, 'P1', report(77.27, ['1.7.1', '1.7.2'], { minute: 61 }))],
      [create(1, 3, 'P1', report(236.09, ['1.7.1', '1.7.2', '1.7.3'], { minute: 62 }))],
    ],
  },
  ending(
    { '1': 'P1: 1 2 3' },
    {
      doses: {
        '1': doses(
          ['1.7.1', '1.7.2', '1.7.3'],
          ['1.2.1.1.1', 'preliminary', 7.46, ['1.7.1']],
          ['1.2.1.1.2', 'preliminary', 77.27, ['1.7.1', '1.7.2']],
          ['1.2.1.1.3', 'final', 236.09, ['1.7.1', '1.7.2', '1.7.3']],
        ),
      },
    },
  ),
)

pinned(
  'a study that moves takes its doses with it, and leaves those of another study with the same UIDs',
  {
    before: [
      [create(1, 1, 'P1', { ...copied, ...report(100, ['1.7.1']) })],
      [create(2, 1, 'P1', { ...copied, ...report(100, ['1.7.1']) })],
    ],
    then: [[{ ...create(2, 1, 'P2', { ...copied, ...report(100, ['1.7.1']) }), action: 'Update' }]],
  },
  ending(
    { '1': 'P1: 1.9.1', '2': 'P2: 1.9.1' },
    {
      doses: {
        '1': doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]),
        '2': doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]),
      },
    },
  ),
)

const [dose, image] = [{ uid: '1.9.1', ...report(100, ['1.7.1']) }, { uid: '1.9.2' }]
pinned(
  'a study whose instances get other UIDs without a row of deletion goes with its doses',
  {
    before: [[create(1, 1, 'P1', dose), create(1, 2, 'P1', image)]],
    then: [[update(2, 1, 'P1', dose), update(2, 2, 'P1', image), vanish(1, 1, copied), vanish(1, 2, image)]],
  },
  ending({ '2': 'P1: 1.9.1 1.9.2' }, { doses: { '2': doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]) } }),
)

pinned(
  'and a study that keeps other images loses the doses of the report that has left it',
  {
    before: [[create(1, 1, 'P1', dose), create(1, 2, 'P1', image)]],
    then: [[update(2, 1, 'P1', dose), vanish(1, 1, copied)]],
  },
  ending(
    { '1': 'P1: 1.9.2', '2': 'P1: 1.9.1' },
    { doses: { '2': doses(['1.7.1'], ['1.9.1', 'final', 100, ['1.7.1']]) } },
  ),
)

const [early, late] = [report(100, ['1.7.1', '1.7.2']), report(200, ['1.7.1', '1.7.3'], { minute: 61 })]
pinned(
  'D8: also when the newer one repeats the first event of the older one',
  { then: [[create(1, 1, 'P1', late)], [create(1, 2, 'P1', early)]] },
  ending(
    { '1': 'P1: 1 2' },
    {
      doses: {
        '1': doses(
          ['1.7.1', '1.7.2', '1.7.3'],
          ['1.2.1.1.1', 'final', 200, ['1.7.1', '1.7.3']],
          ['1.2.1.1.2', 'final', 100, ['1.7.1', '1.7.2']],
        ),
      },
    },
  ),
)

const summariesOf = (store: FhirStore): ReadonlyArray<Observation> =>
  observations(store).filter(({ code }) => JSON.stringify(code).includes('73569-6'))

pinned(
  'a summary that somebody made a member of another is none any more when its report goes',
  {
    before: [
      [create(1, 1, 'P1', report(100, ['1.7.1']))],
      [create(1, 2, 'P1', report(250, ['1.7.2'], { minute: 61 }))],
    ],
    changesFhir: true,
    meanwhile: (store) => {
      const [first, second] = summariesOf(store)
      const more = { reference: `Observation/${second?.id}` }
      return first === undefined ? [] : [{ ...first, hasMember: [...(first.hasMember ?? []), more] }]
    },
    then: [[remove(1, 2)]],
  },
  ending({ '1': 'P1: 1' }, { doses: { '1': doses(['1.7.1'], ['1.2.1.1.1', 'final', 100, ['1.7.1']]) } }),
)
