import { describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// The compiled command as a person runs it, in a process of its own.
const command = join(__dirname, '..', '..', 'dist', 'cli', 'dicomcast.js')

interface Ended {
  readonly code: unknown
  readonly stdout: string
  readonly stderr: string
}
const start = (...args: string[]) => {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  return {
    child,
    ended: once(child, 'close').then(([code]): Ended => ({ code, stdout, stderr })),
    says: async (words: string): Promise<string> => {
      for (let waited = 0; !stdout.includes(words) && waited < 60_000 && child.exitCode === null; waited += 50) {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      return stdout
    },
  }
}
// Windows ends a process without telling it; there only a real Ctrl-C in a terminal can be handled.
const itWithSignals = process.platform === 'win32' ? it.skip : it

const run = (...args: string[]): Promise<Ended> => start(...args).ended

describe('dicomcast', () => {
  it.each([[['frob']], [['local', 'stack', '--frob']], [['local', 'fhir', '--port', '99999']]])(
    'ends a usage error with 2 and one line on stderr: %j',
    async (args) => {
      const { code, stdout, stderr } = await run(...args)
      expect([code, stdout, stderr.trim().split('\n').length]).toEqual([2, '', 1])
    },
  )

  itWithSignals.each(['dicom', 'fhir'])('local %s tells its address and ends on SIGTERM with 0', async (service) => {
    const running = start('local', service, '--port', '0')
    const url = /listening at (\S+)/.exec(await running.says('Ctrl-C'))?.[1] ?? ''
    expect((await fetch(`${url}/${service === 'fhir' ? 'metadata' : 'v1/changefeed'}`)).status).toBe(200)
    running.child.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('dicomcast local stack', () => {
  it('ends with 2 where HAPI cannot run, and says what is missing', async () => {
    const env = { ...process.env, PATH: join(tmpdir(), 'nothing') }
    const child = spawn(process.execPath, [command, 'local', 'stack', '--hapi', '--once', '--port', '0'], { env })
    let stderr = ''
    child.stderr.on('data', (chunk) => (stderr += String(chunk)))
    expect(await once(child, 'close')).toEqual([2, null])
    expect(stderr).toMatch(/^dicomcast: HAPI needs a JDK of 17 or newer and Maven: Maven \(mvn\) is not found.*\n$/)
  })

  it('casts the sample files in one run, shows what came of them and ends with 0', async () => {
    const { code, stdout, stderr } = await run('local', 'stack', '--once', '--port', '0')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^Files +\d+ of 31 stored.* refused by the DICOM service$/m)
    expect(stdout).toMatch(/^Cast +CaughtUp/m)
    // The MR series of 20 slices is one study with one series; its truncated slice was refused.
    expect(stdout).toMatch(/^ +\S+ +Patient\/\S+ +MR +1 +(19|20) +ImagingStudy\/\S+$/m)
    expect(stdout).toMatch(/DicomFailToStoreExceptionTable: [1-9]\d* rows?$/m)
    // Dates and times in ACR-NEMA's spelling are read; the file that is made dirty has a birth date in month 13.
    expect(stdout).toMatch(/InvalidDicomTagExceptionTable: 1 row$/m)
    expect(stdout).toMatch(/PatientBirthDate is invalid: not a date \(DA\)/)
    expect(stdout).toMatch(/FhirFailToStoreExceptionTable: empty$/m)
    expect(stdout).toMatch(/^Checkpoint: (\d+) of \1 in the change feed$/m)
  }, 60_000)

  itWithSignals(
    'goes on where it was with --keep, and ends on Ctrl-C with 0',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'dicomcast-keep-'))
      const first = await run('local', 'stack', '--once', '--port', '0', '--keep', folder)
      const checkpoint = /^Checkpoint: .*$/m.exec(first.stdout)?.[0] ?? 'no checkpoint was shown'

      const second = start('local', 'stack', '--port', '0', '--keep', folder)
      await second.says('Ctrl-C')
      second.child.kill('SIGINT')
      const { code, stdout, stderr } = await second.ended
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/^Files +0 of 31 stored/m)
      expect(stdout).toMatch(/^Four of the sample files have no PatientID, and are there on purpose/m)
      expect(stdout).toMatch(/^One experiment[\s\S]*^ {2}export DicomWeb__Endpoint='http/m)
      expect(stdout).toContain(checkpoint)
      const addressIn = (printed: string): string | undefined => /^DICOM +(\S+)$/m.exec(printed)?.[1]
      expect([addressIn(stdout), addressIn(stdout)]).toEqual([addressIn(first.stdout), expect.stringMatching(/^http/)])

      // FHIR holds that address: it is not changed behind anybody's back.
      const port = Number(new URL(addressIn(stdout) ?? '').port)
      const other = createServer().listen(port)
      await once(other, 'listening')
      const third = await run('local', 'stack', '--once', '--keep', folder)
      expect([third.code, third.stderr]).toEqual([2, expect.stringContaining(`port ${port} is taken`)])
      const fourth = await run('local', 'stack', '--once', '--port', '1', '--keep', folder)
      expect([fourth.code, fourth.stderr]).toEqual([2, expect.stringContaining('leave out --port')])
      other.close()
      await rm(folder, { recursive: true })
    },
    90_000,
  )
})
