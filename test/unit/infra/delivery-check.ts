import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { BicepFile } from './bicep'

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}
interface Workflow {
  readonly env?: Readonly<Record<string, string>>
  readonly permissions?: Readonly<Record<string, string>>
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly strategy?: { readonly matrix?: { readonly node?: ReadonlyArray<number> } }
        readonly env?: Readonly<Record<string, string>>
        readonly steps: ReadonlyArray<Step>
      }
    >
  >
}
type Hook = Readonly<Record<string, { readonly run: string }>>
interface AzdProject {
  readonly hooks?: { readonly predown?: Hook }
  readonly infra: { readonly path: string; readonly module: string }
  readonly services: Readonly<
    Record<
      string,
      {
        readonly dist: string
        readonly host: string
        readonly remoteBuild: boolean
        readonly hooks: { readonly prepackage: Hook }
      }
    >
  >
}

const text = (repository: string, file: string): string => readFileSync(join(repository, file), 'utf8')

const unless = (holds: boolean, problem: string): ReadonlyArray<string> => (holds ? [] : [problem])

/** azd finds the app by its tag, and deploys the folder that `npm run package` stages. */
export const azdProblems = (repository: string, files: ReadonlyArray<BicepFile>): ReadonlyArray<string> => {
  const project = parse(text(repository, 'azure.yaml')) as AzdProject
  const names = Object.keys(project.services)
  const tags = files.flatMap(({ root }) =>
    [...root.text.matchAll(/'azd-service-name': '([^']*)'/g)].map(([, name = '']) => name),
  )
  const service = Object.values(project.services)[0]
  const { path, module } = project.infra
  const script = text(repository, '.ci/package.mjs')
  const { scripts } = JSON.parse(text(repository, 'package.json')) as { scripts: Record<string, string> }
  const staged = /out: \{ type: 'string', default: join\(root, ([^)]*)\)/.exec(script)?.[1]?.replace(/', '/g, '/')
  const hooks = Object.values(service?.hooks.prepackage ?? {}).map(({ run }) => run)
  const down = Object.values(project.hooks?.predown ?? {}).map(({ run }) => run)
  return [
    // azd deletes each resource group that a deployment has touched, and ours gives roles in those of the two services.
    ...unless(
      down.length === 2 && down.every((run) => run.endsWith('; exit 1')),
      'azure.yaml: azd down deletes the DICOM and FHIR services',
    ),
    ...unless(
      tags.length === 1 && names.length === 1 && tags[0] === names[0],
      `azure.yaml: service ${names.join()}, but the tag azd-service-name is ${tags.join()}`,
    ),
    ...unless(existsSync(join(repository, path, `${module}.bicep`)), `azure.yaml: there is no ${path}/${module}.bicep`),
    ...unless(`'${service?.dist}'` === staged, `azure.yaml: dist is ${service?.dist}, the package is in ${staged}`),
    ...unless(service?.host === 'function', 'azure.yaml: host is not function'),
    ...unless(service?.remoteBuild === false, 'azure.yaml: a remote build would undo the bundle'),
    ...unless(
      hooks.length === 2 && hooks.every((run) => run === 'npm run package'),
      'azure.yaml: the hook does not package on every system',
    ),
    ...unless(scripts['package'] === 'node .ci/package.mjs', 'package.json: no script package'),
  ]
}

interface HostFile {
  readonly version: string
  readonly functionTimeout: string
  readonly extensionBundle: { readonly id: string; readonly version: string }
  readonly logging: { readonly applicationInsights: { readonly samplingSettings: { readonly excludedTypes: string } } }
}

/** What the Functions host reads, in Azure and in Core Tools. */
export const hostProblems = (repository: string): ReadonlyArray<string> => {
  const host = JSON.parse(text(repository, 'host.json')) as HostFile
  const { id, version } = host.extensionBundle
  const { excludedTypes } = host.logging.applicationInsights.samplingSettings
  return [
    ...unless(host.version === '2.0', 'host.json: version is not 2.0'),
    // DicomCast__TimeBudget goes up to nine minutes.
    ...unless(host.functionTimeout === '00:10:00', 'host.json: a run may take longer than its function'),
    ...unless(
      id === 'Microsoft.Azure.Functions.ExtensionBundle' && version === '[4.*, 5.0.0)',
      'host.json: not the extension bundle of Functions v4',
    ),
    ...unless(excludedTypes.split(';').includes('Trace'), 'host.json: the line of a run may be sampled away'),
  ]
}

