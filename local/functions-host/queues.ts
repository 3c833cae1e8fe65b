import type { App, Log, RegisteredFunction } from './core-api'
import { expand, isDisabled } from './expand'
import { triggerOf, type Invoke, type Outcome } from './invoke'
import { openQueues } from './queue-client'
import { type Listener, listen } from './queue-listener'
import { metadataOf } from './queue-message'
import { type QueueSettings, queueSettings } from './queue-settings'

export interface QueueTrigger {
  readonly queue: string
  /** As `POST /admin/functions/{name}` does: no message is touched. */
  readonly fire: (input: string) => Promise<Outcome>
  readonly stop: () => Promise<void>
}

const hostsInvisibleS = 600
/** Of the host's suffix. */
const longestWithPoison = 63 - '-poison'.length

/** Starts a listener for every queue function. One whose queue or account cannot be told is logged and left out. */
export const startQueues = async (
  app: App,
  invoke: Invoke,
  log: Log,
  hostJson: Readonly<Record<string, unknown>> = {},
  env = process.env,
): Promise<ReadonlyMap<string, QueueTrigger>> => {
  const triggers = new Map<string, QueueTrigger>()
  const functions = [...app.functions.values()].filter((fn) => triggerOf(fn).type === 'queuetrigger')
  if (functions.length === 0) return triggers
  const { settings, warnings } = queueSettings(hostJson, env)
  for (const message of warnings) log({ level: 'warning', category: 'host', message })
  for (const fn of functions) {
    try {
      triggers.set(fn.name, await startQueue(fn, invoke, log, settings, env))
    } catch (error) {
      log({ level: 'error', category: 'host', message: (error as Error).message, functionName: fn.name })
    }
  }
  return triggers
}

const startQueue = async (
  fn: RegisteredFunction,
  invoke: Invoke,
  log: Log,
  settings: QueueSettings,
  env: NodeJS.ProcessEnv,
): Promise<QueueTrigger> => {
  const {
    name,
    queueName = '',
    connection = 'AzureWebJobsStorage',
  } = triggerOf(fn) as {
    readonly name: string
    readonly queueName?: string
    readonly connection?: string
  }
  const queue = expand(queueName, env).toLowerCase()
  if (!/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/.test(queue)) throw new Error(`"${queue}" is no name of a queue.`)
  const hasPoison = queue.length <= longestWithPoison && !queue.endsWith('-poison')
  const request = (text: string) => ({ inputData: [{ name, data: { string: text } }], triggerMetadata: {} })
  const start = async (): Promise<Listener> => {
    const account = await openQueues(connection, env)
    return listen({
      queue: account.getQueueClient(queue),
      poison: hasPoison ? account.getQueueClient(`${queue}-poison`) : undefined,
      settings,
      // The real one cannot be set: this is for tests.
      invisibleS: Number(env['DICOMCAST_LOCAL_QUEUE_INVISIBLE_S'] ?? hostsInvisibleS),
      run: (text, message) => invoke(fn, { ...request(text), triggerMetadata: metadataOf(message, text) }),
      log: (level, message) => log({ level, category: 'host', message, functionName: fn.name }),
    })
  }
  const listener = isDisabled(fn.name, env) ? undefined : await start()
  return { queue, fire: (input) => invoke(fn, request(input)), stop: async () => listener?.stop() }
}
