import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileCache } from './compile-cache'

const command = join(__dirname, '..', '..', '..', 'dist', 'cli', 'dicomcast.js')

export interface Ended {
  readonly code: unknown
  readonly stdout: string
  readonly stderr: string
}

/** The compiled command, in a process and with an environment of its own, away from any local.settings.json. */
export const dicomcast = async (
  env: Readonly<Record<string, string>>,
  ...args: ReadonlyArray<string>
): Promise<Ended> => {
  const child = spawn(process.execPath, [command, ...args], {
    env: { ...compileCache, ...env },
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  const [code] = (await once(child, 'close')) as [unknown]
  return { code, stdout, stderr }
}
