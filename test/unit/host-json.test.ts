import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'

const host: unknown = JSON.parse(readFileSync(join(__dirname, '..', '..', 'host.json'), 'utf8'))

it('host.json finds the timer again soon after a restart, bounds requests, and keeps the SDK’s own lines out of the log', () => {
  expect(host).toMatchObject({
    singleton: { listenerLockRecoveryPollingInterval: '00:00:15' },
    extensions: { http: { maxConcurrentRequests: 100, maxOutstandingRequests: 200 } },
    logging: { logLevel: { 'Azure.Core': 'Error' } },
  })
})
