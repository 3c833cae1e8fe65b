import { backfillQueueName } from '../../../lib/domain/queue-name'
import type { BicepFile } from './bicep'
import { unless } from './delivery-check'

/** Who can reach the app and its package, who hears of it, and in which cloud. */
export const networkProblems = (files: ReadonlyArray<BicepFile>): ReadonlyArray<string> => {
  const source = (path: string): string => files.find((each) => each.path === path)?.root.text ?? ''
  const has = (path: string, text: string, problem: string): ReadonlyArray<string> =>
    unless(source(path).includes(text), `${path}: ${problem}`)
  const [main, app] = ['infra/main.bicep', 'infra/modules/function-app.bicep']
  const logged = (path: string, scope: string): ReadonlyArray<string> =>
    unless(
      new RegExp(`'Microsoft\\.Insights/diagnosticSettings@[^{]*\\{\\s*name: [^\\n]+\\s*scope: ${scope}\\n`).test(
        source(path),
      ),
      `${path}: nobody hears of ${scope}`,
    )
  const domain = /azurehealthcareapis|azurewebsites|windows\.net|usgovcloudapi|microsoftonline|\.azure\.(us|cn)/
  return [
    ...has(app, 'var isClosed = !empty(subnetId) && empty(allowedAddresses)', 'private is not closed'),
    ...has(app, "publicNetworkAccess: isClosed ? 'Disabled' : 'Enabled'", 'its public side stays open'),
    ...has(app, "var otherAddresses = empty(allowedAddresses) ? 'Allow' : 'Deny'", 'other addresses get in'),
    ...has(app, ' ipSecurityRestrictionsDefaultAction: otherAddresses', 'other addresses get in'),
    ...has(app, 'scmIpSecurityRestrictionsDefaultAction: otherAddresses', 'packages come from anywhere'),
    ...has(app, 'scmIpSecurityRestrictionsUseMain: true', 'packages come from anywhere'),
    ...has(
      main,
      "module appEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {",
      'no way in by private link',
    ),
    // The package: an account and an identity that the app's own roles do not reach.
    ...has(app, "value: 'https://${packageAccountName}.blob.", 'the package lies beside the tables'),
    ...has(
      app,
      'userAssignedIdentityResourceId: packageIdentityId',
      'the package is fetched by the identity of the code',
    ),
    ...has('infra/modules/network.bicep', '[packageEndpoint]', 'the package cannot be fetched'),
    ...has(
      main,
      `queueName: '\${toLower(tableNamePrefix)}${backfillQueueName('')}'`,
      'the app may use another queue than its function listens to',
    ),
    ...has('infra/modules/storage-access.bicep', "name: '${queueName}-poison'", "it is not the host's poison queue"),
    ...logged('infra/modules/storage-access.bicep', 'blobs'),
    ...logged('infra/modules/storage-access.bicep', 'tables'),
    ...logged('infra/modules/package-access.bicep', 'blobs'),
    ...logged(app, 'app'),
    ...has(app, "hasAuth ? ['AppServiceAuthenticationLogs'] : []", 'nobody hears of sign-ins'),
    ...unless(!/allLogs|AppServiceHTTPLogs/.test(source(app)), `${app}: a key may stand in a URL that is logged`),
    ...['infra/modules/storage-access.bicep', 'infra/modules/package-access.bicep'].flatMap((path) =>
      has(path, "['StorageRead', 'StorageWrite', 'StorageDelete']", 'not every access is heard of'),
    ),
    // What differs from cloud to cloud is asked of environment(), or stands in the one table of what that does not tell.
    ...files.flatMap(({ path, root }) =>
      root.text
        .replace(/^var clouds = \{[\s\S]*?^\}/m, '')
        .split('\n')
        .filter((line) => domain.test(line) && !line.startsWith('//'))
        .map((line) => `${path}: of one cloud only: ${line.trim()}`),
    ),
  ]
}
