import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Azurite {
  readonly connectionString: string
  readonly blobUrl: string
  readonly tableUrl: string
  readonly queueUrl: string
  readonly close: () => Promise<void>
}

// The account every storage emulator has; its key is printed in Microsoft's documentation and opens nothing else.
const account = 'devstoreaccount1'
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

// Azurite would outlive a parent that was killed. The IPC channel closes with the parent, however that ended, on every
// system; closing it is also how we stop Azurite, because Windows has no SIGTERM that could be handled.
const untilDisconnected = `process.once('disconnect', () => process.emit('message', 'shutdown')); require(process.argv[1])`

const options = [
  '--silent',
  '--disableTelemetry',
  '--skipApiVersionCheck',
  '--blobPort=0',
  '--queuePort=0',
  '--tablePort=0',
]

/** Starts the storage emulator on free ports: in memory, or keeping its state in `folder`. */
export const startAzurite = async ({ folder }: { readonly folder?: string | undefined } = {}): Promise<Azurite> => {
  const where = folder === undefined ? ['--inMemoryPersistence'] : ['--location', folder]
  const child = spawn(
    process.execPath,
    ['--eval', untilDisconnected, require.resolve('azurite/dist/src/azurite.js'), ...options, ...where],
    // A group of its own: Ctrl-C in the terminal must not take the storage away before the app has released its lease.
    { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true, windowsHide: true },
  )
  const exited = once(child, 'exit')
  const urls = await listeningUrls(child)
  const endpoints = [...urls].map(([service, url]) => `${service}Endpoint=${url}/${account};`)
  return {
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};${endpoints.join('')}`,
    blobUrl: `${urls.get('Blob')}/${account}`,
    tableUrl: `${urls.get('Table')}/${account}`,
    queueUrl: `${urls.get('Queue')}/${account}`,
    close: async () => {
      if (child.connected) child.disconnect()
      const patience = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await exited
      clearTimeout(patience)
    },
  }
}

const listeningUrls = (child: ChildProcess): Promise<ReadonlyMap<string, string>> =>
  new Promise((resolve, reject) => {
    const urls = new Map<string, string>()
    const said: string[] = []
    const listen = (line: string): void => {
      said.push(line)
      const [, service, url] = /Azurite (\w+) service is successfully listening at (\S+)/.exec(line) ?? []
      if (service !== undefined && url !== undefined) urls.set(service, url)
      if (urls.size === 3) resolve(urls)
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', listen)
    }
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`Azurite did not start: ${said.slice(-3).join(' ')}`)))
  })
