import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The compiled command, as it is shipped: `npm test` builds it first. */
const command = join(__dirname, '..', '..', 'dist', 'cli', 'dicomcast.js')

export interface EndedProcess {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export interface CastProcess {
  readonly child: ChildProcess
  readonly ended: Promise<EndedProcess>
}

/** `dicomcast cast --json` in a process of its own; its settings are these and no others. */
export const startCast = (
  settings: Readonly<Record<string, string>>,
  ...options: ReadonlyArray<string>
): CastProcess => {
  if (!existsSync(command)) throw new Error('The app is not compiled: npm run build')
  const child = spawn(process.execPath, [command, 'cast', '--json', ...options], {
    // A folder without local.settings.json.
    cwd: tmpdir(),
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  const ended = once(child, 'close').then(([code, signal]): EndedProcess => ({
    code: code as number | null,
    signal: signal as string | null,
    stdout,
    stderr,
  }))
  return { child, ended }
}

/** The line of `--json`; a run that died has none. */
export const reportOf = ({ stdout, stderr }: EndedProcess): Readonly<Record<string, unknown>> => {
  const line = stdout.trim().split('\n').at(-1) ?? ''
  if (!line.startsWith('{')) throw new Error(`It reported nothing: ${stdout} ${stderr}`)
  return JSON.parse(line) as Record<string, unknown>
}
