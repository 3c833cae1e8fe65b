import { posix } from 'node:path'
import type { Node } from 'web-tree-sitter'
import { at, type BicepFile, childrenOf, declared, literal, nodesOf, propertiesOf, valueOf } from './bicep'

// What the compiler would say about names: declared and used, modules and their parameters, resource types and versions.

const functions = new Set(
  `bool cidrSubnet concat contains empty environment fail filter guid int items join json last length listKeys map min readEnvironmentVariable replace
  resourceGroup resourceId split string subscription subscriptionResourceId take tenant toLower union uniqueString`.split(
    /\s+/,
  ),
)
const decorators = new Set('allowed batchSize description export maxLength maxValue minLength minValue'.split(' '))

/** Types and versions that are known to exist. */
const versions: Readonly<Record<string, string>> = {
  'Microsoft.Authorization/roleAssignments': '2022-04-01',
  'Microsoft.EventGrid/systemTopics': '2025-02-15',
  'Microsoft.EventGrid/systemTopics/eventSubscriptions': '2025-02-15',
  'Microsoft.HealthcareApis/workspaces': '2024-03-31',
  'Microsoft.HealthcareApis/workspaces/dicomservices': '2024-03-31',
  'Microsoft.HealthcareApis/workspaces/fhirservices': '2024-03-31',
  'Microsoft.Insights/actionGroups': '2023-01-01',
  'Microsoft.Insights/components': '2020-02-02',
  'Microsoft.Insights/diagnosticSettings': '2021-05-01-preview',
  'Microsoft.Insights/scheduledQueryRules': '2026-03-01',
  'Microsoft.ManagedIdentity/userAssignedIdentities': '2024-11-30',
  'Microsoft.Network/privateDnsZones': '2024-06-01',
  'Microsoft.Network/privateDnsZones/virtualNetworkLinks': '2024-06-01',
  'Microsoft.Network/privateEndpoints': '2025-01-01',
  'Microsoft.Network/privateEndpoints/privateDnsZoneGroups': '2025-01-01',
  'Microsoft.Network/virtualNetworks': '2025-01-01',
  'Microsoft.OperationalInsights/workspaces': '2025-02-01',
  'Microsoft.Resources/resourceGroups': '2025-04-01',
  'Microsoft.Storage/storageAccounts': '2025-06-01',
  'Microsoft.Storage/storageAccounts/blobServices': '2025-06-01',
  'Microsoft.Storage/storageAccounts/blobServices/containers': '2025-06-01',
  'Microsoft.Storage/storageAccounts/tableServices': '2025-06-01',
  'Microsoft.Storage/storageAccounts/queueServices': '2025-06-01',
  'Microsoft.Storage/storageAccounts/queueServices/queues': '2025-06-01',
  'Microsoft.Web/serverfarms': '2025-03-01',
  'Microsoft.Web/sites': '2025-03-01',
  'Microsoft.Web/sites/basicPublishingCredentialsPolicies': '2025-03-01',
  'Microsoft.Web/sites/config': '2025-03-01',
  'Microsoft.Web/sites/functions': '2025-03-01',
}

const declarationTypes = [
  'parameter_declaration',
  'variable_declaration',
  'resource_declaration',
  'module_declaration',
  'output_declaration',
  'type_declaration',
]

export const declarations = (file: BicepFile, type: string): ReadonlyArray<Node> =>
  childrenOf(file.root).filter((node) => node.type === `${type}_declaration`)

/** Identifiers that refer to something: not what declares a name, not the key of a property, not a type. */
const references = (file: BicepFile): ReadonlyArray<Node> =>
  nodesOf(file.root, 'identifier').filter((node) => {
    const { parent } = node
    if (parent === null || ['type', 'primitive_type', 'import_functionality'].includes(parent.type)) return false
    const isFirst = childrenOf(parent)[0]?.id === node.id
    if (declarationTypes.includes(parent.type) && isFirst) return false
    return !(parent.type === 'object_property' && isFirst)
  })

/** Names that a loop or a lambda brings: `for x in`, `for (x, i) in`, `x =>`, `(x, i) =>`. */
const localNames = (file: BicepFile): ReadonlySet<string> =>
  new Set([
    ...[...file.root.text.matchAll(/\bfor\s+(\w+)\s+in\b/g)].map(([, name = '']) => name),
    ...[...file.root.text.matchAll(/\bfor\s+\((\w+),\s*(\w+)\)\s+in\b/g)].flatMap(([, ...names]) => names),
    ...[...file.root.text.matchAll(/\b(\w+)\s*=>/g)].map(([, name = '']) => name),
  ])

