import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { stripVTControlCharacters } from 'node:util'
import { NotInstalled } from './not-installed'

// A real FHIR server that is not ours: HAPI FHIR JPA on H2, in memory, validating what is written. Its Maven project is
// test/hapi; it is built once into .dicomcast/hapi.

export interface Hapi {
  /** Base URL, on 127.0.0.1. */
  readonly url: string
  readonly pid: number
  readonly close: () => Promise<void>
}

export interface HapiOptions {
  /** 0, the default: any free port. */
  readonly port?: number | undefined
  /** Told what takes long, before it begins. */
  readonly onProgress?: (text: string) => void
}

export type HapiTools = { readonly java: string } | { readonly missing: string }

const oldestJava = 17
// The server is there to be asked for a minute: quick to start matters more than fast.
const javaFlags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx2g']

// Compiled, this file lies in dist/local; under jest it is the source.
const packageRoot =
  [join(__dirname, '..'), join(__dirname, '..', '..')].find((folder) => existsSync(join(folder, 'package.json'))) ?? '.'
const project = join(packageRoot, 'test', 'hapi')
const pom = join(project, 'pom.xml')
const source = join(project, 'src', 'main', 'java', 'HapiServer.java')

const onWindows = process.platform === 'win32'
const quoted = (argument: string): string => (onWindows ? `"${argument}"` : argument)

interface Ended {
  readonly succeeded: boolean
  readonly output: string
}

/** On Windows Maven is a `.cmd`, which only a shell can run. */
const maven = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { env, shell: onWindows, maxBuffer: 1 << 26 }
    execFile('mvn', ['-B', ...args.map(quoted)], options, (error, stdout, stderr) =>
      resolve({ succeeded: error === null, output: stripVTControlCharacters(`${stdout}${stderr}`).trim() }),
    )
  })

/** The JDK that Maven itself uses, or what has to be installed first. */
export const findHapiTools = async (env: NodeJS.ProcessEnv = process.env): Promise<HapiTools> => {
  const { output } = await maven(['--version'], env)
  const line = output.split('\n').find((each) => each.startsWith('Java version: ')) ?? ''
  const [, version] = /^Java version: (?:1\.)?(\d+)/.exec(line) ?? []
  const [, home = ''] = line.split('runtime: ')
  if (version === undefined) return { missing: 'Maven (mvn) is not found, or finds no Java' }
  if (Number(version) < oldestJava) return { missing: `Maven runs on Java ${version}, not ${oldestJava} or newer` }
  const tool = (name: string): string => join(home.trim(), 'bin', onWindows ? `${name}.exe` : name)
  return existsSync(tool('javac')) ? { java: tool('java') } : { missing: `Java ${version} is no JDK: it has no javac` }
}

const readClasspath = async (folder: string): Promise<ReadonlyArray<string> | undefined> => {
  const text = await readFile(join(folder, 'classpath'), 'utf8').catch(() => undefined)
  const jars = text?.trim().split(delimiter) ?? []
  // The jars stay in Maven's own repository, which somebody may have emptied since.
  return jars.length > 0 && jars.every((jar) => existsSync(jar)) ? [join(folder, 'classes'), ...jars] : undefined
}

/** Builds unless this very source was built before. Two processes may do it at once: the first to finish wins. */
const build = async (onProgress: (text: string) => void): Promise<ReadonlyArray<string>> => {
  const content = await Promise.all([pom, source].map((file) => readFile(file)))
  const hash = createHash('sha256').update(Buffer.concat(content)).digest('hex').slice(0, 16)
  const parent = join(packageRoot, '.dicomcast', 'hapi')
  const folder = join(parent, hash)
  const built = await readClasspath(folder)
  if (built !== undefined) return built
  onProgress('building HAPI with Maven; the first time it downloads some 300 MB …')
  const own = join(parent, `${hash}-${process.pid}`)
  await mkdir(own, { recursive: true })
  try {
    const classpath = `-Dmdep.outputFile=${join(own, 'classpath')}`
    const goals = ['compile', 'dependency:build-classpath']
    const made = await maven(['-q', '-f', pom, `-DbuildFolder=${own}`, ...goals, classpath], process.env)
    if (!made.succeeded) throw new Error(`HAPI could not be built: ${made.output.split('\n').slice(0, 3).join(' ')}`)
    // Built once, but its jars have gone since.
    if ((await readClasspath(folder)) === undefined) await rm(folder, { recursive: true, force: true })
    await rename(own, folder).catch(() => undefined)
  } finally {
    await rm(own, { recursive: true, force: true })
  }
  const found = await readClasspath(folder)
  if (found === undefined) throw new Error(`HAPI was built, but not all of it is in ${folder}.`)
  return found
}

/** Builds HAPI if need be and starts it; it ends with `close`, and with this process however that ends. */
export const startHapi = async ({ port = 0, onProgress = () => {} }: HapiOptions = {}): Promise<Hapi> => {
  const tools = await findHapiTools()
  if ('missing' in tools)
    throw new NotInstalled(`HAPI needs a JDK of ${oldestJava} or newer and Maven: ${tools.missing}.`)
  const classpath = await build(onProgress)
  onProgress('starting HAPI …')
  const child = spawn(tools.java, [...javaFlags, '-cp', classpath.join(delimiter), 'HapiServer', String(port)], {
    // It ends when its standard input does. A group of its own: Ctrl-C must not take FHIR away from a run that is ending.
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    windowsHide: true,
  })
  const exited = once(child, 'exit')
  const listening = await readyPort(child)
  return {
    url: `http://127.0.0.1:${listening}/fhir`,
    pid: child.pid ?? 0,
    close: async () => {
      child.stdin?.end()
      const patience = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await exited
      clearTimeout(patience)
    },
  }
}

const readyPort = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    const said: string[] = []
    const listen = (line: string): void => {
      const [, port] = /^READY (\d+)$/.exec(line) ?? []
      if (port !== undefined) resolve(port)
      if (!/^\s+(at |\.\.\. )|^SLF4J/.test(line)) said.push(line)
      said.splice(0, said.length - 20)
    }
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface(stream).on('line', listen)
    }
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`HAPI did not start: ${said.slice(-3).join(' ') || 'it said nothing'}`)))
  })
