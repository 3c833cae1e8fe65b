import { at, type BicepFile, childrenOf, declared, literal, nodesOf, propertiesOf, valueOf } from './bicep'
import { declarations } from './bicep-names'
import { text } from './delivery-check'

/** Azure's built-in roles that the app may have, and the one kind of resource each is given on. Nothing more. */
const roles: Readonly<Record<string, { readonly id: string; readonly on: string }>> = {
  'Storage Blob Data Owner': { id: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b', on: 'Microsoft.Storage/storageAccounts' },
  'Storage Table Data Contributor': {
    id: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
    on: 'Microsoft.Storage/storageAccounts',
  },
  'Storage Queue Data Contributor': {
    id: '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
    on: 'Microsoft.Storage/storageAccounts/queueServices/queues',
  },
  'Storage Blob Data Contributor': {
    id: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
    on: 'Microsoft.Storage/storageAccounts',
  },
  'Monitoring Metrics Publisher': { id: '3913510d-42f4-4e42-8a64-420c390055eb', on: 'Microsoft.Insights/components' },
  'DICOM Data Reader': {
    id: 'e89c7a3c-2f64-4fa1-a847-3e4c9ba4283a',
    on: 'Microsoft.HealthcareApis/workspaces/dicomservices',
  },
  'FHIR Data Writer': {
    id: '3f88fce4-5892-4214-ae73-ba5294559913',
    on: 'Microsoft.HealthcareApis/workspaces/fhirservices',
  },
}

const variableOf = (role: string): string =>
  role
    .split(' ')
    .map((word, index) => (index === 0 ? word.toLowerCase() : word))
    .join('')

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A role's id stands in a variable that bears its name; each assignment uses such a variable, on the resource it is for. */
export const roleProblems = (files: ReadonlyArray<BicepFile>): ReadonlyArray<string> => {
  const given = new Set<string>()
  const problems = files.flatMap((file) => {
    const named = new Map(
      declarations(file, 'variable').flatMap((variable): ReadonlyArray<readonly [string, string]> => {
        const value = valueOf(variable)
        return value?.type === 'string' && guid.test(literal(value)) ? [[declared(variable), literal(value)]] : []
      }),
    )
    const known = (name: string): string | undefined =>
      Object.keys(roles).find((role) => variableOf(role) === name && roles[role]?.id === named.get(name))
    const ids = nodesOf(file.root, 'string').filter((node) => guid.test(literal(node)))
    return [
      ...ids
        .filter(({ parent }) => parent?.type !== 'variable_declaration' || known(declared(parent)) === undefined)
        .map((node) => `${at(file, node)}: ${literal(node)} is not the id of the role that its variable names`),
      ...declarations(file, 'resource')
        .filter((resource) => childrenOf(resource)[1]?.text.includes('Microsoft.Authorization/roleAssignments@'))
        .flatMap((resource) => {
          const body = valueOf(resource)
          const properties = body && propertiesOf(body)
          const inner = properties?.get('properties')
          const definition = inner && propertiesOf(inner).get('roleDefinitionId')?.text
          const [, name = ''] =
            /^subscriptionResourceId\('Microsoft\.Authorization\/roleDefinitions', (\w+)\)$/.exec(definition ?? '') ??
            []
          const role = known(name)
          if (role === undefined) return [`${at(file, resource)}: it assigns no role of the table`]
          given.add(role)
          const scope = declarations(file, 'resource').find((each) => declared(each) === properties?.get('scope')?.text)
          const type = literal(scope === undefined ? resource : (childrenOf(scope)[1] ?? resource)).split('@')[0]
          return type === roles[role]?.on ? [] : [`${at(file, resource)}: ${role} on ${type}`]
        }),
    ]
  })
  return [
    ...problems,
    ...Object.keys(roles)
      .filter((role) => !given.has(role))
      .map((role) => `infra: nobody gets ${role}`),
  ]
}

/** The identity that deploys may give exactly the roles that infra/ gives. */
export const pipelineRoleProblems = (repository: string): ReadonlyArray<string> => {
  const [, list = ''] = /^roles='\{([^}]*)\}'$/m.exec(text(repository, 'docs/deploy.md')) ?? []
  const listed = list.split(',').map((each) => each.trim())
  const given = Object.values(roles).map(({ id }) => id)
  return [
    ...given.filter((id) => !listed.includes(id)).map((id) => `docs/deploy.md: the pipeline cannot give ${id}`),
    ...listed.filter((id) => !given.includes(id)).map((id) => `docs/deploy.md: the pipeline may give ${id}`),
  ]
}
