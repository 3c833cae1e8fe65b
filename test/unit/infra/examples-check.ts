import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { readApiKey } from '../../../lib/config/api-key'
import { readSettings } from '../../../lib/config/read-settings'
import { settingWarnings } from '../../../lib/config/setting-names'

type Json = Readonly<Record<string, unknown>>
export type Environment = Readonly<Record<string, string>>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
export const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((each, name) => (each as Json | undefined)?.[name as string], value)

const root = join(__dirname, '..', '..', '..')
export const text = (file: string): string => readFileSync(join(root, file), 'utf8')

/** What a person writes in the place of each secret. */
const filledIn = (value: string): string =>
  value
    .replace(/<16 characters or more>|\$\{DICOMCAST_API_KEY:[^}]*\}/, '0123456789abcdef')
    .replace(/<connection string of the storage account>/, 'UseDevelopmentStorage=true')
    .replace(/\$\{ORTHANC_PASSWORD:[^}]*\}/, 'secret')
    .replace(/\$\{STORAGE_KEY:[^}]*\}/, 'a2V5')
    .replace(/\$\{(?:DICOM|FHIR)_URL:[^}]*\}/, 'https://service.example')
    .replace(/\$\{PATIENT_SYSTEM_ID:[^}]*\}/, 'urn:oid:2.16.756.5.30.1.123')

const texts = (value: unknown): Environment =>
  Object.fromEntries(Object.entries(isRecord(value) ? value : {}).map(([name, each]) => [name, filledIn(String(each))]))

export const compose = parse(text('examples/compose.yaml')) as Json
export const orthanc = parse(text('examples/orthanc/compose.yaml')) as Json
export const manifests = parseAllDocuments(text('examples/kubernetes/dicomcast.yaml')).map(
  (each) => each.toJS() as Json,
)
export const kind = (name: string): Json => manifests.find((each) => each['kind'] === name) ?? {}

/** The settings that each example gives. */
export const environments: ReadonlyArray<readonly [string, Environment]> = [
  ['examples/compose.yaml', texts(at(compose, 'services', 'dicomcast', 'environment'))],
  ['examples/orthanc/compose.yaml', texts(at(orthanc, 'services', 'dicomcast', 'environment'))],
  [
    'examples/kubernetes/dicomcast.yaml',
    { ...texts(kind('ConfigMap')['data']), ...texts(kind('Secret')['stringData']) },
  ],
  [
    'examples/systemd/settings.env',
    texts(
      Object.fromEntries(
        [...text('examples/systemd/settings.env').matchAll(/^(\w+)="(.*)"$/gm)].map(([, n, v]) => [n, v]),
      ),
    ),
  ],
]

export const environmentProblems = (environment: Environment): ReadonlyArray<string> => {
  const [settings, key] = [readSettings(environment), readApiKey(environment)]
  return [
    ...(settings._tag === 'Left' ? settings.left : []),
    ...(key._tag === 'Left' ? key.left : []),
    ...settingWarnings(environment),
  ]
}

/** What a build takes from the context must be in it. */
export const missingInContext = (dockerfile: string, ignore: string): ReadonlyArray<string> => {
  const ignored = ignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const run = [...dockerfile.matchAll(/^RUN (.*)$/gm)].map(([, line = '']) => line).join('\n')
  const asked = ['package.json', 'package-lock.json', 'host.json', '.ci/build.mjs', 'functions', 'lib', 'cli', 'local']
  const scripts = (JSON.parse(text('package.json')) as { scripts: Json }).scripts
  return [
    ...asked.filter((each) => !existsSync(join(root, each)) || ignored.some((name) => each.split('/')[0] === name)),
    ...[...run.matchAll(/npm run ([\w:]+)/g)].flatMap(([, script = '']) => (script in scripts ? [] : [script])),
  ]
}

export const unitProblems = (unit: string): string | undefined => {
  const scratch = mkdtempSync(join(tmpdir(), 'dicomcast-unit-'))
  try {
    const file = join(scratch, 'dicomcast.service')
    writeFileSync(file, unit)
    const { error, stdout, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
    if (error !== undefined) return undefined
    // Where Node is, is each machine's affair.
    const isOurs = (line: string): boolean => line.includes('dicomcast.service') && !/node is not executable/.test(line)
    return (stdout + stderr).split('\n').filter(isOurs).join('\n')
  } finally {
    rmSync(scratch, { recursive: true })
  }
}
