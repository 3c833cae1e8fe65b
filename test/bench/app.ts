import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { CastReport } from '../../lib/composition/cast'
import type { Command, Request, World, WorldOptions } from './services'

const command = join(__dirname, '..', '..', 'dist', 'cli', 'dicomcast.js')

export interface Cast {
  readonly report: CastReport
  /** Highest resident memory of the process, bytes. */
  readonly maxRss: number
  /** Every 100 ms. */
  readonly samples: ReadonlyArray<number>
  readonly cpuMs: number
}

/** The compiled command, in a process of its own, until it has caught up. */
export const castAll = async (
  { environment }: World,
  settings: Readonly<Record<string, string>> = {},
  ...args: ReadonlyArray<string>
): Promise<Cast> => {
  const child = spawn(
    process.execPath,
    [
      '--import',
      pathToFileURL(join(__dirname, 'cli', 'memory.mjs')).href,
      command,
      'cast',
      '--json',
      ...(args.length > 0 ? args : ['--until-caught-up']),
    ],
    { env: { ...environment, ...settings }, cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  const [code] = (await once(child, 'close')) as [unknown]
  if (code !== 0) throw new Error(`the command ended with ${String(code)}: ${stdout}${stderr}`)
  const memory = JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as Omit<Cast, 'report'>
  return { report: JSON.parse(stdout) as CastReport, ...memory }
}

/** The services, in a process of their own: what they cost is not the app's. */
export interface Services {
  readonly open: (options: WorldOptions) => Promise<World>
  readonly requests: () => Promise<ReadonlyArray<Request>>
  readonly close: () => void
}

const told = async <A>(child: ChildProcess): Promise<A> => {
  const [message] = (await once(child, 'message')) as [A]
  return message
}

export const startServices = async (): Promise<Services> => {
  const child = fork(join(__dirname, 'cli', 'services.mjs'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await told(child)
  const ask = <A>(message: Command): Promise<A> => {
    const answer = told<A>(child)
    child.send(message)
    return answer
  }
  return {
    open: (options) => ask({ _tag: 'Open', ...options }),
    requests: () => ask({ _tag: 'Requests' }),
    close: () => child.disconnect(),
  }
}
