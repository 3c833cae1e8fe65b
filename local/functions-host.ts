import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { request } from 'undici'
import type { Message } from './functions-host/child'
import type { LogLine } from './functions-host/core-api'

export type { LogLine } from './functions-host/core-api'

export interface FunctionsHostOptions {
  /** The whole environment of the app's process, settings included. */
  readonly env: NodeJS.ProcessEnv
  /** A free one, when it is left out. */
  readonly port?: number
  /** The folder of the app's package.json; this package's own by default. */
  readonly root?: string
  readonly onLog?: (line: LogLine) => void
}

export type FireResult = { readonly succeeded: true } | { readonly succeeded: false; readonly error: string }

export interface FunctionsHost {
  readonly url: string
  /** Of the app's process. */
  readonly pid: number | undefined
  readonly functions: ReadonlyArray<string>
  readonly logs: ReadonlyArray<LogLine>
  /** Runs a timer or queue function now, and waits until that run has ended, and `logs` has it; `input`: what a message would hold. */
  readonly fire: (name: string, input?: string) => Promise<FireResult>
  /** Resolves when the app's process has ended, for whatever reason. */
  readonly exited: Promise<void>
  readonly close: () => Promise<void>
}

// Compiled, this file lies in dist/local; under jest it is the source, and the app still runs compiled.
const packageRoot =
  [join(__dirname, '..'), join(__dirname, '..', '..')].find((folder) => existsSync(join(folder, 'package.json'))) ?? '.'
const program = join(packageRoot, 'dist', 'local', 'functions-host', 'child.js')

/** Runs the compiled function app in a process of its own: timers, queue functions, and HTTP functions under `/api`. */
export const startFunctionsHost = async (options: FunctionsHostOptions): Promise<FunctionsHost> => {
  const child = fork(program, [options.root ?? packageRoot, String(options.port ?? 0)], {
    env: options.env,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const logs: LogLine[] = []
  const record = (line: LogLine): void => {
    logs.push(line)
    options.onLog?.(line)
  }
  for (const [stream, level] of [[child.stdout, 'information'] as const, [child.stderr, 'error'] as const]) {
    if (stream !== null)
      createInterface(stream).on('line', (message) => record({ level, category: 'console', message }))
  }
  const exited = once(child, 'exit').then(() => undefined)
  const waiting: Array<() => void> = []
  /** Lines come by another way than answers, and may be slower. */
  const linesSoFar = async (): Promise<void> => {
    if (!child.connected) return
    const heard = new Promise<void>((resolve) => waiting.push(resolve))
    child.send('lines')
    await Promise.race([heard, exited])
  }

  const { url, functions } = await new Promise<{ url: string; functions: ReadonlyArray<string> }>((resolve, reject) => {
    child.on('message', (message: Message) => {
      if ('log' in message) record(message.log)
      else if ('heard' in message) waiting.shift()?.()
      else if ('ready' in message) resolve(message.ready)
      else reject(new Error(`The function app did not start: ${message.failed}`))
    })
    child.once('error', reject)
    child.once('exit', () =>
      reject(new Error(`The function app did not start: ${logs.at(-1)?.message ?? 'it said nothing'}`)),
    )
  })

  return {
    url,
    pid: child.pid,
    functions,
    logs,
    exited,
    fire: async (name, input) => {
      // A run may take as long as host.json allows: no time-out of our own.
      const { statusCode, body } = await request(`${url}/admin/functions/${encodeURIComponent(name)}`, {
        method: 'POST',
        headers: { prefer: 'wait', 'content-type': 'application/json' },
        body: JSON.stringify({ input }),
        headersTimeout: 0,
      })
      if (statusCode === 200) {
        const result = (await body.json()) as FireResult
        await linesSoFar()
        return result
      }
      await body.dump()
      throw new Error(`The functions host has no timer or queue function "${name}" (HTTP ${statusCode}).`)
    },
    close: async () => {
      if (child.connected) child.disconnect()
      const patience = setTimeout(() => child.kill('SIGKILL'), 7_000)
      await exited
      clearTimeout(patience)
    },
  }
}
