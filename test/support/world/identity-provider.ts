import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface IdentityProvider {
  readonly url: string
  readonly stop: () => Promise<void>
}

export interface ProviderOptions {
  readonly clients: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly tokenSeconds?: number
  /** Of tokens for which no resource is asked. */
  readonly audience: string
}

const firstLine = async (child: ChildProcess): Promise<string> => {
  let text = ''
  child.stdout?.setEncoding('utf8')
  while (!text.includes('\n'))
    text += String(((await once(child.stdout as NodeJS.ReadableStream, 'data')) as [string])[0])
  return text.trim()
}

/** oidc-provider, which is an ES module and wants a process of its own. */
export const startIdentityProvider = async ({
  tokenSeconds = 600,
  ...options
}: ProviderOptions): Promise<IdentityProvider> => {
  const child = spawn(
    process.execPath,
    [join(__dirname, 'oidc-server.mjs'), JSON.stringify({ tokenSeconds, ...options })],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  )
  const ended = once(child, 'exit')
  const url = await firstLine(child)
  return {
    url,
    stop: async () => {
      child.stdin?.end()
      await ended
    },
  }
}
