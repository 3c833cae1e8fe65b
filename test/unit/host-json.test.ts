import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { settings } from '../../lib/config/settings'
import { queueSettings } from '../../local/functions-host/queue-settings'

const host = JSON.parse(readFileSync(join(__dirname, '..', '..', 'host.json'), 'utf8')) as {
  readonly functionTimeout: string
  readonly extensions: { readonly queues: Readonly<Record<string, unknown>> }
}

it('host.json finds the timer again soon after a restart, bounds requests, and keeps the SDK’s own lines out of the log', () => {
  expect(host).toMatchObject({
    singleton: { listenerLockRecoveryPollingInterval: '00:00:15' },
    extensions: { http: { maxConcurrentRequests: 100, maxOutstandingRequests: 200 } },
    logging: { logLevel: { 'Azure.Core': 'Error' } },
  })
})

it('host.json lets an instance work on one part at a time: more share its memory, and end with it', () => {
  expect(host).toMatchObject({
    // Needed by a queue function, and of a wide range: narrow ones were not found.
    extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
    extensions: {
      queues: {
        // The threshold's default is half a batch for each processor, beside the batch.
        ...{ batchSize: 1, newBatchThreshold: 0 },
        // By default an idle queue is looked at once a minute.
        maxPollingInterval: '00:00:01',
        // By default five tries are over in half a second.
        visibilityTimeout: '00:01:00',
        messageEncoding: 'base64',
      },
    },
  })
  expect(queueSettings(host.extensions.queues, {}).warnings).toEqual([])
})

it('host.json ends a function later than the longest run ends by itself', () => {
  const [, minutes] = /^00:(\d\d):00$/.exec(host.functionTimeout) ?? []
  const [, longest] = /to 00:(\d\d):00/.exec(settings.DicomCast__TimeBudget.description.expected) ?? []
  expect(Number(minutes)).toBeGreaterThan(Number(longest))
})
