import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from './kept-ports'
import { NotInstalled } from './not-installed'

// A real DICOM archive that is not ours: Orthanc as Debian and Ubuntu package it, with its DICOMweb plugin.

export interface OrthancOptions {
  /** Any free port by default. It stays the same from start to start: FHIR holds it. */
  readonly port?: number | undefined
  /** Where it keeps its data. By default a scratch folder that goes with `close`. */
  readonly folder?: string | undefined
  /** An instance that comes again replaces the stored one. */
  readonly overwriteInstances?: boolean
  /** Most results of a search; 0: all. */
  readonly limitFindResults?: number
  /** Seconds without a new instance until a study is stable. */
  readonly stableAge?: number
  /** From where WADO-RS takes the metadata of a study. */
  readonly studiesMetadata?: 'Full' | 'MainDicomTags' | 'Extrapolate'
  /** Passwords of users; who is none of them is refused. */
  readonly users?: Readonly<Record<string, string>>
  readonly luaScripts?: ReadonlyArray<string>
  /** Seconds that it waits for a server that it calls. */
  readonly httpTimeout?: number
  /** What a script may read. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Orthanc {
  /** Its own REST API, on 127.0.0.1. */
  readonly url: string
  readonly dicomWebUrl: string
  /** Ends it as a service manager does: what is on its way is written. */
  readonly stop: () => Promise<void>
  readonly kill: () => Promise<void>
  /** After `stop` or `kill`: on the same port and the same data, with these options changed. */
  readonly start: (changed?: Omit<OrthancOptions, 'port' | 'folder'>) => Promise<void>
  /** After `stop` or `kill`: as if it had never held anything. */
  readonly wipe: () => Promise<void>
  readonly close: () => Promise<void>
}

export type OrthancProgram = { readonly program: string; readonly dicomWeb: string } | { readonly missing: string }

// Debian's service folder is in no ordinary user's PATH.
const programFolders = ['/usr/sbin', '/usr/local/sbin']
const pluginFolders = ['/usr/share/orthanc/plugins', '/usr/local/share/orthanc/plugins']
const howToGet = 'apt-get install orthanc orthanc-dicomweb'

const firstOf = (folders: ReadonlyArray<string>, file: string, mode: number): string | undefined =>
  folders
    .map((folder) => join(folder, file))
    .find((path) => {
      try {
        accessSync(path, mode)
        return true
      } catch {
        return false
      }
    })

/** Program and plugin, or what has to be installed first. */
export const findOrthanc = (
  env: NodeJS.ProcessEnv = process.env,
  places: { readonly programs?: ReadonlyArray<string>; readonly plugins?: ReadonlyArray<string> } = {},
): OrthancProgram => {
  const { programs = programFolders, plugins = pluginFolders } = places
  const path = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  const program = firstOf([...path, ...programs], 'Orthanc', constants.X_OK)
  if (program === undefined) return { missing: `Orthanc is not found (${howToGet})` }
  const dicomWeb = firstOf(plugins, 'libOrthancDicomWeb.so', constants.R_OK)
  if (dicomWeb === undefined) return { missing: `Orthanc's DICOMweb plugin is not found (${howToGet})` }
  return { program, dicomWeb }
}

const configuration = (options: OrthancOptions, port: number, folder: string, dicomWeb: string) => ({
  Name: 'DICOMcast',
  StorageDirectory: join(folder, 'data'),
  IndexDirectory: join(folder, 'data'),
  // It is here for a while, on a disk that nobody unplugs.
  SyncStorageArea: false,
  HttpPort: port,
  // It listens everywhere, and answers nobody but this machine.
  RemoteAccessAllowed: false,
  DicomServerEnabled: false,
  AuthenticationEnabled: options.users !== undefined,
  RegisteredUsers: options.users ?? {},
  OverwriteInstances: options.overwriteInstances ?? false,
  LimitFindResults: options.limitFindResults ?? 0,
  StableAge: options.stableAge ?? 60,
  HttpTimeout: options.httpTimeout ?? 60,
  LuaScripts: options.luaScripts ?? [],
  Plugins: [dicomWeb],
  DicomWeb: { Enable: true, Root: '/dicom-web/', StudiesMetadata: options.studiesMetadata ?? 'Full' },
})

// Orthanc would outlive a parent that was killed, and leave its scratch folder. The IPC channel closes with the parent, however
// that ended.
const watched = `
const [program, file, scratch] = process.argv.slice(1)
const child = require('node:child_process').spawn(program, [file], { stdio: ['ignore', 'inherit', 'inherit'] })
child.once('error', (error) => { console.error(error.message); process.exit(1) })
child.once('exit', () => {
  if (!process.connected && scratch !== '') require('node:fs').rmSync(scratch, { recursive: true, force: true })
  process.exit()
})
process.on('message', (signal) => child.kill(signal))
process.once('disconnect', () => child.kill(scratch === '' ? 'SIGTERM' : 'SIGKILL'))
`

interface Running {
  readonly child: ChildProcess
  readonly exited: Promise<unknown>
}

const run = async (program: string, file: string, scratch: string, env: NodeJS.ProcessEnv): Promise<Running> => {
  const child = spawn(process.execPath, ['--eval', watched, program, file, scratch], {
    // A group of its own: Ctrl-C must not take the archive away from a run that is ending.
    ...{ env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true, windowsHide: true },
  })
  const exited = once(child, 'exit')
  await new Promise<void>((resolve, reject) => {
    const said: string[] = []
    const listen = (line: string): void => {
      if (line.endsWith('] Orthanc has started')) resolve()
      said.push(line.replace(/^\w+ [\d:.]+ /, ''))
      said.splice(0, said.length - 20)
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', listen)
    }
    child.once('error', reject)
    child.once('exit', () =>
      reject(new Error(`Orthanc did not start: ${said.slice(-3).join(' ') || 'it said nothing'}`)),
    )
  })
  return { child, exited }
}

/** Starts Orthanc; it ends with `close`, and with this process however that ends. */
export const startOrthanc = async (options: OrthancOptions = {}): Promise<Orthanc> => {
  const found = findOrthanc()
  if ('missing' in found) throw new NotInstalled(`${found.missing}.`)
  const port = options.port || ((await freePort(0)) ?? 0)
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'dicomcast-orthanc-')))
  const scratch = options.folder === undefined ? folder : ''
  const [file, data] = [join(folder, 'orthanc.json'), join(folder, 'data')]
  let now = options
  let running: Running | undefined

  const start: Orthanc['start'] = async (changed = {}) => {
    now = { ...now, ...changed }
    await mkdir(data, { recursive: true, mode: 0o700 })
    // It holds passwords.
    await writeFile(file, JSON.stringify(configuration(now, port, folder, found.dicomWeb)), { mode: 0o600 })
    running = await run(found.program, file, scratch, { ...process.env, ...now.env })
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    running?.child.send(signal, () => undefined)
    await running?.exited
    running = undefined
  }
  const close = async (): Promise<void> => {
    await end(scratch === '' ? 'SIGTERM' : 'SIGKILL')
    if (scratch !== '') await rm(scratch, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    if (scratch !== '') await rm(scratch, { recursive: true, force: true })
    throw error
  }
  const url = `http://127.0.0.1:${port}`
  return {
    ...{ url, dicomWebUrl: `${url}/dicom-web`, start, close },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    wipe: () => rm(data, { recursive: true, force: true }),
  }
}
