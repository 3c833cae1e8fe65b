import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from '@jest/globals'

// The compiled command as a person or a container runs it, in a process of its own.
const command = join(__dirname, '..', '..', '..', 'dist', 'cli', 'dicomcast.js')

export interface CliResult {
  readonly code: unknown
  readonly stdout: string
  readonly stderr: string
}

export interface RunningCli {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly ended: Promise<CliResult>
}

/** What a process needs to run at all: settings of whoever runs the tests must not reach it. */
const bare = Object.fromEntries(
  ['PATH', 'HOME', 'SystemRoot', 'TEMP', 'TMPDIR', 'NODE_COMPILE_CACHE'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  }),
)

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** An empty folder, gone after the test. */
export const emptyFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'dicomcast-cli-'))
  folders.push(folder)
  return folder
}

export const startCli = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  cwd = emptyFolder(),
): RunningCli => startCommand(process.execPath, command, args, env, cwd)

/** The command as it is installed elsewhere, run by that Node. */
export const startCommand = (
  node: string,
  file: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  cwd = emptyFolder(),
): RunningCli => {
  const child = spawn(node, [file, ...args], {
    cwd,
    env: { ...bare, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  return {
    child,
    stdout: () => stdout,
    ended: once(child, 'close').then(([code]): CliResult => ({ code, stdout, stderr })),
  }
}

export const runCli = (...parameters: Parameters<typeof startCli>): Promise<CliResult> => startCli(...parameters).ended

/** The JSON lines on stdout; anything else there is a fault. */
export const jsonLines = (stdout: string): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
