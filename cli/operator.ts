import type { Command } from 'commander'
import { jsonLog } from '../lib/adapters/log'
import { type Answer, type Operator, exitCodeOfFailure } from '../lib/composition/operator'
import { problemOf } from '../lib/composition/problem'
import type { Parsed } from '../lib/requests/codecs'
import { environment } from './settings'
import { userName } from './user-name'

// What the operator's commands have in common: settings, signals, output, exit codes.

export interface Output {
  readonly json?: true
}

export const exitCodesHelp = (one?: string): string => `
Settings come from the environment, then from local.settings.json in this folder.

Exit codes:
  0  all is well${one === undefined ? '' : `\n  1  ${one}`}
  2  an invalid option or configuration
  3  a service failed or refused
  4  another run holds the lease, or the whole installation is paused
  70 something unexpected: a fault of this program`

export const withJson = (command: Command): Command =>
  command.option('--json', 'one JSON document on stdout; logs go to stderr')

/** A person who pressed Ctrl-C sees that it was heard, and what comes. */
export const tellEnding = (after: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\nEnding after ${after}; Ctrl-C again ends it at once.\n`)
}

/** The person at the terminal stands in the run history. Ctrl-C ends long work after the step in hand. */
export const operator = (): Operator => {
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stopping = true
      tellEnding('the step in hand')
    })
  }
  return {
    environment: environment(),
    log: jsonLog((line, level) => {
      if (level !== 'info') process.stderr.write(`${line}\n`)
    }),
    by: userName(),
    stopping: () => stopping,
  }
}

export const write = (...lines: ReadonlyArray<string>): void => {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

/** A failure goes to stderr in words, and with --json to stdout as the problem that HTTP would answer. */
export const failed = (answer: Extract<Answer<never>, { _tag: 'Left' }>, { json }: Output): void => {
  const problem = problemOf(answer.left)
  if (json === true) write(JSON.stringify(problem))
  const { problems, more } = problem
  const rest = more === undefined ? [] : [`and ${String(more)} more`]
  process.stderr.write(
    Array.isArray(problems)
      ? `dicomcast: ${answer.left._tag === 'RequestInvalid' ? 'invalid request' : 'the configuration is not complete'}:\n${[...problems, ...rest].map((each) => `  ${String(each)}\n`).join('')}`
      : `dicomcast: ${problem.detail}\n`,
  )
  process.exitCode = exitCodeOfFailure(answer.left)
}

/** Prints an answer, for a person or a program, and sets the exit code. */
export const show = <A>(
  answer: Answer<A>,
  output: Output,
  print: (found: A) => ReadonlyArray<string>,
  exitCode: (found: A) => number = () => 0,
): void => {
  if (answer._tag === 'Left') return failed(answer, output)
  write(...(output.json === true ? [JSON.stringify(answer.right)] : print(answer.right)))
  process.exitCode = exitCode(answer.right)
}

/** What was typed is wrong. */
export const refused = (problems: ReadonlyArray<string>, output: Output): undefined =>
  void failed({ _tag: 'Left', left: { _tag: 'RequestInvalid', problems } }, output)

const optionOf = (member: string): string => `--${member.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/**
 * What an option names is judged by the same codecs as a request's body. Their problems name its members: here they
 * name the options, and `typed` has those that are called otherwise.
 */
export const parsed = <A>(
  request: Parsed<A>,
  output: Output,
  typed: Readonly<Record<string, string>> = {},
): A | undefined => {
  if (request._tag === 'Right') return request.right
  const problems = request.left.map((problem) =>
    problem.replace(/^(\w+)(?:\.[.\w]*)?: /, (_, member: string) => `${typed[member] ?? optionOf(member)}: `),
  )
  return refused([...new Set(problems)], output)
}

/** Only the options that were given. */
export const given = (options: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