/** In this order: nothing is deployed that did not compile, was not linted, or whose changes nobody saw. */
const deploySteps = [
  'node .ci/test.mjs',
  'node .ci/package.mjs',
  'az bicep build',
  'az bicep lint',
  'azure/login',
  'az deployment sub what-if',
  'azure/login',
  'az deployment sub create',
  'az functionapp deployment source config-zip',
]

export const workflowProblems = (repository: string): ReadonlyArray<string> => {
  const [ci, deploy] = ['ci.yml', 'deploy.yml'].map(
    (file) => parse(text(repository, `.github/workflows/${file}`)) as Workflow,
  )
  const tests = Object.values(ci?.jobs ?? {})
  const steps = Object.values(deploy?.jobs ?? {}).flatMap((job) => job.steps)
  const said = steps.map(({ uses = '', run = '' }) => `${uses} ${run}`)
  let next = 0
  for (const line of said) if (line.includes(deploySteps[next] ?? '\0')) next += 1
  const login = steps.filter(({ uses }) => uses?.startsWith('azure/login'))
  const parameters = [...text(repository, 'infra/main.bicepparam').matchAll(/readEnvironmentVariable\('(\w+)'/g)]
  const passed = Object.keys(deploy?.env ?? {})
  const both = text(repository, '.github/workflows/ci.yml') + text(repository, '.github/workflows/deploy.yml')
  return [
    ...unless(
      tests.every(({ strategy }) => JSON.stringify(strategy?.matrix?.node) === '[22,24]'),
      'ci.yml: not on Node 22 and 24',
    ),
    ...unless(
      tests.every(({ env }) => env?.['EXPECTED_NODE_MAJOR'] === '${{ matrix.node }}'),
      'ci.yml: a job does not say which Node it wants to run on',
    ),
    ...unless(
      tests.every((job) =>
        job.steps.some(({ run = '' }) =>
          run.includes('process.exit(major === process.env.EXPECTED_NODE_MAJOR ? 0 : 1)'),
        ),
      ),
      'ci.yml: a job does not look which Node really runs',
    ),
    ...unless(
      tests.every((job) => job.steps.some(({ run }) => run === 'node .ci/test.mjs')),
      'ci.yml: a job does not test',
    ),
    ...unless(next === deploySteps.length, `deploy.yml: no step, or too early: ${deploySteps[next]}`),
    ...parameters.flatMap(([, name = '']) => unless(passed.includes(name), `deploy.yml: ${name} is not passed on`)),
    ...unless(deploy?.permissions?.['id-token'] === 'write', 'deploy.yml: no OpenID Connect token'),
    ...unless(
      login.every((step) => Object.keys(step.with ?? {}).join() === 'client-id,tenant-id,subscription-id'),
      'deploy.yml: a login by something else than OpenID Connect',
    ),
    ...unless(!/\bsecrets\./.test(both), 'workflows: a secret is read'),
    ...[...both.matchAll(/uses: (\S+)/g)].flatMap(([, action = '']) =>
      unless(/@(v\d+|[0-9a-f]{40})$/.test(action), `workflows: ${action} has no version`),
    ),
  ]
}

/** Nothing in infra/ makes, reads or hands on a key. */
export const secretProblems = (repository: string, files: ReadonlyArray<BicepFile>): ReadonlyArray<string> => {
  const all = files.map(({ root }) => root.text).join('\n') + text(repository, 'infra/main.bicepparam')
  const storage = files.find(({ path }) => path === 'infra/modules/storage.bicep')?.root.text ?? ''
  const monitoring = files.find(({ path }) => path === 'infra/modules/monitoring.bicep')?.root.text ?? ''
  return [
    ...unless(!/\blist(Keys|AccountSas|ServiceSas|Secrets|Credentials)\b/.test(all), 'infra: a key is listed'),
    ...unless(!/AccountKey=|SharedAccessSignature|clientSecret:/i.test(all), 'infra: a secret is written down'),
    ...unless(/allowSharedKeyAccess: false/.test(storage), 'infra: storage has shared keys'),
    ...unless(/allowBlobPublicAccess: false/.test(storage), 'infra: storage has public blobs'),
    ...unless(/DisableLocalAuth: true/.test(monitoring), 'infra: Application Insights takes keys'),
  ]
}
