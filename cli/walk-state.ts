import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as t from 'io-ts'
import { partition, uid, whole } from '../lib/requests/codecs'

const number = whole(0, Number.MAX_SAFE_INTEGER)

const WalkTally = t.intersection([
  t.type({ compared: number, differing: number, repaired: number, notCast: t.record(t.string, number) }),
  // A position of the version before has none of them.
  t.partial({
    notComparable: number,
    known: number,
    gone: t.readonlyArray(t.type({ partition, studyInstanceUid: uid })),
  }),
])

/** What a walk has found so far. */
export type WalkTally = t.TypeOf<typeof WalkTally>

const WalkState = t.type({
  scope: t.union([
    t.type({ _tag: t.literal('All') }),
    t.type({ _tag: t.literal('Since'), time: t.number }),
    t.type({ _tag: t.literal('Sample'), size: number }),
  ]),
  position: t.intersection([
    t.type({ partition: t.string, done: number }),
    t.partial({ lately: t.readonlyArray(uid), chosen: t.readonlyArray(t.type({ partition, studyInstanceUid: uid })) }),
  ]),
  /** Studies, with those that neither service has any more. */
  looked: number,
  tally: WalkTally,
})

/** Where a walk over many studies stands: as it is kept in a file. */
export type WalkState = t.TypeOf<typeof WalkState>

export const parseWalkState = (text: string): WalkState | undefined =>
  pipe(
    E.tryCatch(
      () => JSON.parse(text) as unknown,
      () => undefined,
    ),
    E.flatMap(WalkState.decode),
    E.match(
      () => undefined,
      (state) => state,
    ),
  )
