import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { settingDescriptions } from '../../../lib/config'
import { alertProblems } from './alerts-check'
import { readBicep, readParameters, syntaxProblems } from './bicep'
import { nameProblems, parameterProblems } from './bicep-names'
import { azdProblems, secretProblems, workflowProblems } from './delivery-check'
import { roleProblems } from './roles-check'
import { settingsProblems } from './settings-check'

const root = join(__dirname, '..', '..', '..')

/** All checks of what is deployed, on any copy of the repository. */
const problems = async (repository: string): Promise<ReadonlyArray<string>> => {
  const files = await readBicep(repository)
  const parameters = await readParameters(repository)
  const broken = syntaxProblems([...files, parameters])
  // What does not parse has no names to look at.
  if (broken.length > 0) return broken
  return [
    ...nameProblems(files),
    ...files.slice(0, 1).flatMap((main) => parameterProblems(parameters, main)),
    ...settingsProblems(repository, files, settingDescriptions),
    ...roleProblems(files),
    ...alertProblems(files),
    ...secretProblems(repository, files),
    ...azdProblems(repository, files),
    ...workflowProblems(repository),
  ]
}

it('finds nothing wrong with what is deployed', async () => {
  expect(await problems(root)).toEqual([])
})

describe('a planted mistake is found', () => {
  const copies: string[] = []
  afterEach(() => copies.splice(0).forEach((copy) => rmSync(copy, { recursive: true, force: true })))

  const deployed = [
    'infra',
    '.github',
    '.ci/package.mjs',
    'azure.yaml',
    'package.json',
    'README.md',
    'local.settings.sample.json',
  ]

  const copyWith = (file: string, good: string, bad: string): string => {
    const copy = mkdtempSync(join(tmpdir(), 'dicomcast-infra-'))
    copies.push(copy)
    for (const each of deployed) cpSync(join(root, each), join(copy, each), { recursive: true })
    const text = readFileSync(join(copy, file), 'utf8')
    // A mistake that cannot be planted any more would pass for one that is found.
    if (!text.includes(good)) throw new Error(`${file} does not hold ${good}`)
    writeFileSync(join(copy, file), text.replace(good, bad))
    return copy
  }

  it.each([
    // syntax
    [
      'a brace is missing',
      'infra/main.bicep',
      "scope: group\n  params: {\n    name: 'id-",
      "scope: group\n  params: \n    name: 'id-",
      'syntax error',
    ],
    [
      'a quote is missing',
      'infra/modules/storage.bicep',
      "kind: 'StorageV2'",
      "kind: 'StorageV2",
      'infra/modules/storage.bicep:',
    ],
    [
      'a parameter file breaks',
      'infra/main.bicepparam',
      "json(readEnvironmentVariable('ALERT_EMAILS', '[]'))",
      "json(readEnvironmentVariable('ALERT_EMAILS', '[]')",
      'syntax error',
    ],
    // names
    ['a name is mistyped', 'infra/main.bicep', 'token: token', 'token: tokn', 'tokn is not declared'],
    [
      'a function is mistyped',
      'infra/main.bicep',
      'toLower(uniqueString',
      'toLowr(uniqueString',
      'no function is named toLowr',
    ],
    [
      'a parameter is used nowhere',
      'infra/main.bicep',
      'sku: storageSku',
      "sku: 'Standard_LRS'",
      'storageSku is never used',
    ],
    [
      'a parameter is not described',
      'infra/main.bicep',
      "@description('Redundancy of the new storage account.')\n",
      '',
      'storageSku has no description',
    ],
    [
      'a module is not there',
      'infra/main.bicep',
      "'modules/alerts.bicep'",
      "'modules/alert.bicep'",
      'there is no infra/modules/alert.bicep',
    ],
    [
      'a module gets a parameter it does not have',
      'infra/main.bicep',
      'lagEntries: alertLagEntries',
      'lag: alertLagEntries',
      'alerts.bicep has no parameter lag',
    ],
    [
      'a module does not get one it needs',
      'infra/main.bicep',
      '    lagEntries: alertLagEntries\n',
      '',
      'alerts.bicep is not given lagEntries',
    ],
    [
      'an output is not there',
      'infra/main.bicep',
      'app.outputs.hostName',
      'app.outputs.host',
      'function-app.bicep has no output host',
    ],
    [
      'a resource has a version that does not exist',
      'infra/modules/storage.bicep',
      'storageAccounts@2025-06-01',
      'storageAccounts@2025-06-31',
      'storageAccounts@2025-06-31 is not',
    ],
    [
      'the parameter file sets what is not there',
      'infra/main.bicepparam',
      'param startFrom',
      'param startAt',
      'main.bicep has no parameter startAt',
    ],
    [
      'the parameter file leaves out what is needed',
      'infra/main.bicepparam',
      'param location',
      '// param location',
      'location is not given',
    ],
    // settings
    [
      'Bicep lacks a setting',
      'infra/main.bicep',
      '  DicomCast__HoleAge: holeAge\n',
      '',
      'infra: DicomCast__HoleAge is missing',
    ],
    [
      'Bicep has a setting nothing reads',
      'infra/main.bicep',
      'DicomCast__HoleAge: holeAge',
      'DicomCast__HoleAges: holeAge',
      'infra: nothing reads DicomCast__HoleAges',
    ],
    [
      'Bicep has another default',
      'infra/main.bicep',
      'param batchSize int = 1000',
      'param batchSize int = 100',
      "batchSize is '100', DicomCast__BatchSize is '1000'",
    ],
    ['Bicep allows another range', 'infra/main.bicep', '@minValue(3)', '@minValue(1)', 'maxBundleEntries goes from 1'],
    [
      'Azure is asked without a token',
      'infra/main.bicep',
      'param fhirAuthenticationEnabled bool = true',
      'param fhirAuthenticationEnabled bool = false',
      "Fhir__Authentication__Enabled is 'true'",
    ],
    [
      'a setting of the platform is not allowed on Flex',
      'infra/modules/function-app.bicep',
      'AZURE_CLIENT_ID:',
      'FUNCTIONS_WORKER_RUNTIME:',
      'nothing reads FUNCTIONS_WORKER_RUNTIME',
    ],
    [
      'a connection string comes in',
      'infra/modules/function-app.bicep',
      'AzureWebJobsStorage__credential:',
      'AzureWebJobsStorage:',
      'infra: nothing reads AzureWebJobsStorage',
    ],
    [
      'the sample lacks a setting',
      'local.settings.sample.json',
      '    "CastSchedule": "0 * * * * *",\n',
      '',
      'local.settings.sample.json: CastSchedule is missing',
    ],
    [
      'the sample has one nothing reads',
      'local.settings.sample.json',
      '"CastSchedule"',
      '"Cast__Schedule"',
      'nothing reads Cast__Schedule',
    ],
    [
      'the README lacks a setting',
      'README.md',
      '| `CastSchedule`',
      '| `Schedule`',
      'README.md: CastSchedule is missing',
    ],
    // roles
    [
      'a digit of a role is wrong',
      'infra/modules/dicom-access.bicep',
      'e89c7a3c',
      'e89c7a3d',
      'is not the id of the role that its variable names',
    ],
    [
      'a role has the name of another',
      'infra/modules/fhir-access.bicep',
      '3f88fce4-5892-4214-ae73-ba5294559913',
      '5a1fc7df-4bf1-4951-a576-89034ee01acd',
      'is not the id of the role that its variable names',
    ],
    [
      'a role is given without a name',
      'infra/modules/fhir-access.bicep',
      "roleDefinitions', fhirDataWriter",
      "roleDefinitions', '8e3af657-a8ff-443c-a75c-2fe8c4bcb635'",
      'it assigns no role of the table',
    ],
    [
      'a role is given on too much',
      'infra/modules/dicom-access.bicep',
      'scope: dicom',
      'scope: workspace',
      'DICOM Data Reader on Microsoft.HealthcareApis/workspaces',
    ],
    // alerts
    [
      'an alert asks for a field nobody logs',
      'infra/modules/alerts.bicep',
      'tolong(run.head)',
      'tolong(run.latest)',
      'the app logs no latest',
    ],
    [
      'an alert waits for an ending that does not exist',
      'infra/modules/alerts.bicep',
      "'CaughtUp', 'BatchDone', 'OutOfTime'",
      "'CaughtUp', 'BatchEnded', 'OutOfTime'",
      'no run ends BatchEnded',
    ],
    [
      'an alert forgets a table',
      'infra/modules/alerts.bicep',
      'run.failed.TransientFailureExceptionTable',
      'run.failed.TransientRetryExceptionTable',
      'nobody hears of TransientFailureExceptionTable',
    ],
    ['an alert is gone', 'infra/modules/alerts.bicep', "name: 'lag'", "name: 'delay'", 'no alert lag'],
    [
      'the alerts reach nobody',
      'infra/modules/alerts.bicep',
      'concat([people.id], actionGroupIds)',
      'actionGroupIds',
      'it reaches nobody',
    ],
    [
      'an alert forgets a code',
      'infra/modules/alerts.bicep',
      "'IssuerUnknown', 'PatientAmbiguous', 'PatientInactive')",
      "'PatientAmbiguous', 'PatientInactive')",
      'IssuerUnknown is not on the identity work-list',
    ],
    [
      'an alert waits for a code that does not exist',
      'infra/modules/alerts.bicep',
      "'PatientInactive')",
      "'PatientInactive', 'PatientUnknown')",
      'there is no code PatientUnknown',
    ],
    [
      'an alert has a quoted field nobody logs',
      'infra/modules/alerts.bicep',
      "run['to']",
      "run['until']",
      'the app logs no until',
    ],
    // secrets
    [
      'shared keys come back',
      'infra/modules/storage.bicep',
      'allowSharedKeyAccess: false',
      'allowSharedKeyAccess: true',
      'storage has shared keys',
    ],
    [
      'a key is listed',
      'infra/modules/storage-access.bicep',
      'output deploymentContainerName string = deployments.name',
      'output deploymentContainerName string = account.listKeys().keys[0].value',
      'a key is listed',
    ],
    // azd, workflows
    [
      'the service has another name',
      'azure.yaml',
      '  cast:\n',
      '  api:\n',
      'service api, but the tag azd-service-name is cast',
    ],
    [
      'the tag has another name',
      'infra/main.bicep',
      "'azd-service-name': 'cast'",
      "'azd-service-name': 'app'",
      'service cast, but the tag azd-service-name is app',
    ],
    ['another folder is deployed', 'azure.yaml', 'dist: dist/package', 'dist: dist', 'azure.yaml: dist is dist'],
    [
      'Azure builds again',
      'azure.yaml',
      'remoteBuild: false',
      'remoteBuild: true',
      'a remote build would undo the bundle',
    ],
    [
      'the hook is gone on one system',
      'azure.yaml',
      'shell: pwsh\n          run: npm run package',
      'shell: pwsh\n          run: npm run build',
      'does not package on every system',
    ],
    [
      'azd down is let loose',
      'azure.yaml',
      "remove DICOMcast alone.'; exit 1\n    posix",
      "remove DICOMcast alone.'\n    posix",
      'azd down deletes the DICOM and FHIR services',
    ],
    [
      'an action has no version',
      '.github/workflows/deploy.yml',
      'azure/login@v3',
      'azure/login@master',
      'azure/login@master has no version',
    ],
    [
      'CI asks for another Node than it says',
      '.github/workflows/ci.yml',
      'process.exit(major === process.env.EXPECTED_NODE_MAJOR ? 0 : 1)',
      'process.exit(0)',
      'a job does not look which Node really runs',
    ],
    ['CI forgets a Node version', '.github/workflows/ci.yml', 'node: [22, 24]', 'node: [24]', 'not on Node 22 and 24'],
    [
      'CI does not say which Node it wants',
      '.github/workflows/ci.yml',
      'EXPECTED_NODE_MAJOR: ${{ matrix.node }}',
      'NODE: ${{ matrix.node }}',
      'does not say which Node',
    ],
    [
      'a deployment forgets a parameter',
      '.github/workflows/deploy.yml',
      'FHIR_SERVICE_ID: ${{',
      'FHIR_ID: ${{',
      'FHIR_SERVICE_ID is not passed on',
    ],
    [
      'a deployment skips the preview',
      '.github/workflows/deploy.yml',
      'az deployment sub what-if',
      'az deployment sub validate',
      'az deployment sub what-if',
    ],
    [
      'a deployment logs in by a secret',
      '.github/workflows/deploy.yml',
      'client-id: ${{ vars.AZURE_CLIENT_ID }}',
      'creds: ${{ secrets.AZURE }}',
      'a secret is read',
    ],
  ])('%s', async (_, file, good, bad, found) => {
    expect(await problems(copyWith(file, good, bad))).toContainEqual(expect.stringContaining(found))
  })
})
