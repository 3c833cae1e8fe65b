import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const repository = join(__dirname, '..', '..', '..')

/** Both Nodes that Azure runs, from npm: the one of the package, and the one of the workspace test/node-22. */
export const nodes: ReadonlyArray<readonly [major: string, executable: string]> = [
  ['22', join(repository, 'test', 'node-22', 'node_modules', 'node')],
  ['24', join(repository, 'node_modules', 'node')],
].map(([major = '', folder = '']) => {
  // On Windows it is node.exe: the package's own package.json knows.
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: { node: string } }
  return [major, join(folder, bin.node)]
})

/** `npm run package`, of this repository or of a copy of it. */
export const runPackage = (folder: string, zip: string, of = repository, env: NodeJS.ProcessEnv = {}): void => {
  execFileSync(process.execPath, [join(of, '.ci', 'package.mjs'), '--out', folder, '--zip', zip], {
    cwd: of,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

export interface LoadedApp {
  readonly url: string
  readonly functions: ReadonlyArray<string>
  /** Fires the timer, and waits until the run has ended. */
  readonly cast: () => Promise<{ readonly succeeded: boolean; readonly error?: string }>
  readonly lines: ReadonlyArray<string>
  readonly close: () => Promise<void>
}

type Message =
  | { readonly ready: { readonly url: string; readonly functions: ReadonlyArray<string> } }
  | { readonly failed: string }
  | { readonly log: { readonly message: string } }

const host = join(repository, 'dist', 'local', 'functions-host', 'child.js')

/** Loads an app's folder in the local functions host, run by that Node. */
export const loadApp = async (executable: string, folder: string, env: NodeJS.ProcessEnv = {}): Promise<LoadedApp> => {
  const lines: string[] = []
  const child: ChildProcess = fork(host, [folder, '0'], { execPath: executable, execArgv: [], env, silent: true })
  const exited = once(child, 'exit')
  const { url, functions } = await new Promise<{ url: string; functions: ReadonlyArray<string> }>((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (chunk) => (said += String(chunk)))
    child.on('message', (message: Message) => {
      if ('log' in message) lines.push(message.log.message)
      else if ('ready' in message) resolve(message.ready)
      else reject(new Error(message.failed))
    })
    child.once('error', reject).once('exit', () => reject(new Error(said)))
  })
  return {
    url,
    functions,
    lines,
    cast: async () => {
      const response = await fetch(`${url}/admin/functions/castTimer`, {
        method: 'POST',
        headers: { prefer: 'wait', 'content-type': 'application/json' },
        body: '{}',
      })
      return (await response.json()) as { succeeded: boolean; error?: string }
    },
    close: async () => {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}
