import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FunctionsHost, startFunctionsHost } from '../../../local/functions-host'

const library = JSON.stringify(require.resolve('@azure/functions'))

export interface QueueApp {
  readonly queueName: string
  readonly connectionString: string
  /** The body of the handler: `entry`, `context`, and `wait(ms)`. */
  readonly handler: string
  readonly queues?: object
  readonly env?: NodeJS.ProcessEnv
}

/** Apps of one queue function, `work`, so that what is tested is the host and the real `@azure/functions`. */
export const queueApps = () => {
  const roots: string[] = []
  const hosts: FunctionsHost[] = []
  return {
    start: async ({
      queueName,
      connectionString,
      handler,
      queues = {},
      env = {},
    }: QueueApp): Promise<FunctionsHost> => {
      const root = await mkdtemp(join(tmpdir(), 'functions-host-queues-'))
      roots.push(root)
      const files = {
        'package.json': JSON.stringify({ main: 'app.js' }),
        'app.js': `const { app } = require(${library})
          const wait = (ms) => new Promise((done) => setTimeout(done, ms))
          app.storageQueue('work', { queueName: '${queueName}', connection: 'AzureWebJobsStorage',
            handler: async (entry, context) => { ${handler} } })`,
        'host.json': JSON.stringify({ extensions: { queues: { maxPollingInterval: '00:00:00.100', ...queues } } }),
      }
      for (const [file, text] of Object.entries(files)) await writeFile(join(root, file), text)
      const storage = { AzureWebJobsStorage: connectionString }
      const host = await startFunctionsHost({ root, env: { ...process.env, ...storage, ...env } })
      hosts.push(host)
      return host
    },
    close: async (): Promise<void> => {
      await Promise.all(hosts.splice(0).map((host) => host.close()))
      await Promise.all(roots.splice(0).map((root) => rm(root, { recursive: true })))
    },
  }
}

/** What the function has logged. */
export const linesOf = (host: FunctionsHost, level = 'information'): ReadonlyArray<string> =>
  host.logs.filter((line) => line.functionName === 'work' && line.level === level).map((line) => line.message)
