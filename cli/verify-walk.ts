import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Operator } from '../lib/composition/operator'
import { type Resync, type Scope, type StudyReport, resyncStudy, verifyMany } from '../lib/composition/studies'
import type { WalkTally } from './walk-state'
import { type Output, failed, write } from './operator'
import { progressBar } from './progress'
import { resyncLines } from './resync'
import { counts, plural } from './text-table'
import { noWalkFile, walkFile } from './walk-file'

export interface WalkOptions extends Output {
  readonly repair?: true
  readonly resume?: string
}

/** Somebody else's run takes minutes at the most; a walk takes hours. */
const leaseTries = 150
const leasePauseMs = 2_000

const nothingYet: WalkTally = { compared: 0, differing: 0, repaired: 0, notCast: {} }

/** Compares study after study, says what differs, and mends it when told to. */
export const walkStudies = async (
  who: Operator,
  scope: Scope,
  { json, repair, resume }: WalkOptions,
): Promise<void> => {
  const file = resume === undefined ? noWalkFile : walkFile(resume)
  const before = file.read(scope)
  const tally = { ...(before?.tally ?? nothingYet), notCast: { ...before?.tally.notCast } }
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

  const compare = async (report: StudyReport): Promise<boolean> => {
    tally.compared += 1
    for (const [code, count] of Object.entries(report.notCast)) tally.notCast[code] = (tally.notCast[code] ?? 0) + count
    if (report.inStep) return true
    tally.differing += 1
    differing.push(report)
    say(...reportLines(report))
    if (repair !== true) return true
    const done = await patiently(who, () =>
      resyncStudy(who, { studyInstanceUid: report.study, partition: report.partition }),
    )
    if (done._tag === 'Left') {
      bar.end()
      failed(done, {})
      broken = true
      return false
    }
    say(...resyncLines(done.right).map((line) => `  resync ${line}`))
    // What cannot be cast and has no row would be found again: that is not mended.
    if (done.right.stop === undefined && report.unrecorded === 0) tally.repaired += 1
    return true
  }

  const ended = await verifyMany(who, {
    scope,
    from: before?.position,
    ...(visible ? { onTotal: (studies) => void (looked.total = studies) } : {}),
    onStudy: async (report, position) => {
      const goOn = report === undefined || (await compare(report))
      if (!goOn) return false
      looked.now += 1
      file.keep({ scope, position, looked: looked.now, tally })
      const words = `${looked.now} of ${looked.total} studies compared, ${tally.differing} differ`
      bar.show(looked.now, Math.max(looked.now, looked.total), words, looked.before)
      return true
    },
  })
  file.flush()
  bar.end()
  const { compared, differing: differ, repaired, notCast } = tally
  const outcome = ended._tag === 'Left' || broken ? 'Failed' : ended.right
  if (json === true) {
    write(JSON.stringify({ compared, differing: differ, repaired, notCast, ended: outcome, studies: differing }))
  } else {
    const fine = compared === 0 && outcome !== 'Done' ? 'nothing is known' : 'all in step'
    const verdict = differ === 0 ? fine : plural(differ, 'study differs', 'studies differ')
    write(
      `${plural(compared, 'study', 'studies')} compared: ${verdict}${repair === true ? `, ${repaired} repaired` : ''}${butFor(notCast)}`,
      ...(outcome === 'Done'
        ? []
        : [`Not all studies were compared${resume === undefined ? '' : '; the same command goes on from here'}.`]),
    )
  }
  // With --json the summary is on stdout already.
  if (ended._tag === 'Left') return failed(ended, {})
  if (broken) return
  if (ended.right === 'Done') file.remove()
  process.exitCode = differ > repaired || ended.right === 'Stopped' ? 1 : 0
}

/** What is known to be missing is no difference, and still nothing to keep quiet about. */
const butFor = (notCast: WalkTally['notCast']): string => {
  const instances = Object.values(notCast).reduce((total, count) => total + count, 0)
  return instances === 0 ? '' : `; not cast: ${plural(instances, 'instance')} (${counts(notCast)})`
}

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
  unrecorded,
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
]
