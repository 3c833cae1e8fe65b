import type { FaultKind } from './faults'
import { backfillMutants } from './mutants-backfill'
import { overlapMutants, wakeMutants } from './mutants-overlap'

interface Edit {
  /** Below the repository's root. */
  readonly file: string
  /** Stands there exactly once. */
  readonly from: string
  readonly to: string
}

/** A fault as somebody could make it in the product: the simulator must find it. */
export interface Mutant {
  readonly name: string
  readonly edits: ReadonlyArray<Edit>
  /** Kinds of trouble under which it shows; all, as a seed draws them, when none are named. */
  readonly under?: ReadonlyArray<FaultKind>
  /** The tests here that fail with it: histories make what it needs too seldom. */
  readonly toldBy?: string
}

const readFeed = 'lib/app/feed/read-feed.ts'
const readForward = 'lib/app/feed/read-forward.ts'
const probeHoles = 'lib/app/feed/probe-holes.ts'
const nextCheckpoint = 'lib/app/run/next-checkpoint.ts'
const isolateRows = 'lib/app/feed/isolate-rows.ts'
const runCast = 'lib/app/run/cast-batches.ts'
const storedCheckpoint = 'lib/app/run/stored-checkpoint.ts'
const delivery = 'lib/domain/batch/delivery.ts'
const session = 'lib/app/cast/fhir-session.ts'
const fence = 'lib/app/cast/fence.ts'
const besideNotes = 'lib/app/run/beside-notes.ts'
const settleErrors = 'lib/app/run/settle-errors.ts'
const planObservations = 'lib/domain/batch/plan-observations.ts'
const superseded = 'lib/domain/batch/superseded.ts'
const doseIdentity = 'lib/domain/mapping/dose/identity.ts'
const doseName = 'const name = JSON.stringify([feedIdOf(settings.dicom), partition, study, kind, uid])'
const foldRows = 'lib/domain/batch/fold-rows.ts'
const foldPatient = 'lib/domain/batch/fold-patient.ts'
const guard = 'lib/domain/batch/guard.ts'
const witnesses = 'lib/domain/batch/witnesses.ts'
const failIndex = 'lib/app/run/fail-index.ts'
const secondLook = 'lib/app/run/second-look.ts'
const mayVote = 'return everybody && !silent.has(text)'
const renameService = 'lib/app/operate/rename-service.ts'
const position = 'lib/domain/fhir/position.ts'
const heedNotes = 'lib/app/run/heed-notes.ts'
const rejected = 'lib/domain/batch/rejected.ts'
const rejectionNote = 'lib/domain/dicom/rejection-note.ts'
const readStudy = 'lib/app/cast/read-study.ts'
const notes = ['feed: rejection note', 'feed: note for quality', 'feed: note is corrected', 'feed: note goes'] as const

