import { globSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { injectCoreModule, type Log } from './core-api'
import { httpFront } from './http-front'
import { invoker, triggerOf } from './invoke'
import { router } from './routes'
import { startTimers } from './timers'

export interface AppHost {
  readonly url: string
  /** One line a function: its name, and its verbs and route or its schedule. */
  readonly functions: ReadonlyArray<string>
  readonly close: () => Promise<void>
}

/** Loads the compiled app in `root` (`package.json#main`, a glob) into this process and serves it. One app a process. */
export const runAppHost = async (root: string, port: number, log: Log): Promise<AppHost> => {
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
  const prefix = (json(root, 'host.json') as HostJson).extensions?.http?.routePrefix ?? 'api'
  const server = createServer(httpFront({ match: router(app, prefix), timers, invoke, streamTo: capabilities.HttpUri }))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    functions: [...app.functions.values()].map((fn) => {
      const { type, methods, route } = triggerOf(fn) as {
        type: string
        methods?: ReadonlyArray<string>
        route?: string
      }
      const timer = timers.get(fn.name)
      if (timer !== undefined) return `${fn.name}: ${timer.schedule}`
      return type === 'httptrigger' ? `${fn.name}: ${methods?.join(',')} /${prefix}/${route ?? fn.name}` : fn.name
    }),
    close: async () => {
      for (const timer of timers.values()) timer.stop()
      // In Azure, too, the process is ended after five seconds, ready or not.
      await Promise.race([
        app.runHooks('appTerminate', { hookData: appHookData }),
        sleep(5_000, undefined, { ref: false }),
      ])
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Settings of `local.settings.json`, as Core Tools take them: what the environment has set already stays. */
export const loadLocalSettings = (root: string, env = process.env): void => {
  const { Values = {} } = json(root, 'local.settings.json') as { Values?: Record<string, string> }
  for (const [name, value] of Object.entries(Values)) env[name] ??= value
}

interface HostJson {
  readonly extensions?: { readonly http?: { readonly routePrefix?: string } }
}

const json = (root: string, file: string): unknown => {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && file !== 'package.json') return {}
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
