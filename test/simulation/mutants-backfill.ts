import type { FaultKind } from './faults'
import type { Mutant } from './mutants'

const advance = 'lib/app/backfill/advance.ts'
const backfill = 'lib/domain/backfill/backfill.ts'

const feed: ReadonlyArray<FaultKind> = ['operator: backfills', 'feed: delete', 'feed: move', 'feed: bulk update']
const castStudies = 'lib/app/backfill/cast-studies.ts'
const laneFence = 'lib/app/backfill/lane-fence.ts'
const work = 'lib/app/backfill/work.ts'
const session = 'lib/app/cast/fhir-session.ts'
const lanes = 'backfill/lanes.test.ts'
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
    name: 'backfill: a worker reads its lane behind FHIR and the archive',
    edits: [
      { file: work, from: 'E.isLeft(named) ? named : await session.beginPosition()', to: 'named' },
      {
        file: castStudies,
        from: 'const known = await caster.session.readPosition()',
        to: 'const known: E.Either<ServiceError, void> = E.right(undefined)',
      },
      {
        file: castStudies,
        from: '  const left = await leaveOver(caster, read)',
        to: `  const late = await caster.session.readPosition()
             if (E.isLeft(late)) return late
             const left = await leaveOver(caster, read)`,
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: a worker reads its lane right before it writes',
    edits: [
      {
        file: session,
        from: '  const own = position.isKept ?',
        to: `  const late = position.run.gateState === 'backfill' ? await position.fence.read() : E.left(undefined)
             if (E.isRight(late)) position.version = asIfMatch(late.right)
             const own = position.isKept ?`,
      },
      { file: laneFence, from: 'first ??= version', to: 'first = version' },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: a worker that comes behind the end of its lane writes',
    edits: [{ file: laneFence, from: 'if (!isOpen || id !== backfillId) return', to: 'if (false) return' }],
    toldBy: lanes,
  },
  {
    name: 'backfill: the lanes stay open at its end',
    edits: [
      {
        file: advance,
        from: '  const closed = await moveLanes(run, stored, false)',
        to: '  const closed = E.right(undefined)',
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: who closes a lane minds no answer to its If-Match',
    edits: [
      {
        file: laneFence,
        from: "if (sent._tag === 'Reread') last = sent.error",
        to: "if (sent._tag === 'Reread') return E.right(undefined)",
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: the lane does not move where nothing is to be written',
    edits: [
      { file: castStudies, from: '  if (rows === 0) {', to: '  if (false) {' },
      {
        file: 'lib/app/cast/cast-batch.ts',
        from: 'hasMoved: input.sparesPosition === true',
        to: "hasMoved: run.gateState === 'backfill' || input.sparesPosition === true",
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: a worker goes on in a lane that another one has moved',
    edits: [{ file: laneFence, from: 'version === first || writer === run.runId', to: 'writer !== undefined' }],
    toldBy: lanes,
  },
  {
    name: 'backfill: a transaction carries no lane',
    edits: [
      {
        file: work,
        from: 'const session = openSession(run, true, fence)',
        to: `const readLane = async () => E.map(() => undefined)(await fence.read())
             const session = { ...openSession(run, false, fence), readPosition: readLane }`,
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: a study enters two lanes',
    edits: [
      {
        file: 'lib/app/backfill/write-parts.ts',
        from: 'return E.isLeft(left) ? left : E.right(true)',
        to: 'return E.right(false)',
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: what is left over is cast while workers are at work',
    edits: [
      {
        file: advance,
        from: 'if (atWork.right > 0) return E.right(undefined)',
        to: `const some = await listing.ports.backfills.leftOver(stored.id, 1)()
             if (E.isRight(some) && some.right.length > 0) await castLeftOver(listing, stored)
             if (atWork.right > 0) return E.right(undefined)`,
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: a study of another lane’s patient is cast where it was listed',
    edits: [
      {
        file: 'lib/app/backfill/leave-over.ts',
        from: 'lane !== undefined && rows.some',
        to: 'rows === undefined && rows.some',
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: pages of the list need not overlap',
    edits: [
      {
        file: 'lib/app/operate/study-pages.ts',
        from: 'studies.some((uid) => before.has(uid))',
        to: 'studies.length > 0',
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: the checkpoint passes rows of a study that was not believed gone',
    edits: [{ file: backfill, from: ' && backfill.isLeftToFeed !== true', to: '' }],
    toldBy: 'backfill/backfill.test.ts',
  },
  {
    name: 'backfill: a study of another lane’s patient is handed to that lane',
    edits: [
      {
        file: 'lib/app/backfill/leave-over.ts',
        from: '  const all = [...foreign, ...noted]',
        to: `  for (const { key, study } of read.filter((each) => isForeign(each.study))) {
               const to = study.rows.find((row) => row._tag === 'Upsert')
               const lane = laneOf(to.identity.value, lanes)
               const part = { lane, part: 1, partition: key.partition, listed: { studies: 1, images: 1 } }
               const open = { studies: [key.studyInstanceUid], open: [0], isSettled: false, tries: 0, stalls: 0 }
               const counts = { studies: 0, images: 0, written: 0, notCast: 0, failed: 0, leftOver: 0 }
               await ports.backfills.writePart(backfillId, { ...part, ...open, touchedAt: 0, counts })()
               await ports.backfillQueue.send({ backfillId, lane, part: 1 })()
             }
             const all = noted`,
      },
    ],
    toldBy: lanes,
  },
  {
    name: 'backfill: a lane is sent what is listed, though a service asked it for less',
    edits: [{ file: 'lib/app/backfill/write-parts.ts', from: 'Math.min(pauseS, Math.max(0, leftS))', to: '0' }],
    toldBy: 'backfill/backfill.test.ts',
  },
  {
    name: 'backfill: a study is not believed gone when the archive forbids the first other one',
    edits: [
      {
        file: 'lib/app/operate/held-studies.ts',
        from: "if (E.isLeft(read) && read.left._tag !== 'AccessDenied') return read",
        to: 'if (E.isLeft(read)) return read',
      },
    ],
    toldBy: 'forbidden.test.ts',
  },
  {
    name: 'one study that the archive forbids ends the run of the feed',
    edits: [
      {
        file: 'lib/app/feed/isolate-rows.ts',
        from: "(error._tag === 'AccessDenied' && error.hop === 'dicom' && error.status === 403)",
        to: 'false',
      },
    ],
    toldBy: 'forbidden.test.ts',
  },
  {
    name: 'what a note says of an image that stands for another failure is not written beside that',
    edits: [
      {
        file: 'lib/app/run/settle-errors.ts',
        from: 'const annotated = annotations.length === 0',
        to: 'const annotated = annotations.length >= 0',
      },
    ],
    toldBy: 'forbidden.test.ts',
  },
]
