import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Node } from 'web-tree-sitter'
import type { SettingDescription } from '../../../lib/config/setting'
import { type BicepFile, childrenOf, declared, literal, nodesOf, propertiesOf, valueOf } from './bicep'
import { declarations } from './bicep-names'

/** Read by the host and by @azure/identity, not by lib/config. */
const ofThePlatform = [
  'AzureWebJobsStorage__credential',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'AZURE_CLIENT_ID',
  'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT',
  'AzureWebJobs.castTimer.Disabled',
]

/** Other ways to name the storage: a connection string is a secret, and the URIs say more than the account's name. */
const otherWaysIn = ['AzureWebJobsStorage', 'AzureWebJobsStorage__accountName']

/** Where Azure wants something else than the code's default. */
const azuresDefaults: Readonly<Record<string, string>> = {
  DicomWeb__Authentication__Enabled: 'true',
  Fhir__Authentication__Enabled: 'true',
}

const settingsIn = (file: BicepFile | undefined, variable: string): ReadonlyMap<string, Node> => {
  const declaration =
    file && declarations(file, 'variable').find((each) => declared(each) === variable && valueOf(each) !== undefined)
  const value = declaration && valueOf(declaration)
  return value === undefined ? new Map() : propertiesOf(value)
}

/** What a setting is worth when nobody sets its parameter; `undefined` when it does not come from one parameter. */
const defaultOf = (value: Node, main: BicepFile): { readonly parameter: string; readonly text: string } | undefined => {
  const names = value.type === 'identifier' ? [value] : nodesOf(value, 'identifier')
  const parameters = declarations(main, 'parameter').filter((each) => names.some(({ text }) => text === declared(each)))
  const [parameter] = parameters
  const standard = parameter && childrenOf(parameter)[2]
  if (parameters.length !== 1 || parameter === undefined || standard === undefined) return undefined
  return { parameter: declared(parameter), text: literal(standard) }
}

const boundsOf = (parameter: string, main: BicepFile): string => {
  const all = childrenOf(main.root)
  const index = all.findIndex((node) => node.type === 'parameter_declaration' && declared(node) === parameter)
  const bound = (name: string): string | undefined =>
    new RegExp(`@${name}\\((\\d+)\\)`).exec(all[index - 1]?.text ?? '')?.[1]
  return `${bound('minValue')} to ${bound('maxValue')}`
}

const valueProblems = (
  { name, default: standard, expected }: SettingDescription,
  value: Node,
  main: BicepFile,
): ReadonlyArray<string> => {
  const found = defaultOf(value, main)
  if (found === undefined) return []
  // `{Fhir__Endpoint}/.default` and `all` are what the code makes of an empty setting.
  const empty = standard === undefined || standard === 'all' || standard.includes('{D') || standard.includes('{F')
  const wanted = azuresDefaults[name] ?? (empty ? '' : standard)
  const [, bounds] = /^a whole number of \w+ from (\d+ to \d+)$/.exec(expected) ?? []
  return [
    ...(found.text === wanted
      ? []
      : [`infra/main.bicep: ${found.parameter} is '${found.text}', ${name} is '${wanted}'`]),
    ...(bounds === undefined || boundsOf(found.parameter, main) === bounds
      ? []
      : [`infra/main.bicep: ${found.parameter} goes from ${boundsOf(found.parameter, main)}, ${name} from ${bounds}`]),
  ]
}

/** What the app gets is these three lists; the third is one setting, for the sign-in of operators. */
const listsProblems = ({ root }: BicepFile): ReadonlyArray<string> =>
  root.text.includes('for setting in items(union(castSettings, platformSettings, authSettings)): {') &&
  root.text.includes("var authSettings = hasAuth ? { '${federatedCredential}': identityClientId } : {}")
    ? []
    : ['infra: the app gets settings beside those that are checked']

const differences = (where: string, found: Iterable<string>, wanted: Iterable<string>): ReadonlyArray<string> => {
  const [has, needs] = [new Set(found), new Set(wanted)]
  return [
    ...[...needs].filter((name) => !has.has(name)).map((name) => `${where}: ${name} is missing`),
    ...[...has].filter((name) => !needs.has(name)).map((name) => `${where}: nothing reads ${name}`),
  ]
}

/** Every setting the code reads is in Bicep, in the sample and in the README, and no other is. */
export const settingsProblems = (
  repository: string,
  files: ReadonlyArray<BicepFile>,
  settings: ReadonlyArray<SettingDescription>,
): ReadonlyArray<string> => {
  const names = settings.map(({ name }) => name)
  const main = files.find(({ path }) => path === 'infra/main.bicep')
  const app = files.find(({ path }) => path === 'infra/modules/function-app.bicep')
  if (main === undefined || app === undefined) return ['infra: main.bicep or function-app.bicep is missing']
  const inBicep = new Map([...settingsIn(main, 'castSettings'), ...settingsIn(app, 'platformSettings')])
  const sample = JSON.parse(readFileSync(join(repository, 'local.settings.sample.json'), 'utf8')) as {
    Values: Record<string, string>
  }
  const readme = readFileSync(join(repository, 'README.md'), 'utf8')
  const [, table = ''] = /<!-- settings:[^>]*-->\n([\s\S]*?)<!-- \/settings -->/.exec(readme) ?? []
  return [
    ...listsProblems(app),
    ...differences('infra', inBicep.keys(), [...names.filter((name) => !otherWaysIn.includes(name)), ...ofThePlatform]),
    ...differences('local.settings.sample.json', Object.keys(sample.Values), [...names, 'FUNCTIONS_WORKER_RUNTIME']),
    ...differences(
      'README.md',
      [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name = '']) => name),
      names,
    ),
    ...settings.flatMap((setting) => {
      const value = inBicep.get(setting.name)
      return value === undefined ? [] : valueProblems(setting, value, main)
    }),
  ]
}
