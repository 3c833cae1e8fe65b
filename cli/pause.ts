import { Command } from 'commander'
import { type GateMoved, pause, resume } from '../lib/composition/gate'
import { type Output, exitCodesHelp, operator, show, withJson } from './operator'

/** `dicomcast pause`: nothing is written until `resume`. */
export const pauseCommand = (): Command =>
  withJson(new Command('pause'))
    .description('pause the whole installation: timer, casts and repairs write nothing until resume')
    .addHelpText(
      'after',
      `\nA run at work ends before its next transaction. The feed keeps all entries.\n${exitCodesHelp()}`,
    )
    .action(async (options: Output) => show(await pause(operator()), options, pauseLines, () => 0))

/** `dicomcast resume`: lets everything go on. */
export const resumeCommand = (): Command =>
  withJson(new Command('resume'))
    .description('let a paused installation go on')
    .addHelpText('after', exitCodesHelp())
    .action(async (options: Output) => show(await resume(operator()), options, resumeLines, () => 0))

const pauseLines = ({ was, by, since, fenced }: GateMoved): ReadonlyArray<string> => [
  was === 'paused' ? `It is paused already, by ${by} since ${since}.` : 'It is paused. dicomcast resume lets it go on.',
  ...(fenced === true
    ? []
    : [
        'FHIR has no position of ours, or cannot be reached: a batch that is being written now may still be committed.',
      ]),
]

const resumeLines = ({ was }: GateMoved): ReadonlyArray<string> => [
  was === 'running'
    ? 'It was not paused.'
    : 'It goes on with the next run; dicomcast cast --until-caught-up does it now.',
]
