import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import {
  type Scope,
  type StudyReport,
  type WalkPosition,
  resyncStudy,
  verifyMany,
  verifyOne,
} from '../lib/composition/operate'
import { parseStudy, parseVerifyScope, parseWalkPosition } from '../lib/composition/requests'
import { type Output, exitCodesHelp, failed, given, operator, parsed, show, withJson, write } from './operator'
import { resyncLines } from './resync'
import { counts, plural } from './text-table'

interface Options extends Output {
  readonly partition?: string
  readonly all?: true
  readonly since?: string
  readonly sample?: string
  readonly repair?: true
  readonly resume?: string
}

/** `dicomcast verify`: does FHIR hold what DICOM has? */
export const verifyCommand = (): Command =>
  withJson(new Command('verify'))
    .description('compare one study, or many, with what FHIR holds, and print what differs')
    .argument('[study]', 'a StudyInstanceUID')
    .option('--partition <name>', 'its partition (default: Microsoft.Default)')
    .addOption(new Option('--all', 'all studies of the DICOM service').conflicts(['since', 'sample']))
    .addOption(new Option('--since <time>', 'studies with a change from then on').conflicts('sample'))
    .option('--sample <number>', 'so many studies, chosen at random')
    .option('--repair', 'resync those that differ')
    .option('--resume <file>', 'keep the position of --all in this file, and go on from it')
    .addHelpText('after', exitCodesHelp('something differs'))
    .action(run)

const run = async (study: string | undefined, options: Options): Promise<void> => {
  const { partition, all, since, sample } = options
  if (study !== undefined) {
    const request = parsed(parseStudy(given({ study, partition })), options)
    if (request === undefined) return
    const who = operator()
    const report = await verifyOne(who, request)
    if (options.repair !== true || report._tag === 'Left' || report.right.inStep) {
      return show(report, options, reportLines, ({ inStep }) => (inStep ? 0 : 1))
    }
    return show(await resyncStudy(who, request), options, resyncLines)
  }
  const scope = parsed(parseVerifyScope(given({ all, since, sample })), options)
  if (scope !== undefined) await walk(scope, options)
}

const walk = async (scope: Scope, options: Options): Promise<void> => {
  const { json, repair, resume } = options
  const who = operator()
  const [visible, differing] = [json !== true && process.stderr.isTTY, [] as Array<StudyReport>]
  let [compared, repaired] = [0, 0]
  const onStudy = async (report: StudyReport, position: WalkPosition): Promise<boolean> => {
    compared += 1
    if (!report.inStep) {
      differing.push(report)
      if (json !== true) write(...reportLines(report))
      if (repair === true) {
        const done = await resyncStudy(who, { studyInstanceUid: report.study, partition: report.partition })
        if (done._tag === 'Left') {
          failed(done, options)
          return false
        }
        repaired += 1
        if (json !== true) write(...resyncLines(done.right).map((line) => `  resync ${line}`))
      }
    }
    if (resume !== undefined) writeFileSync(resume, JSON.stringify(position))
    if (visible) process.stderr.write(`\r${compared} studies compared, ${differing.length} differ   `)
    return true
  }
  const from = resume === undefined || scope._tag !== 'All' ? undefined : resumedFrom(resume)
  const ended = await verifyMany(who, { scope, from, onStudy })
  if (visible) process.stderr.write('\n')
  const summary = {
    compared,
    differing: differing.length,
    repaired,
    ended: ended._tag === 'Right' ? ended.right : 'Failed',
  }
  if (json === true) write(JSON.stringify({ ...summary, studies: differing }))
  else {
    const verdict =
      differing.length === 0 ? 'all in step' : `${plural(differing.length, 'study differs', 'studies differ')}`
    write(
      `${plural(compared, 'study', 'studies')} compared: ${verdict}${repair === true ? `, ${repaired} repaired` : ''}`,
    )
  }
  // With --json the summary is on stdout already.
  if (ended._tag === 'Left') return failed(ended, {})
  if (ended.right === 'Done' && resume !== undefined) rmSync(resume, { force: true })
  if (process.exitCode === undefined)
    process.exitCode = differing.length > repaired || ended.right === 'Stopped' ? 1 : 0
}

/** A file that is not there is a new beginning; one that cannot be read is a mistake. */
const resumedFrom = (file: string): WalkPosition | undefined => {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const position = parseWalkPosition(text)
  if (position === undefined) throw new Error(`${file} holds no position of a walk: delete it to begin anew`)
  return position
}

const reportLines = ({ study, inStep, instances, writes, notCast, unrecorded }: StudyReport): ReadonlyArray<string> => [
  `${study}: ${inStep ? 'in step' : 'differs'} (${instances.inDicom} instances in DICOM, ${instances.inFhir} in FHIR` +
    `${instances.missing > 0 ? `, ${instances.missing} missing` : ''}${instances.gone > 0 ? `, ${instances.gone} gone` : ''})`,
  ...writes.map(
    ({ action, type, id, elements }) =>
      `  would ${action} ${type}${id === undefined ? '' : `/${id}`}${elements === undefined ? '' : `: ${elements.join(', ')}`}`,
  ),
  ...(Object.keys(notCast).length === 0
    ? []
    : [`  not cast: ${counts(notCast)}${unrecorded > 0 ? `; ${unrecorded} of them without a row` : ''}`]),
]