const originals = [
  ...(['original: its account', 'original: by issuers', 'original: was restarted'] as const),
  ...(['original: refused an entry', 'operator: finishes the take-over'] as const),
]

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: 'holes are not remembered',
    edits: [{ file: readFeed, from: 'if (oldTo < gap.to) holes.push(', to: 'if (false) holes.push(' }],
  },
  {
    name: 'holes are not probed',
    edits: [{ file: probeHoles, from: 'let to = hole.from - 1', to: 'let to = hole.to' }],
  },
  {
    name: 'a hole is given up after its first probe',
    edits: [{ file: probeHoles, from: 'askedAt - seenAt > run.settings.holeAgeMs', to: 'true' }],
  },
  {
    name: 'a host’s clock tells when a hole was seen',
    edits: [
      {
        file: readFeed,
        from: 'to: gap.to, seenAt })',
        to: 'to: gap.to, seenAt: run.ports.clock.now() })',
      },
    ],
  },
  {
    name: 'a checkpoint that moves forgets its holes',
    edits: [
      {
        file: nextCheckpoint,
        from: 'feed.holes.filter((hole) => hole.to < syncedSequence || hole.to < from.syncedSequence)',
        to: 'feed.holes.filter((hole) => syncedSequence === from.syncedSequence && hole.to < syncedSequence)',
      },
    ],
  },
  {
    name: 'a service without windows of time ends the run at a wide gap',
    edits: [
      {
        file: 'lib/app/feed/cross-gap.ts',
        from: 'if (E.isLeft(next) && !hasNoWindows(next.left))',
        to: 'if (E.isLeft(next))',
      },
    ],
  },
  {
    name: 'an empty page is the end of the feed',
    edits: [
      {
        file: readForward,
        from: 'const crossed = await crossGap(run, gap, pull.isEnough)',
        to: 'const crossed = E.right(head)',
      },
    ],
  },
  {
    name: 'a restored feed is read on',
    edits: [{ file: readForward, from: 'return same.right ? read', to: 'return true ? read' }],
  },
  {
    name: 'a row is blamed while all metadata is out',
    edits: [{ file: isolateRows, from: 'if (!(await othersAreRead())) return upToFirst()', to: '' }],
  },
  {
    name: 'the checkpoint is written whatever it was read as',
    edits: [
      {
        file: storedCheckpoint,
        from: 'const first = await run.ports.checkpoints.write(from, to)()',
        to: `const latest = await run.ports.checkpoints.read()()
             if (E.isRight(latest) && O.isSome(latest.right)) from = latest.right.value
             const first = await run.ports.checkpoints.write(from, to)()`,
      },
    ],
  },
  {
    name: 'the checkpoint advances before failures are recorded',
    edits: [
      {
        file: runCast,
        from: 'const errors = await settleErrors(',
        to: `const early = await writeCheckpoint(run, casting.stored, next)
             if (E.isRight(early)) casting.stored = early.right
             const errors = await settleErrors(`,
      },
    ],
  },
  {
    name: 'the checkpoint passes entries that are not settled',
    edits: [{ file: nextCheckpoint, from: 'const index = firstOpen < 0 ? ', to: 'const index = true ? ' }],
  },
  {
    name: 'a late row that was not settled is forgotten',
    edits: [{ file: nextCheckpoint, from: '    ...unsettledLate,\n', to: '' }],
  },
  {
    name: 'a second writer takes back what was recorded before',
    edits: [
      {
        file: settleErrors,
        from: '    all,\n',
        to: '    all: all.map(({ before: _before, ...row }) => row),\n',
      },
      {
        file: settleErrors,
        from: 'const ours = all.filter((row) => isOurs(row, noted))',
        to: 'const ours = all.filter((row) => isOurs(row, noted)).map(({ before: _before, ...row }) => row)',
      },
    ],
    under: ['run: overlap', 'run: pause', 'feed: stray', 'feed: misfiled first', 'feed: update to nobody'],
  },
  {
    name: 'rows are taken back though the checkpoint may be ours',
    edits: [{ file: storedCheckpoint, from: ' && afterFailure !== true', to: '' }],
    toldBy: 'unheard.test.ts',
  },
  {
    name: 'the position is left out of transactions',
    edits: [
      {
        file: 'lib/app/run/casting.ts',
        from: 'openSession(run, checked.right.offersBasic)',
        to: 'openSession(run, false)',
      },
    ],
  },
  {
    name: 'a position whose version nobody told is written whatever its version is',
    edits: [
      {
        file: session,
        from: 'if (position.isKept && position.version === undefined) {',
        to: 'if (position.isKept && process.pid < 0) {',
      },
      { file: session, from: '?? (await versionOfWritten(run, own))', to: '' },
    ],
    under: ['fhir: tells no version of what it wrote', 'feed: dose report', 'fhir: a second Patient'],
  },
  {
    name: 'a transaction does not wait for the checkpoint of the batch before',
    edits: [
      {
        file: session,
        from: 'const ready = await position.before',
        to: 'const ready = undefined as E.Either<ServiceError, void> | undefined',
      },
    ],
    under: ['tables: checkpoint fails', 'feed: bulk update'],
  },
  {
    name: 'the lease is not confirmed when the position was read',
    edits: [
      {
        file: fence,
        from: 'const held = await retrying(run, run.lease.confirm())',
        to: 'const held = E.right(undefined)',
      },
    ],
    under: ['lease: broken', 'run: overlap', 'feed: delete', 'fhir: 503', 'fhir: 429'],
  },
  {
    name: 'a run that lost its lease records failures, and leaves them',
    edits: [
      {
        file: settleErrors,
        from: 'if (E.isLeft(held)) return held\n  // What notes say',
        to: '// What notes say',
      },
      { file: runCast, from: 'if (isSurelyNotOurs(written.left)) await', to: 'if (false) await' },
    ],
    under: ['feed: stray', 'feed: move', 'feed: delete', 'fhir: rejects an instance', 'run: overlap', 'run: pause'],
  },
  {
    name: 'a lost answer counts as stored',
    edits: [
      {
        file: session,
        from: 'if (error.answerLost === true) {',
        to: `if (error.answerLost === true) return { _tag: 'Committed', found: new Set() }
             if (error.answerLost === true) {`,
      },
    ],
  },
  {
    name: 'what was found by a conditional create counts as written',
    edits: [{ file: session, from: 'if (status !== 201) found.add(entry)', to: 'if (false) found.add(entry)' }],
    under: ['fhir: created by another', 'fhir: creates are no lock', 'feed: move'],
  },
  {
    name: 'a refused If-Match counts as stored',
    edits: [
      {
        file: delivery,
        from: "const isRefused = sent.error._tag === 'FhirConflict' && sent.error.status === 409",
        to: `if (sent.error._tag === 'FhirConflict') {
               return bundleCommitted(state, lot, { ...round, bundles }, units, new Set())
             }
             const isRefused = false`,
      },
    ],
  },
  {
    name: 'entries are blamed without comparison',
    edits: [
      { file: delivery, from: `if (sent._tag !== 'Committed') return stopped(before, error)`, to: '' },
      { file: delivery, from: 'if (!isStored && !isOnePerson(failing)) return stopped(state, error)', to: '' },
    ],
    under: ['fhir: fails for one body', 'fhir: writes down', 'fhir: rejects an instance'],
  },
  {
    name: 'without Basic a position that was not written counts as written',
    edits: [
      {
        file: 'lib/app/cast/deliver.ts',
        from: 'return session.hasPosition ? E.right([]) : ourEndpoint(delivering)',
        to: 'return session.hasPosition ? E.right([]) : E.map(() => [])(await ourEndpoint(delivering))',
      },
    ],
    under: ['fhir: offers no Basic', 'fhir: writes down'],
  },
  {
    name: 'a rejected transaction is recorded whole',
    edits: [
      {
        file: delivery,
        from: 'const parts = inTwo(units)',
        to: 'return recorded(state, bySequence(rowsOf(units)), error, goOn)',
      },
    ],
  },
  {
    name: 'fail rows of entries that were stored are kept',
    edits: [{ file: failIndex, from: 'if (index.rows.size === 0) return []', to: 'return []' }],
  },
  {
    name: 'late rows overwrite newer values',
    edits: [{ file: 'lib/domain/mapping/merge-study.ts', from: `late ? 'fill' : 'follow'`, to: `'follow'` }],
    under: ['feed: late row', 'feed: bulk update'],
  },
  {
    name: 'a study moves to whomever a row names, without reading it whole',
    edits: [
      {
        file: foldRows,
        from: 'const said = saidOf(fold, study, row, patient)',
        to: `const said = 'Nobody' as ReturnType<typeof saidOf>`,
      },
    ],
  },
  {
    name: 'a row that only asks proves that its study was brought in step',
    edits: [
      {
        file: delivery,
        from: 'withSynced(next, input, plan, (study) => !plan.writes.has(study))',
        to: 'withSynced(next, input, plan, () => true)',
      },
    ],
    toldBy: 'known-histories.test.ts',
  },
  {
    name: 'the other images of a moved study are forgotten',
    edits: [{ file: foldRows, from: 'fold.syncedInstances.set(instanceKeyText(each.key), each.key)', to: '' }],
    under: ['feed: stray', 'feed: move', 'feed: delete', 'feed: late row', 'feed: bulk update'],
  },
  {
    name: 'a study of another partition is taken for ours',
    edits: [
      {
        file: 'lib/domain/batch/snapshot.ts',
        from: 'if (first !== undefined) return first',
        to: 'if (hits[0] !== undefined) return hits[0]',
      },
    ],
  },
  {
    name: 'what did not change is written again',
    edits: [
      {
        file: 'lib/domain/fhir/unchanged.ts',
        from: '  sameJson(substance(current), substance(next), alike)',
        to: '  false',
      },
    ],
  },
  {
    name: 'a dose is known by its UID alone',
    edits: [
      {
        file: doseIdentity,
        from: doseName,
        to: 'const name = JSON.stringify([feedIdOf(settings.dicom), kind, uid])',
      },
    ],
  },
  {
    name: 'a dose is known by its study, whatever the partition',
    edits: [
      {
        file: doseIdentity,
        from: doseName,
        to: 'const name = JSON.stringify([feedIdOf(settings.dicom), study, kind, uid])',
      },
    ],
    under: ['feed: dose report', 'feed: partition twins', 'feed: twin report'],
  },
  {
    name: 'doses stay with the person whom their study left',
    edits: [
      {
        file: 'lib/domain/batch/write-doses.ts',
        from: '...(isSubject ? { subject: existing.subject } : { subject: study.subject }),',
        to: 'subject: existing.subject ?? study.subject,',
      },
    ],
  },
  {
    name: 'an event goes though another report of its study lists it',
    edits: [{ file: planObservations, from: '(!listed.has(each.uid) && (isWhole', to: '((isWhole' }],
  },
  {
    name: 'events stay when their report goes',
    edits: [
      {
        file: planObservations,
        from: 'return [...goneSummaries, ...goneEvents].filter(',
        to: 'return [...goneSummaries].filter(',
      },
    ],
  },
  {
    name: 'a summary still lists the events that went',
    edits: [{ file: planObservations, from: 'return gone.has(id) ? [] : [each]', to: 'return [each]' }],
    toldBy: 'cases/doses.test.ts',
  },
  {
    name: 'a superseded report counts as well',
    edits: [
      {
        file: 'lib/domain/batch/live-reports.ts',
        from: "superseded.has(uid) ? 'preliminary' : facts?.status",
        to: 'facts?.status',
      },
    ],
  },
  {
    name: 'one event in common supersedes a report',
    edits: [{ file: superseded, from: '[...report.events].every(', to: '[...report.events].some(' }],
    toldBy: 'cases/doses.test.ts',
  },
  {
    name: 'of two reports the older one counts',
    edits: [{ file: superseded, from: 'isNewer(other, report) &&', to: 'isNewer(report, other) &&' }],
  },
  {
    name: 'a move of the checkpoint drops the holes',
    edits: [
      { file: 'lib/domain/checkpoint.ts', from: '    holes,\n    ...(heads', to: '    holes: [],\n    ...(heads' },
    ],
  },
  {
    name: 'a restored feed is told by the instance alone',
    edits: [
      {
        file: 'lib/app/feed/same-feed.ts',
        from: "sopInstanceUid === known.sopInstanceUid && isSameTime(known.timestamp ?? '', there.timestamp ?? '')",
        to: 'sopInstanceUid === known.sopInstanceUid',
      },
    ],
  },
  {
    name: 'a study that stands emptied has the say on its Patient',
    edits: [{ file: 'lib/app/cast/ages.ts', from: ' || study.numberOfInstances === 0', to: '' }],
    toldBy: 'cases/whose.test.ts',
  },
  {
    name: 'the study that is cast last has the say on its Patient',
    edits: [{ file: foldPatient, from: ': isOfNewest(fold, draft, row.key)', to: ': true' }],
  },
  {
    name: 'a late image has no say on a Patient whose its study was not until then',
    edits: [{ file: foldPatient, from: 'row.late && isHeldOf(fold, study, draft)', to: 'row.late' }],
    toldBy: 'cases/whose.test.ts',
  },
  {
    name: 'any later image of the batch that is stored has the say over an Update',
    edits: [{ file: foldPatient, from: '!later.some(({ key }) => isOfNewest(fold, draft, key))', to: 'false' }],
    toldBy: 'known-histories.test.ts',
  },
  {
    name: 'an Update that is written last has the say over a later image of the newest study',
    edits: [{ file: foldPatient, from: '!later.some(({ key }) => isOfNewest(fold, draft, key))', to: 'true' }],
    toldBy: 'known-histories.test.ts',
  },
  {
    name: 'a rebuild takes the word of the image that is listed last',
    edits: [
      {
        file: 'lib/domain/mapping/stated.ts',
        from: 'if (base === undefined || kept.size === 0) return change',
        to: 'return change',
      },
    ],
    under: ['operator: verifies and repairs', 'feed: bulk update'],
  },
  {
    name: 'an image of which the feed has told nothing yet votes',
    edits: [{ file: witnesses, from: mayVote, to: 'return true' }],
    under: ['feed: straggler', 'feed: stray', 'feed: move', 'feed: bulk update', 'feed: misfiled first'],
  },
  {
    name: 'only images of which this batch told something vote',
    edits: [{ file: witnesses, from: ' || holdsInstance(study.draft, each.key)) return true', to: ') return true' }],
    under: ['feed: stray', 'feed: bulk update', 'feed: misfiled first'],
  },
  {
    name: 'images that stand recorded as another person’s do not vote',
    edits: [{ file: witnesses, from: 'study.told.has(text) || mismatched.has(text)', to: 'study.told.has(text)' }],
    under: ['feed: misfiled first', 'feed: stray', 'feed: misfiled is set right'],
  },
  {
    name: 'the row of an image that came in with its study stays',
    edits: [
      {
        file: failIndex,
        from: '    latest.set(instanceKeyText(key), Infinity)\n    judged.add(instanceKeyText(key))\n',
        to: '',
      },
    ],
    under: ['feed: misfiled first', 'feed: misfiled is set right', 'feed: stray'],
  },
  {
    name: 'an image is recorded, and what an older row of it stored stays',
    edits: [
      {
        file: foldRows,
        from: ';(takeOut(fold, study, row.key) ? study.takenOut : study.recorded).push({ row, error })',
        to: 'study.recorded.push({ row, error })',
      },
    ],
    under: ['feed: stray', 'feed: re-create', 'feed: delete', 'feed: mistyped update', 'feed: move'],
  },
  {
    name: 'an image that names nobody any more stays where it was',
    edits: [
      {
        file: 'lib/domain/batch/judge.ts',
        from: "if (!isUnowned(error)) return { _tag: 'Recorded', row: row.left }",
        to: "if (error._tag !== 'EntryMalformed') return { _tag: 'Recorded', row: row.left }",
      },
    ],
    under: ['feed: update to nobody'],
  },
  {
    name: 'nobody asks whether an Update hangs a study on somebody else',
    edits: [{ file: guard, from: '(row.update && isHeld)) return false', to: 'row.update) return false' }],
    under: ['feed: mistyped update', 'feed: bulk update'],
  },
  {
    name: 'a Create under a known PatientID is that person’s, whatever else it says',
    edits: [{ file: guard, from: '!input.settings.patient.matchGuard || (row', to: '!row.update || (row' }],
    under: ['feed: mistyped update'],
  },
  {
    name: 'identifiers are compared without their case',
    edits: [
      {
        file: 'lib/domain/fhir/identifiers.ts',
        from: '(identifier.system || undefined) === system && identifier.value === value',
        to: '(identifier.system || undefined) === system && identifier.value?.toLowerCase() === value.toLowerCase()',
      },
      {
        file: 'lib/domain/batch/snapshot.ts',
        from: '(snapshot.patientsByValue.get(value) ?? []).flatMap((id) => snapshot.patients.get(id) ?? [])\n  const having',
        to: '[...snapshot.patients.values()]\n  const having',
      },
    ],
    under: ['fhir: compares loosely'],
  },
  {
    name: 'a server that confuses two identifiers is asked to create one of them',
    edits: [
      {
        file: 'lib/domain/batch/snapshot.ts',
        from: 'const patientIds = snapshot.mistaken.get(patientKeyText(identity)) ?? []',
        to: 'const patientIds: ReadonlyArray<string> = []',
      },
    ],
    under: ['fhir: compares loosely'],
  },
  {
    name: 'of two new Patients that may be one to the server only the odd one goes alone',
    edits: [
      {
        file: 'lib/domain/batch/units.ts',
        from: 'confusableWith(created.keys())',
        to: 'confusableWith([...created.keys()].slice(0, 0))',
      },
    ],
    under: ['fhir: compares loosely'],
  },
  {
    name: 'whom a server takes for one of its hits is not asked for alone, when that hit was asked for, too',
    edits: [
      {
        file: 'lib/app/cast/snapshot-patients.ts',
        from: 'confusableWith(tokensIn(hits, identities))',
        to: 'confusableWith(tokensIn(hits, []))',
      },
    ],
    under: ['fhir: compares loosely'],
  },
  {
    name: 'a Patient that this run created is looked up by a search alone',
    edits: [
      {
        file: 'lib/app/cast/load-snapshot.ts',
        from: 'const own = await addCreated(run, snapshot, identities, created)',
        to: 'const own: typeof mistaken = E.right(undefined)',
      },
    ],
    under: ['fhir: compares loosely'],
  },
  {
    name: 'what was accepted is asked for only where a conflict is recorded',
    edits: [
      {
        file: 'lib/app/cast/prepare.ts',
        from: '[...planned.verdicts.values()].includes(true)',
        to: "planned.units.some(({ recorded }) => recorded.some(({ error }) => error._tag === 'DemographicsConflict'))",
      },
    ],
    toldBy: 'simulation/accepted.test.ts',
  },
  {
    name: 'what got other UIDs stays under the old ones',
    edits: [{ file: foldRows, from: ' || leavesElsewhere(fold, row)) return', to: ') return' }],
    under: ['feed: UIDs change'],
  },
  {
    name: 'the others stay recorded when the image that they were at odds with goes',
    edits: [
      { file: foldRows, from: 'if (mismatched.size === 0 || fold.input.rebuilt', to: 'if (true || fold.input.rebuilt' },
      {
        file: secondLook,
        from: "code === 'PatientMismatch'\n      ? deletedFrom.has(",
        to: "code === 'PatientMismatch'\n      ? false && deletedFrom.has(",
      },
    ],
    under: ['feed: misfiled first', 'feed: misfiled is set right', 'feed: stray'],
  },
  {
    name: 'those that stand recorded as another person’s stay so when their study becomes his',
    edits: [{ file: foldRows, from: 'if (study.recalled || fold', to: 'if (true || fold' }],
    under: [
      'feed: misfiled first',
      'feed: misfiled is set right',
      'feed: stray',
      'feed: bulk update',
      'feed: straggler',
    ],
  },
  {
    name: 'rows that a sleeping run recorded without a checkpoint stay',
    edits: [
      {
        file: settleErrors,
        from: 'await takeBackWhenLost(run, still.left, all)',
        to: '',
      },
    ],
    under: [
      'operator: resyncs',
      'operator: verifies and repairs',
      'operator: replays',
      'run: pause',
      'feed: stray',
      'feed: misfiled first',
      'feed: bulk update',
    ],
  },
  {
    name: 'one refused delete is the end of all deletes of its transaction',
    edits: [
      {
        file: delivery,
        from: 'const parts = isAgain ? inTwo(units) : undefined',
        to: 'const parts = undefined',
      },
      {
        file: delivery,
        from: 'stack: state.emptied.map((references)',
        to: 'stack: state.emptied.slice(0, 0).map((references)',
      },
    ],
    under: ['feed: delete', 'feed: dose report', 'fhir: refuses a deletion'],
  },
  {
    name: 'an Observation that cannot be deleted keeps its values',
    edits: [
      {
        file: 'lib/domain/mapping/dose/standing.ts',
        from: 'for (const element of saidByReports) delete rest[element]',
        to: "for (const element of saidByReports) if (element === 'hasMember') delete rest[element]",
      },
    ],
    under: ['feed: delete', 'feed: dose report', 'fhir: refuses a deletion'],
  },
  {
    name: 'an Observation that was emptied stays so when its report comes back',
    edits: [
      {
        file: 'lib/domain/batch/write-doses.ts',
        from: 'if (existing !== undefined && isAnothersWord(existing.observation)) {',
        to: 'if (existing !== undefined && (isAnothersWord(existing.observation) || isWithdrawn(existing.observation))) {',
      },
    ],
    under: ['feed: delete', 'feed: re-create', 'feed: dose report', 'fhir: refuses a deletion'],
  },
  {
    name: 'what was emptied stays behind when its study goes to somebody else',
    edits: [{ file: 'lib/domain/batch/plan-observations.ts', from: '      ...kept(isWithdrawn),\n', to: '' }],
    under: ['feed: delete', 'feed: move', 'feed: dose report', 'fhir: refuses a deletion'],
  },
  {
    name: 'a report is gone when one of its copies is',
    edits: [
      {
        file: 'lib/domain/batch/study-doses.ts',
        from: 'instances.map(({ key }) => key.sopInstanceUid)',
        to: "instances.map(({ key }) => key.sopInstanceUid).filter((sop) => !study.rows.some(({ _tag, key }) => _tag === 'Delete' && key.sopInstanceUid === sop))",
      },
    ],
    under: ['feed: delete', 'feed: twin report', 'feed: dose report'],
  },
  {
    name: 'the row behind a gap tells how old the gap is',
    edits: [{ file: readFeed, from: 'Math.min(gap.to, youngAboveAt(gapSeenAt))', to: 'gap.to' }],
    under: ['feed: waits for its number', 'feed: late row', 'feed: rolled-back identity'],
  },
  {
    name: 'an old row goes before the new one of its image stands',
    edits: [
      {
        file: settleErrors,
        from: 'const recorded = await recordNew(run, index, changes)\n  return E.isLeft(recorded)',
        to: 'await removeStale(run, index, changes.stale)\n  const recorded = await recordNew(run, index, changes)\n  return E.isLeft(recorded)',
      },
    ],
    toldBy: 'backfill/backfill.test.ts',
  },
  {
    name: 'an image in a study of others decides what its Patient is called',
    edits: [
      {
        file: foldPatient,
        from: '(base === undefined || isOfService(base.meta, settings.dicom)) &&',
        to: '',
      },
    ],
    under: ['fhir: a study of another system', 'feed: bulk update', 'feed: imported prior'],
  },
  {
    name: 'a subject that nothing of ours speaks for or against is taken for nobody',
    edits: [
      {
        file: foldRows,
        from: "said === 'NotComparable' && ours ? 'Nobody'",
        to: "said === 'NotComparable' ? 'Nobody'",
      },
    ],
    under: ['fhir: a study of another system', 'feed: bulk update', 'feed: stray'],
  },
  {
    name: 'a later twin of the Patient makes the studies of a healthy one ambiguous',
    edits: [
      {
        file: foldPatient,
        from: '  return isLive && isTarget(',
        to: '  return false && isLive && target !== undefined && isTarget(',
      },
    ],
    under: ['fhir: a second Patient', 'feed: bulk update'],
  },
  {
    name: 'a checkpoint row that cannot be read is a new beginning',
    edits: [
      {
        file: storedCheckpoint,
        from: '  if (E.isLeft(read)) return read\n  const { checkpoint: stored',
        to: "  if (E.isLeft(read) && read.left._tag === 'CheckpointUnreadable') return E.right({ checkpoint: newCheckpoint(0), etag: read.left.etag })\n  if (E.isLeft(read)) return read\n  const { checkpoint: stored",
      },
    ],
    under: ['tables: checkpoint unreadable', 'feed: delete'],
  },
  {
    name: 'the roots that a renamed service had are forgotten',
    edits: [{ file: renameService, from: '[...new Set([...name.formerRoots, name.root])]', to: '[]' }],
  },
  {
    name: 'a renamed feed gets another feed id',
    edits: [{ file: position, from: 'feedId ?? positionId(root)', to: 'positionId(root)' }],
  },
  {
    name: 'a rename leaves the Endpoints where they are',
    edits: [
      {
        file: renameService,
        from: 'const planned = await planEndpoints(run, renaming)',
        to: 'const planned = E.map(() => [])(await planEndpoints(run, renaming))',
      },
    ],
  },
  {
    name: 'newer rows of a study do not wait with an older one',
    edits: [
      { file: 'lib/domain/batch/fold-elsewhere.ts', from: 'fold.waitingFor.set(studyKeyText(row.key), study)', to: '' },
    ],
    under: ['feed: UIDs change', 'fhir: outage', 'feed: outage', 'run: crash'],
  },
  {
    name: 'an Update row that is superseded asks for nothing',
    edits: [
      { file: runCast, from: 'settledRows(feed.judged, result, true)', to: 'settledRows(feed.judged, result)' },
      {
        file: 'lib/app/run/look-up-next.ts',
        from: 'each.probe !== undefined ? [each.probe] : []',
        to: 'each.probe !== undefined ? [] : []',
      },
    ],
    under: ['feed: UIDs change', 'feed: late row', 'feed: bulk update'],
  },
  {
    name: 'a study is given away over an image of which no row tells yet that a note withdraws it',
    edits: [
      { file: runCast, from: 'run.unheard = newlyHidden(before, rejected, heeded)', to: 'run.unheard = undefined' },
    ],
    toldBy: 'note-changed.test.ts',
  },
  {
    name: 'a note hides only what is cast after it',
    edits: [{ file: heedNotes, from: 'work.out.push(each)', to: 'continue' }],
    under: notes,
  },
  {
    name: 'a note that is deleted keeps hiding',
    edits: [
      {
        file: rejected,
        from: 'return note !== undefined || names.has(`${key.partition} ${noteName(key)}`) ?',
        to: 'return note !== undefined ?',
      },
    ],
    under: notes,
  },
  {
    name: 'a note of another partition hides',
    edits: [
      {
        file: rejected,
        from: 'const listed = { partition: key.partition, ...uids }',
        to: "const listed = { partition: 'Microsoft.Default', ...uids }",
      },
    ],
    under: notes,
  },
  {
    name: 'a note for quality reasons hides, whatever the setting says',
    edits: [{ file: rejectionNote, from: "code !== '113001' || hidesForQuality", to: 'true' }],
    under: notes,
  },
  {
    name: 'a report is withdrawn as an image is',
    edits: [{ file: rejectionNote, from: "isReport ? code === '113037' || code === '113038' : ", to: '' }],
    under: [...notes, 'feed: dose report'],
  },
  {
    name: 'an image that comes back keeps the row of its note',
    edits: [
      { file: heedNotes, from: '[...after].filter(([, { error }]) => error.notes.length > 0)', to: '[...after]' },
      { file: besideNotes, from: 'error === undefined || error.notes.length === 0 ?', to: 'error === undefined ?' },
    ],
    under: notes,
  },
  {
    name: 'a rejection note is an image of its study',
    edits: [
      {
        file: 'lib/domain/batch/judge.ts',
        from: "if (note !== undefined) return { _tag: 'Live', row: { _tag: 'Delete', sequence, key, late, note } }",
        to: '',
      },
    ],
    under: notes,
  },
  {
    name: 'when the note that hid an image is gone, one for quality reasons hides it on',
    edits: [{ file: rejected, from: 'isHidden: hiding.length > 0', to: 'isHidden: notes.length > 0' }],
    under: notes,
  },
  {
    name: 'the row of a note takes the place of the one that says why an image is not in FHIR',
    edits: [
      {
        file: besideNotes,
        from: 'row.error !== undefined && (error?.isHidden !== true || isOfFhir(row.error))',
        to: 'false',
      },
    ],
    under: [...notes, 'feed: stray', 'feed: misfiled first'],
  },
  {
    name: 'a row of another failure forgets what a note says',
    edits: [{ file: besideNotes, from: 'return rejected === undefined ? {} : { rejected }', to: 'return {}' }],
    under: [
      ...(['feed: rejection note', 'feed: note for quality', 'feed: stray', 'feed: poison'] as const),
      'feed: misfiled is set right',
    ],
  },
  {
    name: 'the row of a note goes before the one in its place stands',
    edits: [{ file: settleErrors, from: 'changes.stale.filter((row) => !isNoted(row))', to: 'changes.stale' }],
    under: [...notes, 'feed: bulk update', 'run: crash', 'tables: errors fail'],
  },
  {
    name: 'what is withdrawn has a say on whose a study is',
    edits: [
      {
        file: readStudy,
        from: "heedRejection(rejected, row)._tag === 'Delete' && !waits",
        to: 'false && !waits',
      },
    ],
    under: [...notes, 'feed: move', 'feed: stray', 'feed: misfiled first'],
  },
  {
    name: 'a study takes an image that is withdrawn along to another person',
    edits: [{ file: readStudy, from: 'namesOf(keys.filter(isNotWithdrawn(run)))', to: 'namesOf(keys)' }],
    toldBy: 'note-changed.test.ts',
  },
  {
    name: 'a run forgets what the notes of earlier runs said',
    edits: [{ file: 'lib/app/run/fail-index.ts', from: 'run.rejected = rejectedIn(index)', to: '' }],
    under: [...notes, 'feed: bulk update'],
  },
  {
    name: 'the Endpoint of the original gets today’s name and address at the first cast',
    edits: [
      {
        file: 'lib/domain/mapping/endpoint.ts',
        from: 'isInOriginalsForm(existing)\n    ?',
        to: 'false\n    ?',
      },
    ],
    under: originals,
  },
  {
    name: 'the Endpoint of another partition has a name by which the original finds it',
    edits: [{ file: 'lib/domain/mapping/endpoint.ts', from: 'return isFound ? {', to: 'return false ? {' }],
    under: originals,
  },
  {
    name: 'a Patient of the original gets our identifier in the place of its own',
    edits: [
      {
        file: 'lib/domain/mapping/patient.ts',
        from: 'matches(each, undefined, identity.value) && !isOriginalsIdentifier(each, identity)',
        to: 'matches(each, undefined, identity.value)',
      },
    ],
    // By issuers its identifier has a system, and is no free one.
    under: originals.filter((kind) => kind !== 'original: by issuers'),
  },
  {
    name: 'doses of the original that nothing of ours says stay',
    edits: [
      {
        file: planObservations,
        from: 'return held.originals.filter((each) => !isTaken.has(each) && !isWithdrawn(each))',
        to: 'return []',
      },
    ],
    under: [...originals, 'feed: dose report'],
  },
  {
    name: 'doses of the original are taken over behind the study that moves',
    edits: [{ file: planObservations, from: 'isWrittenFirst: taken.size > 0', to: 'isWrittenFirst: false' }],
    under: [...originals, 'feed: dose report', 'feed: move', 'run: crash'],
  },
  {
    name: 'a row of the original stays when its entry is cast',
    edits: [{ file: failIndex, from: 'if (tableNow.has(name)) return true', to: 'if (false) return true' }],
    under: originals,
  },
  ...overlapMutants,
  ...wakeMutants,
  ...backfillMutants,
]