const isCalled = (node: Node): boolean =>
  node.parent?.type === 'call_expression' && node.parent.childForFieldName('function')?.id === node.id
const isDecorator = (node: Node): boolean => node.parent?.parent?.type === 'decorator'

const usageProblems = (file: BicepFile): ReadonlyArray<string> => {
  const owners = ['parameter', 'variable', 'resource', 'module'].flatMap((type) => declarations(file, type))
  const names = new Set([...owners.map(declared), ...localNames(file)])
  const used = new Set<string>()
  const unknown = references(file).flatMap((node) => {
    const { text } = node
    if (isCalled(node)) {
      const known = isDecorator(node) ? decorators : functions
      return known.has(text) ? [] : [`${at(file, node)}: no function is named ${text}`]
    }
    used.add(text)
    return names.has(text) ? [] : [`${at(file, node)}: ${text} is not declared`]
  })
  const idle = [...declarations(file, 'parameter'), ...declarations(file, 'variable')].filter(
    (owner) => !used.has(declared(owner)),
  )
  return [...unknown, ...idle.map((owner) => `${at(file, owner)}: ${declared(owner)} is never used`)]
}

/** A parameter without a description tells nobody what to put there. */
const descriptionProblems = (file: BicepFile): ReadonlyArray<string> =>
  childrenOf(file.root).flatMap((node, index, all) => {
    const needed =
      node.type === 'parameter_declaration' || (node.type === 'output_declaration' && file.path === 'infra/main.bicep')
    const before = all[index - 1]
    return !needed || (before?.type === 'decorators' && /@description\('[^']{5,}/.test(before.text))
      ? []
      : [`${at(file, node)}: ${declared(node)} has no description`]
  })

const resourceProblems = (file: BicepFile): ReadonlyArray<string> =>
  declarations(file, 'resource').flatMap((resource) => {
    const text = literal(childrenOf(resource)[1] as Node)
    const [type = '', version] = text.split('@')
    return versions[type] === version ? [] : [`${at(file, resource)}: ${text} is not a type and version we know`]
  })

/** The object of a module or resource, inside its condition or loop. */
const bodyOf = (declaration: Node): Node | undefined => {
  const value = valueOf(declaration)
  if (value === undefined || value.type === 'object') return value
  return childrenOf(value).findLast(({ type }) => type === 'object')
}

const signature = (file: BicepFile) => {
  const parameters = declarations(file, 'parameter')
  return {
    all: new Set(parameters.map(declared)),
    required: parameters.filter((each) => childrenOf(each).length < 3).map(declared),
    outputs: new Set(declarations(file, 'output').map(declared)),
  }
}

const moduleProblems = (file: BicepFile, files: ReadonlyArray<BicepFile>): ReadonlyArray<string> =>
  declarations(file, 'module').flatMap((module) => {
    const name = declared(module)
    const path = posix.join(posix.dirname(file.path), literal(childrenOf(module)[1] as Node))
    const target = files.find((each) => each.path === path)
    if (target === undefined) return [`${at(file, module)}: there is no ${path}`]
    const { all, required, outputs } = signature(target)
    const body = bodyOf(module)
    const params = body === undefined ? undefined : propertiesOf(body).get('params')
    const given = [...(params === undefined ? new Map() : propertiesOf(params)).keys()] as ReadonlyArray<string>
    const asked = [...file.root.text.matchAll(new RegExp(`\\b${name}!?\\.outputs\\.(\\w+)`, 'g'))].map(
      ([, output = '']) => output,
    )
    return [
      ...given.filter((each) => !all.has(each)).map((each) => `${path} has no parameter ${each}`),
      ...required.filter((each) => !given.includes(each)).map((each) => `${path} is not given ${each}`),
      ...asked.filter((each) => !outputs.has(each)).map((each) => `${path} has no output ${each}`),
    ].map((problem) => `${at(file, module)}: ${problem}`)
  })

export const nameProblems = (files: ReadonlyArray<BicepFile>): ReadonlyArray<string> =>
  files.flatMap((file) => [
    ...usageProblems(file),
    ...descriptionProblems(file),
    ...resourceProblems(file),
    ...moduleProblems(file, files),
  ])
