import { describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

// The compiled command as a person runs it, in a process of its own.
const command = join(__dirname, '..', '..', 'dist', 'cli', 'dicomcast.js')

const start = (...args: ReadonlyArray<string>) =>
  spawn(process.execPath, [command, 'local', 'stack', '--hapi', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })

const textOf = async (stream: AsyncIterable<unknown>): Promise<string> => {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

const software = async (fhirUrl: string): Promise<unknown> => {
  const response = await fetch(`${fhirUrl}/metadata`)
  return ((await response.json()) as { readonly software?: unknown }).software
}

describe('dicomcast local stack --hapi', () => {
  it('casts the sample files into HAPI, which does not outlive it even when it is killed', async () => {
    const child = start('--port', '0')
    const exited = once(child, 'exit')
    const lines: string[] = []
    // It has shown what came of the files when it says how to stop it.
    for await (const line of createInterface(child.stdout)) {
      lines.push(line)
      if (line.includes('Ctrl-C')) break
    }
    const said = lines.join('\n')
    const [, fhirUrl = ''] = /^FHIR +(\S+) \(HAPI FHIR, in memory\)$/m.exec(said) ?? []
    expect(said).toMatch(
      /^Counts: 29 instances stored, 1 refused; 5 studies, 4 patients, 2 dose observations; rows: 1 InvalidDicomTagExceptionTable, 4 DicomFail/m,
    )
    expect(await software(fhirUrl)).toEqual({ name: 'HAPI FHIR Server', version: '8.8.0' })

    child.kill('SIGKILL')
    await exited
    while (await software(fhirUrl).catch(() => undefined)) await new Promise((resolve) => setTimeout(resolve, 50))
  })

  it.each([
    ['--fhir', 'http://127.0.0.1:1'],
    ['--keep', 'folder'],
  ])('cannot be had together with %s', async (...other) => {
    const child = start(...other)
    const [exited, said] = [once(child, 'exit'), textOf(child.stderr)]
    expect(await exited).toEqual([2, null])
    expect(await said).toMatch(/^error: option '--hapi' cannot be used with option '--(fhir|keep) <\w+>'\n$/)
  })
})
