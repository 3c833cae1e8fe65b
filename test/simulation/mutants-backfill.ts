import type { FaultKind } from './faults'
import type { Mutant } from './mutants'

const advance = 'lib/app/backfill/advance.ts'
const backfill = 'lib/domain/backfill/backfill.ts'

const feed: ReadonlyArray<FaultKind> = ['operator: backfills', 'feed: delete', 'feed: move', 'feed: bulk update']
const queue: ReadonlyArray<FaultKind> = ['queue: message twice', 'queue: message late', 'run: pause']

/** The rules of a backfill (docs/adr/0007). */
export const backfillMutants: ReadonlyArray<Mutant> = [
  {
    name: 'backfill: the archive is listed at once',
    edits: [{ file: advance, from: 'return served.right < visibleFrom', to: 'return served.right < 0' }],
    under: ['operator: backfills', 'feed: late row', 'feed: rolled-back identity'],
  },
  {
    name: 'backfill: a host’s clock tells how long it waits',
    edits: [
      {
        file: advance,
        from: 'return served.right < visibleFrom',
        to: 'return listing.ports.clock.now() < listFrom',
      },
    ],
    under: ['operator: backfills', 'feed: late row', 'host: its clock is off', 'run: overlap'],
  },
  {
    name: 'backfill: the checkpoint goes to the head with a partition left out',
    edits: [{ file: backfill, from: '  scope.partitions === undefined &&\n', to: '' }],
    under: [...feed, 'feed: partition twins'],
  },
  {
    name: 'backfill: the checkpoint goes to the head without a walk over FHIR',
    edits: [
      { file: backfill, from: 'backfill.isFresh || backfill.isWalked === true', to: 'backfill.listed.studies >= 0' },
    ],
    under: [...feed, 'run: crash'],
  },
  {
    name: 'backfill: whether FHIR was empty is judged before the position has moved',
    edits: [
      {
        file: advance,
        from: 'const isFresh = stored.isFresh ? await holdsNoEndpoint(run) : E.right(false)',
        to: 'const isFresh: E.Either<ServiceError, boolean> = E.right(stored.isFresh)',
      },
    ],
    under: [...feed, ...queue],
  },
  {
    name: 'backfill: the gate is read before the position',
    edits: [
      {
        file: 'lib/app/cast/fhir-session.ts',
        from: '  position.gate = undefined\n  // Between',
        to: '  position.gate = position.fence.mayWrite()\n  // Between',
      },
    ],
    under: [...feed, 'run: pause', 'run: overlap'],
  },
  {
    name: 'backfill: an image that stands under its new UIDs is asked for nowhere else',
    edits: [
      {
        file: 'lib/domain/batch/fold-elsewhere.ts',
        from: '(!isOfUpdate(row) && holdsInstance(',
        to: '(holdsInstance(',
      },
    ],
    toldBy: 'backfill/backfill.test.ts',
  },
  {
    name: 'backfill: the checkpoint passes rows of a study that was not believed gone',
    edits: [{ file: backfill, from: ' && backfill.isLeftToFeed !== true', to: '' }],
    toldBy: 'backfill/backfill.test.ts',
  },
]
