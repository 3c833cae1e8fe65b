import { join } from 'node:path'
import { Command } from 'commander'
import { jsonLog } from '../lib/adapters/log'
import { configurationProblems } from '../lib/composition/cast'
import { readApiKey } from '../lib/config/api-key'
import { parsePort } from './local-service'
import { environment } from './settings'

interface Options {
  readonly host: string
  readonly port: number
}

/** `dicomcast serve`: schedule, routes, page and metrics in one process, for a container or a server of one's own. */
export const serveCommand = (): Command =>
  new Command('serve')
    .description('schedule, routes, page and metrics in one process, behind a key: for containers and servers')
    .option('--host <address>', 'address to listen on; 0.0.0.0 for every one', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 takes a free one', parsePort, 8080)
    .addHelpText('after', help)
    .action(serve)

const help = `
Settings come from the environment, then from local.settings.json in this folder. DicomCast__ApiKey is the key that all routes want
but the page and health: in the header x-functions-key, as a Bearer token, or as ?code=. It speaks http: where others are on the
network, put a proxy with TLS before it.
/live and /ready are for probes. SIGTERM ends it after the batch in hand, within five seconds.

Exit codes:
  0  it was ended by a signal
  2  an invalid option or configuration
  70 something unexpected: a fault of this program`

const tell = jsonLog((line) => void process.stdout.write(`${line}\n`))

const serve = async ({ host: hostname, port }: Options): Promise<void> => {
  const settings = environment()
  const key = readApiKey(settings)
  const problems = [...configurationProblems(settings), ...(key._tag === 'Left' ? key.left : [])]
  if (problems.length > 0 || key._tag === 'Left') {
    process.stderr.write(
      `dicomcast: the configuration is not complete:\n${problems.map((each) => `  ${each}\n`).join('')}`,
    )
    process.exitCode = 2
    return
  }
  // The app reads its process's environment, and so does the timer.
  for (const [name, value] of Object.entries(settings)) if (value !== undefined) process.env[name] = value
  process.env['CastSchedule'] = settings['CastSchedule']?.trim() || '0 * * * * *'

  let stopping = false
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        stopping = true
        resolve(signal)
      })
    }
  })
  const { runAppHost } = await import('../local/functions-host/app-host.js')
  const { behindKey } = await import('../local/functions-host/behind-key.js')
  const host = await runAppHost(join(__dirname, '..', '..'), port, logLine, {
    hostname,
    guard: behindKey(key.right, () => stopping),
  })
  tell('info', 'serving', { url: host.url, schedule: process.env['CastSchedule'] })
  const signal = await stopped
  tell('info', 'ending', { signal })
  await host.close()
  tell('info', 'ended')
  process.exit(0)
}

/** The app's own lines are JSON already. */
const logLine = (line: { readonly level: string; readonly message: string; readonly functionName?: string }): void => {
  const { level, message, functionName } = line
  if (message.startsWith('{')) process.stdout.write(`${message}\n`)
  else if (level === 'error' || level === 'critical') tell('error', message, { functionName })
}
