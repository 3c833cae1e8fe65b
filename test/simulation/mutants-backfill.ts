import type { FaultKind } from './faults'
import type { Mutant } from './mutants'

const advance = 'lib/app/backfill/advance.ts'
const work = 'lib/app/backfill/work.ts'
const leaveOver = 'lib/app/backfill/leave-over.ts'
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
    name: 'backfill: pages of the list need not overlap',
    edits: [
      {
        file: 'lib/app/operate/study-pages.ts',
        from: 'before.size === 0 || studies.some((uid) => before.has(uid))',
        to: 'before.size >= 0 || studies.length > 0',
      },
    ],
    // Many studies, of which some are gone between two pages.
    under: [...feed, 'fhir: rejects everything'],
  },
  {
    name: 'backfill: what a worker writes carries no lane',
    edits: [{ file: work, from: 'openSession(run, true, fence)', to: 'openSession(run, false, fence)' }],
    under: [...feed, ...queue],
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
        from: `  const known = await knowVersion(position)
  if (E.isLeft(known) || position.passed) return known
  const open = await position.fence.mayWrite()
`,
        to: `  const early = await position.fence.mayWrite()
  const known = await knowVersion(position)
  if (E.isLeft(known) || position.passed) return known
  const open = early
`,
      },
    ],
    under: [...feed, 'run: pause', 'run: overlap'],
  },
  {
    name: 'backfill: what was left over is cast before the lanes are closed',
    edits: [{ file: advance, from: "{ ...stored, state: 'closing' }", to: "{ ...stored, state: 'leftOver' }" }],
    under: [...feed, ...queue, 'fhir: creates are no lock'],
  },
  {
    name: 'backfill: a study of another lane’s patient is cast in its lane',
    edits: [{ file: leaveOver, from: 'lane !== undefined && rows.some(', to: 'lane === -1 && rows.some(' }],
    under: [...feed, 'fhir: creates are no lock'],
  },
]
