import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Failure, Operator } from '../lib/composition/operator'
import { problemOf } from '../lib/composition/problem'
import {
  type Resync,
  type Scope,
  type StudyFound,
  type StudyReport,
  mostGoneOf,
  repairing,
  verifyMany,
} from '../lib/composition/studies'
import type { StudyRequest } from '../lib/requests/requests'
import { type Output, failed, write } from './operator'
import { progressBar } from './progress'
import { resyncLines } from './resync'
import { counts, plural } from './text-table'
import { noWalkFile, walkFile } from './walk-file'
import { type WalkEnded, countReport, exitCodeOf, isGone, tallyFrom, verdictLines } from './walk-verdict'

export interface WalkOptions extends Output {
  readonly repair?: true
  readonly resume?: string
  readonly strict?: true
}

/** Somebody else's run takes minutes at the most; a walk takes hours. */
const leaseTries = 150
const leasePauseMs = 2_000

/** Compares study after study, says what differs, and mends it when told to. */
export const walkStudies = async (
  who: Operator,
  scope: Scope,
  options: WalkOptions,
  confirmed: number | undefined,
): Promise<void> => {
  const { json, repair, resume } = options
  const limit = mostGoneOf(who, confirmed)
  if (limit._tag === 'Left') return failed(limit, options)
  const repairs = repairing(who)
  if (repairs._tag === 'Left') return failed(repairs, options)
  const file = resume === undefined ? noWalkFile : walkFile(resume)
  const before = file.read(scope)
  const tally = tallyFrom(before?.tally)
  const looked = { before: before?.looked ?? 0, now: before?.looked ?? 0, total: 0 }
  const differing: Array<StudyReport> = []
  const visible = json !== true && process.stderr.isTTY
  const bar = progressBar(visible)
  const say = (...lines: ReadonlyArray<string>): void => {
    if (json === true) return
    bar.clear()
    write(...lines)
  }
  let broken = false

  const mend = async (study: StudyRequest): Promise<boolean> => {
    const done = await patiently(who, () => repairs.right.study(study))
    if (done._tag === 'Left' && canGoOnAfter(done.left)) {
      tally.notComparable += 1
      say(`  not repaired: ${problemOf(done.left).detail}`)
      return true
    }
    if (done._tag === 'Left') {
      bar.end()
      failed(done, {})
      broken = true
      return false
    }
    say(...resyncLines(done.right).map((line) => `  resync ${line}`))
    if (done.right.stop === undefined) tally.repaired += 1
    return true
  }

  const compare = async (found: StudyFound): Promise<boolean> => {
    if (found._tag === 'Nowhere') return true
    if (found._tag === 'NotComparable') {
      tally.notComparable += 1
      say(`${found.study}: not comparable: ${found.reason}`)
      return true
    }
    const { report } = found
    countReport(tally, report)
    if (report.inStep) return true
    differing.push(report)
    say(...reportLines(report))
    if (repair !== true) return true
    const study = { studyInstanceUid: report.study, partition: report.partition }
    if (!isGone(report)) return mend(study)
    // At the end, when it is known how many there are.
    tally.gone.push(study)
    return true
  }

  const ended = await verifyMany(who, {
    scope,
    from: before?.position,
    ...(visible ? { onTotal: (studies) => void (looked.total = studies) } : {}),
    onStudy: async (found, position) => {
      if (!(await compare(found))) return false
      looked.now += 1
      file.keep({ scope, position, looked: looked.now, tally })
      const words = `${looked.now} of ${looked.total} studies compared, ${tally.differing} differ`
      bar.show(looked.now, Math.max(looked.now, looked.total), words, looked.before)
      return true
    },
  })
  file.flush()
  let outcome: WalkEnded = ended._tag === 'Left' || broken ? 'Failed' : ended.right
  if (outcome === 'Done' && tally.gone.length > limit.right(tally.compared)) outcome = 'TooManyGone'
  for (const study of outcome === 'Done' ? tally.gone.splice(0) : []) {
    say(`${study.studyInstanceUid}: gone from DICOM`)
    if (!(await mend(study))) outcome = 'Failed'
    if (outcome !== 'Done') break
  }
  bar.end()
  const verdict = verdictLines(tally, outcome, options)
  if (repair === true) await repairs.right.remember(outcome, verdict.join(' '))
  if (json === true) {
    write(JSON.stringify({ ...tally, gone: tally.gone.length, ended: outcome, studies: differing }))
  } else {
    write(...verdict)
  }
  // With --json the summary is on stdout already.
  if (ended._tag === 'Left') return failed(ended, {})
  if (broken) return
  if (outcome === 'Done' || outcome === 'TooManyGone') file.remove()
  process.exitCode = exitCodeOf(tally, outcome, options)
}

/** What a service says of one study; what it says of itself, or of us, ends the walk. */
const canGoOnAfter = (failure: Failure): boolean =>
  failure._tag === 'NotFound' ||
  failure._tag === 'Refused' ||
  (failure._tag === 'Service' &&
    (failure.error._tag === 'AnswerTooLarge' ||
      failure.error._tag === 'FhirConflict' ||
      (failure.error._tag === 'ServiceUnavailable' && failure.error.hop === 'dicom')))

/** While another run holds the lease there is nothing to do but to wait for its end. */
const patiently = async (who: Operator, work: () => Promise<Answer<Resync>>): Promise<Answer<Resync>> => {
  for (let attempt = 1; ; attempt++) {
    const done = await work()
    const isHeld = done._tag === 'Left' && done.left._tag === 'LeaseHeld'
    if (!isHeld || attempt === leaseTries || who.stopping?.() === true) return done
    await sleep(leasePauseMs)
  }
}

export const reportLines = ({
  study,
  inStep,
  instances,
  writes,
  notCast,
  withdrawn,
  unrecorded,
  twins = [],
}: StudyReport): ReadonlyArray<string> => [
  `${study}: ${inStep ? 'in step' : 'differs'} (${plural(instances.inDicom, 'instance')} in DICOM, ${instances.inFhir} in FHIR` +
    `${instances.missing > 0 ? `, ${instances.missing} missing` : ''}${instances.gone > 0 ? `, ${instances.gone} gone` : ''})`,
  ...writes.map(
    ({ action, type, id, elements }) =>
      `  would ${action} ${type}${id === undefined ? '' : `/${id}`}${elements === undefined ? '' : `: ${elements.join(', ')}`}`,
  ),
  ...(Object.keys(notCast).length === 0
    ? []
    : [`  not cast: ${counts(notCast)}${unrecorded > 0 ? `; ${unrecorded} of them without a row` : ''}`]),
  ...(withdrawn === undefined ? [] : [`  withdrawn by the archive: ${withdrawn}`]),
  ...twins.map((id) => `  ImagingStudy/${id} is of the same study: delete one of the two in FHIR, then resync`),
]
