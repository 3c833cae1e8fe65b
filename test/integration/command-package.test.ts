import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { startAzurite } from '../../local/azurite'
import { startDicomService } from '../../local/dicom/service'
import { startFhirService } from '../../local/fhir/service'
import { storeSamples } from '../../local/stack-samples'
import { stackSettings } from '../../local/stack-settings'
import { type CliResult, startCommand } from '../support/world/cast-cli'
import { nodes, repository } from '../support/world/package-app'

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'dicomcast-command-')))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const npm = (executable: string, cwd: string, ...args: ReadonlyArray<string>): string =>
  execFileSync('npm', [...args, '--silent', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd,
    encoding: 'utf8',
    // The npm of this machine, run by that Node, with whatever registry the machine is told to ask.
    env: { ...process.env, PATH: `${dirname(executable)}${delimiter}${process.env['PATH']}` },
    shell: process.platform === 'win32',
  })

const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string }
let tarball = ''
beforeAll(() => {
  // The build is there: its tests run it.
  const packed = npm(process.execPath, repository, 'pack', '--ignore-scripts', '--pack-destination', scratch)
  tarball = join(scratch, packed.trim())
})

const installed = (executable: string, name: string, ...options: ReadonlyArray<string>): string => {
  const folder = join(scratch, name)
  mkdirSync(folder)
  npm(executable, folder, 'install', '--prefix', folder, ...options, tarball)
  return join(folder, 'node_modules', 'dicomcast-functions')
}

const runIn = (folder: string, executable: string) => {
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: { dicomcast: string } }
  return (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
    startCommand(executable, join(folder, bin.dicomcast), args, env).ended
}

const [node22, node24] = nodes.map(([, executable]) => executable)

describe('the packed command', () => {
  let folder = ''
  beforeAll(() => {
    folder = installed(node24 ?? '', 'whole')
  }, 300_000)

  it('holds what runs, and neither sources nor tests; npm would not publish it', () => {
    expect(readdirSync(folder).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'host.json', 'package.json'])
    expect(readdirSync(join(folder, 'dist')).sort()).toEqual(['cli', 'functions', 'lib', 'local'])
    expect(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))).toMatchObject({ version, private: true })
  })

  it.each(nodes)('on Node %s runs the whole local stack once', async (_, executable) => {
    const { code, stdout, stderr } = await runIn(folder, executable)(['local', 'stack', '--once', '--port', '0'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Counts: 29 instances stored, 1 refused; 5 studies, 4 patients, 2 dose observations')
  })
})

describe('the packed command without the packages of the local services', () => {
  let folder = ''
  beforeAll(() => {
    folder = installed(node22 ?? '', 'slim', '--omit=peer')
    expect(existsSync(join(folder, '..', 'azurite'))).toBe(false)
  }, 300_000)

  it.each(nodes)('on Node %s tells its version and its commands', async (_, executable) => {
    const run = runIn(folder, executable)
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    const { code, stdout } = await run(['--help'])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Usage: dicomcast .*^ {2}cast .*^ {2}local /ms)])
  })

  it.each(nodes)('on Node %s casts', async (_, executable) => {
    const [azurite, dicom, fhir] = [await startAzurite(), await startDicomService(), await startFhirService()]
    try {
      await storeSamples(dicom.url)
      const { connectionString } = azurite
      const env = stackSettings({}, { dicom: dicom.url, fhir: fhir.url, connectionString }, {}, true)
      const cast = await runIn(folder, executable)(['cast', '--json'], env as Record<string, string>)
      expect([cast.code, cast.stderr]).toEqual([0, ''])
      const counts = { ended: 'CaughtUp', entries: 29, stored: 25, recorded: 4 }
      expect(JSON.parse(cast.stdout)).toMatchObject(counts)
      expect(fhir.store.all().filter(({ resourceType }) => resourceType === 'ImagingStudy').length).toBe(5)
    } finally {
      await Promise.all([azurite.close(), dicom.close(), fhir.close()])
    }
  })

  it.each(nodes)('on Node %s says what the local services need', async (_, executable) => {
    const { code, stderr } = await runIn(folder, executable)(['local', 'stack', '--once'])
    expect([code, stderr]).toEqual([
      70,
      'dicomcast: a package is missing. The local services have packages of their own: install the command without --omit=peer.\n',
    ])
  })
})
