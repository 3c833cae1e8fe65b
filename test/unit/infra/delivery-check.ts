import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { BicepFile } from './bicep'

type Hook = Readonly<Record<string, { readonly run: string }>>
interface AzdProject {
  readonly requiredVersions?: { readonly azd?: string }
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

export const text = (repository: string, file: string): string => readFileSync(join(repository, file), 'utf8')

export const unless = (holds: boolean, problem: string): ReadonlyArray<string> => (holds ? [] : [problem])

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
    // Older ones do not know `remoteBuild: false`.
    ...unless(project.requiredVersions?.azd === '>= 1.23.12', 'azure.yaml: any version of azd will do'),
    ...unless(service?.host === 'function', 'azure.yaml: host is not function'),
    ...unless(service?.remoteBuild === false, 'azure.yaml: a remote build would undo the bundle'),
    ...unless(
      hooks.length === 2 && hooks.every((run) => run === 'npm run package'),
      'azure.yaml: the hook does not package on every system',
    ),
    ...unless(scripts['package'] === 'node .ci/package.mjs', 'package.json: no script package'),
  ]
}

/** `COPY . .` takes neither secrets nor what another machine has built. */
export const dockerProblems = (repository: string): ReadonlyArray<string> => {
  const ignored = text(repository, '.dockerignore').split('\n')
  return ['.git', 'dist', 'local.settings.json', 'node_modules'].flatMap((each) =>
    unless(ignored.includes(each), `.dockerignore: ${each} goes into an image`),
  )
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

/** Event Grid proves itself by the key of the one route that it may call. */
const keyOfEvents = /value: wake\.listKeys\(\)\.default\n\s+isSecret: true/

/** Nothing in infra/ makes, reads or hands on a key, but for that one. */
export const secretProblems = (repository: string, files: ReadonlyArray<BicepFile>): ReadonlyArray<string> => {
  const all = files.map(({ root }) => root.text).join('\n') + text(repository, 'infra/main.bicepparam')
  const storage = files.find(({ path }) => path === 'infra/modules/storage.bicep')?.root.text ?? ''
  const monitoring = files.find(({ path }) => path === 'infra/modules/monitoring.bicep')?.root.text ?? ''
  return [
    ...unless(
      !/\blist(Keys|AccountSas|ServiceSas|Secrets|Credentials)\b/.test(all.replace(keyOfEvents, '')),
      'infra: a key is listed',
    ),
    ...unless(!/AccountKey=|SharedAccessSignature|clientSecret:/i.test(all), 'infra: a secret is written down'),
    ...unless(/allowSharedKeyAccess: false/.test(storage), 'infra: storage has shared keys'),
    ...unless(/allowBlobPublicAccess: false/.test(storage), 'infra: storage has public blobs'),
    ...unless(/DisableLocalAuth: true/.test(monitoring), 'infra: Application Insights takes keys'),
  ]
}
