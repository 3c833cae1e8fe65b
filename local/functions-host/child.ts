import { runAppHost } from './app-host'
import type { LogLine } from './core-api'

// The process that `startFunctionsHost` forks: the app alone in its own process, as in Azure.
export type Message =
  | { readonly ready: { readonly url: string; readonly functions: ReadonlyArray<string> } }
  | { readonly failed: string }
  | { readonly log: LogLine }
  /** All lines of before have been told. */
  | { readonly heard: true }

const tell = (message: Message): void => {
  if (process.connected) process.send?.(message)
}

const main = async (root = '.', port = '0'): Promise<void> => {
  const host = await runAppHost(root, Number(port), (log) => tell({ log }))
  let closing = false
  const close = (): void => {
    if (closing) return
    closing = true
    void host.close().finally(() => process.exit(0))
  }
  process.on('message', () => tell({ heard: true }))
  // The parent closes the channel to stop us; it also closes when the parent dies.
  process.once('disconnect', close).once('SIGTERM', close).once('SIGINT', close)
  tell({ ready: { url: host.url, functions: host.functions } })
}

main(...process.argv.slice(2)).catch((error: Error) => {
  tell({ failed: error.message })
  process.exitCode = 1
  process.disconnect()
})
