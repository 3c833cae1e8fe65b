import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@jest/globals'
import { dicomcast } from '../world/command-line'

const path = join(__dirname, '..', '..', '..', 'docs', 'operations.md')
const read = (): string => readFileSync(path, 'utf8')

/** A block of the runbook: commands as they are typed, and what came of them. */
const block = (name: string): RegExp => new RegExp(`(<!-- shown: ${name} -->\n\n\`\`\`\n)([^]*?)(\`\`\`\n)`)

export const shownBlocks = (): ReadonlyArray<string> =>
  [...read().matchAll(/<!-- shown: ([\w-]+) -->/g)].map(([, name = '']) => name)

/** Blocks with commands that no test has run. */
export const unprovenBlocks = (): ReadonlyArray<string> =>
  [...read().matchAll(/(<!-- shown: [\w-]+ -->\n\n)?```\n(\$ [^\n]*)/g)].flatMap(([, marked, command = '']) =>
    marked === undefined ? [command] : [],
  )

/** Without what differs from run to run: times, versions, ids, ports, durations, and the columns that they widen. */
const lasting = (text: string): string =>
  text
    .replaceAll(/datetime'[^']*'/g, 'datetime')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z?/g, 'TIME')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
    .replaceAll(/^(TIME +[a-z-]+) +(command line|\S+) /gm, '$1 WHO ')
    .replaceAll(/\d+(\.\d+)? (entries\/s|s\b|bytes)/g, 'N $2')
    .replaceAll(/(answers|Writer\?|restored) +\d+ /g, '$1 N ')
    .replaceAll(/ \d+\.\d$/gm, ' N')
    .replaceAll(/(\d+) (min|h) old/g, 'N old')
    .replaceAll(/ +/g, ' ')

const quoted = (argument: string): string =>
  /^[\w.,:/=-]+$/.test(argument) ? argument : `"${argument.replaceAll('"', '\\"')}"`

export interface Shown {
  /** Runs the command, and keeps it for the block. Settings that differ from the environment stand before it. */
  readonly run: (line: ReadonlyArray<string>, settings?: Readonly<Record<string, string>>) => Promise<string>
  /** The block of this name in docs/operations.md holds these commands, with this output. */
  readonly isTold: (name: string) => void
}

export const showing = (environment: Readonly<Record<string, string>>): Shown => {
  let transcripts: ReadonlyArray<string> = []
  return {
    run: async (line, settings = {}) => {
      const { code, stdout, stderr } = await dicomcast({ ...environment, ...settings }, ...line)
      // What runs report to the log of the host is not for the terminal.
      const told = stderr
        .split('\n')
        .filter((each) => each !== '' && !each.startsWith('{'))
        .map((each) => `${each}\n`)
        .join('')
      const typed = [
        ...Object.entries(settings).map(([name, value]) => `${name}=${quoted(value)}`),
        'dicomcast',
        ...line.map(quoted),
      ]
      transcripts = [...transcripts, `$ ${typed.join(' ')}\n${stdout}${told}(exit ${String(code)})\n`]
      return stdout
    },
    isTold: (name) => {
      const shown = transcripts.join('\n')
      transcripts = []
      if (process.env['DICOMCAST_RUNBOOK'] === '1') {
        writeFileSync(
          path,
          read().replace(block(name), (_, before: string, __, after: string) => before + shown + after),
        )
      }
      expect([name, lasting(block(name).exec(read())?.[2] ?? 'no such block')]).toEqual([name, lasting(shown)])
    },
  }
}
