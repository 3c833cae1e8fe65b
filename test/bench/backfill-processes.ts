import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BackfillProgress } from '../../lib/composition/backfill'
import type { BackfillWorld, Environment, Installation } from './backfill-world'

// The compiled command, in processes: one that begins a backfill, and those that work on it.

const command = join(__dirname, '..', '..', 'dist', 'cli', 'dicomcast.js')

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

export const start = (environment: Environment, ...args: ReadonlyArray<string>): Started => {
  const child = spawn(process.execPath, [command, ...args], {
    ...{ env: { ...environment }, cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] },
  })
  // None outlives this process.
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)))
  const ended = once(child, 'close').then(([code]): Ended => {
    process.off('exit', kill)
    return { code: code as number | null, stdout, stderr }
  })
  return { child, ended }
}

/** Its last line, which is JSON. */
export const ask = async <A>(environment: Environment, ...args: ReadonlyArray<string>): Promise<A> => {
  const { code, stdout, stderr } = await start(environment, ...args, '--json').ended
  const line = stdout.trim().split('\n').at(-1) ?? ''
  if (!line.startsWith('{')) throw new Error(`dicomcast ${args.join(' ')} ended ${code}: ${stdout}${stderr}`)
  return JSON.parse(line) as A
}

export const begin = (environment: Environment, lanes: number): Promise<BackfillProgress> =>
  ask(environment, 'backfill', 'start', '--yes', '--lanes', String(lanes))

export const progressOf = (environment: Environment): Promise<BackfillProgress> =>
  ask(environment, 'backfill', 'status')

interface CastEnd {
  readonly ended: string
  readonly entries: number
  readonly stored: number
}

/** The feed's reader, until it has caught up. */
export const castFeed = async ({ environment }: Pick<Installation, 'environment'>): Promise<CastEnd> => {
  const report = await ask<CastEnd>(environment, 'cast', '--until-caught-up')
  if (report.ended !== 'CaughtUp') throw new Error(`a cast ended ${JSON.stringify(report)}`)
  return report
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

/** Tells every while how far it is, until it is told to end. */
export const telling = (what: () => string): (() => void) => {
  const begun = Date.now()
  const timer = setInterval(() => console.log(`  ${seconds(Date.now() - begun)}: ${what()}`), 15_000)
  return () => clearInterval(timer)
}

/** How long so many workers take, from their start to the end of the backfill. */
export const timeOfWorkers = async (
  { traffic }: BackfillWorld,
  installation: Pick<Installation, 'environment'>,
  { workers, atOnce = 1, limitMs }: { readonly workers: number; readonly atOnce?: number; readonly limitMs: number },
): Promise<number> => {
  const counts = { dicom: 0, fhir: 0, storage: 0 }
  traffic.seen = ({ service }) => void (counts[service] += 1)
  const silent = telling(
    () => `${counts.dicom} requests of DICOM, ${counts.fhir} of FHIR, ${counts.storage} of storage`,
  )
  const begun = performance.now()
  const all = Array.from({ length: workers }, () =>
    start(installation.environment, 'work', '--at-once', String(atOnce)),
  )
  const late = sleep(limitMs, undefined, { ref: false }).then(() => undefined)
  const first = await Promise.race([...all.map(({ ended }) => ended), late])
  const ms = performance.now() - begun
  silent()
  if (first?.code !== 0) {
    for (const { child } of all) child.kill('SIGKILL')
    throw new Error(`a worker ended ${first?.code ?? 'not in time'}: ${first?.stdout ?? ''}${first?.stderr ?? ''}`)
  }
  await Promise.all(all.map(({ ended }) => ended))
  console.log(`  ${workers} at work: ${seconds(ms)}; ${JSON.stringify(counts)}`)
  return ms
}
