import { globSync, readFileSync } from 'node:fs'
import { type IncomingMessage, type RequestListener, createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { injectCoreModule, type Log } from './core-api'
import { httpFront, pathOf } from './http-front'
import { invoker, triggerOf } from './invoke'
import { router } from './routes'
import { startQueues } from './queues'
import { startTimers } from './timers'
import { fromOwnMachine } from '../own-machine'
import { askedPage, sendPage } from '../pages/page'
import { stackPage } from '../pages/stack'

export interface AppHost {
  readonly url: string
  /** One line a function: its name, and its verbs and route or its schedule. */
  readonly functions: ReadonlyArray<string>
  readonly close: () => Promise<void>
}

export interface Serving {
  readonly hostname: string
  /** Stands before the app's functions. `isAnonymous`: the function that a request is for asks for no key. */
  readonly guard: (
    front: RequestListener,
    isAnonymous: (request: IncomingMessage) => boolean,
    functions: ReadonlyArray<string>,
  ) => RequestListener
}

/** To try it with: no keys, and nobody from elsewhere. */
const ownMachine: Serving = {
  hostname: '127.0.0.1',
  guard: (front, _, functions) => fromOwnMachine(withIndex(front, functions)),
}

const withIndex =
  (front: RequestListener, functions: ReadonlyArray<string>): RequestListener =>
  (request, response) => {
    if (askedPage(request)?.length !== 0) return front(request, response)
    const { DicomWeb__Endpoint: dicom, Fhir__Endpoint: fhir } = process.env
    sendPage(response, stackPage({ dicom, fhir }, functions), { dicom, fhir })
  }

/** Loads the compiled app in `root` (`package.json#main`, a glob) into this process and serves it. One app a process. */
export const runAppHost = async (
  root: string,
  port: number,
  log: Log,
  { hostname, guard }: Serving = ownMachine,
): Promise<AppHost> => {
  const app = injectCoreModule(log)
  const main = (json(root, 'package.json') as { main: string }).main
  const load = createRequire(join(root, 'package.json'))
  for (const file of globSync(main, { cwd: root }).sort()) load(join(root, file))
  const model = app.model()
  if (model === undefined) throw new Error(`No function is registered by ${main}. Is the app compiled (npm run build)?`)

  const capabilities = await model.getCapabilities({})
  const appHookData = {}
  await app.runHooks('appStart', { hookData: appHookData })

  const invoke = invoker(app, model, log)
  const timers = startTimers(app, invoke, log)
  const { extensions } = json(root, 'host.json') as HostJson
  const prefix = extensions?.http?.routePrefix ?? 'api'
  const queues = await startQueues(app, invoke, log, extensions?.queues)
  const match = router(app, prefix)
  const fire = (name: string) => (timers.get(name) ?? queues.get(name))?.fire
  const front = httpFront({ match, fire, invoke, streamTo: capabilities.HttpUri })
  const functions = [...app.functions.values()].map((fn) => {
    const { type, methods, route } = triggerOf(fn) as {
      type: string
      methods?: ReadonlyArray<string>
      route?: string
    }
    const timer = timers.get(fn.name)
    if (timer !== undefined) return `${fn.name}: ${timer.schedule}`
    const queue = queues.get(fn.name)
    if (queue !== undefined) return `${fn.name}: queue ${queue.queue}`
    return type === 'httptrigger' ? `${fn.name}: ${methods?.join(',')} /${prefix}/${route ?? fn.name}` : fn.name
  })
  const server = createServer(guard(front, isAnonymous(match), functions))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, hostname, resolve))

  return {
    url: urlOf(hostname, (server.address() as AddressInfo).port),
    functions,
    close: async () => {
      for (const timer of timers.values()) timer.stop()
      const drained = [...queues.values()].map((queue) => queue.stop())
      // In Azure, too, the process is ended soon, ready or not; what a message was about comes back when it is visible.
      await Promise.race([
        Promise.all([app.runHooks('appTerminate', { hookData: appHookData }), ...drained]),
        sleep(5_000, undefined, { ref: false }),
      ])
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const urlOf = (hostname: string, port: number): string =>
  `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`

const isAnonymous =
  (match: ReturnType<typeof router>) =>
  (request: IncomingMessage): boolean => {
    const found = match(request.method ?? 'GET', pathOf(request))
    return found !== undefined && (triggerOf(found.fn) as { authLevel?: string }).authLevel === 'anonymous'
  }

/** Settings of `local.settings.json`, as Core Tools take them: what the environment has set already stays. */
export const loadLocalSettings = (root: string, env = process.env): void => {
  const { Values = {} } = json(root, 'local.settings.json') as { Values?: Record<string, string> }
  for (const [name, value] of Object.entries(Values)) env[name] ??= value
}

interface HostJson {
  readonly extensions?: {
    readonly http?: { readonly routePrefix?: string }
    readonly queues?: Readonly<Record<string, unknown>>
  }
}

const json = (root: string, file: string): unknown => {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && file !== 'package.json') return {}
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
