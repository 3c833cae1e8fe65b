import { availableParallelism } from 'node:os'
import { describe, expect, it } from '@jest/globals'
import { queueSettings } from '../../../local/functions-host/queue-settings'

const section = 'AzureFunctionsJobHost__extensions__queues__'

describe('extensions.queues of host.json', () => {
  it('has the defaults of the host', () => {
    expect(queueSettings({}, {})).toEqual({
      settings: {
        batchSize: 16,
        newBatchThreshold: 8 * availableParallelism(),
        maxPollingMs: 60_000,
        maxDequeueCount: 5,
        failedInvisibleS: 0,
        encoding: 'base64',
      },
      warnings: [],
    })
  })

  it('is read, and app settings go before it', () => {
    const hostJson = {
      batchSize: 4,
      newBatchThreshold: 0,
      maxPollingInterval: '00:00:01',
      visibilityTimeout: '00:01:30',
      maxDequeueCount: 3,
      messageEncoding: 'none',
    }
    const env = { [`${section}batchSize`]: '2', [`${section.toUpperCase()}MAXPOLLINGINTERVAL`]: '00:00:00.250' }
    expect(queueSettings(hostJson, env).settings).toEqual({
      batchSize: 2,
      newBatchThreshold: 0,
      maxPollingMs: 250,
      maxDequeueCount: 3,
      failedInvisibleS: 90,
      encoding: 'none',
    })
  })

  it.each([
    ['batchSize', 0],
    ['batchSize', 33],
    ['batchSize', 'many'],
    ['newBatchThreshold', -1],
    ['maxPollingInterval', '00:00:00.050'],
    ['maxPollingInterval', '1000'],
    ['maxDequeueCount', 0],
    ['visibilityTimeout', '8.00:00:00'],
    ['messageEncoding', 'utf-16'],
  ])('keeps the host from starting when %s is %p', (name, value) => {
    const expected = `extensions.queues.${name} of host.json is out of its bounds.`
    expect(() => queueSettings({ [name]: value }, {})).toThrow(expected)
    expect(() => queueSettings({}, { [`${section}${name}`]: String(value) })).toThrow(expected)
  })

  it('warns of what it does not know', () => {
    expect(queueSettings({ batchsize: 1, visibilityTimeOut: '00:00:01', maxBatch: 3 }, {}).warnings).toEqual([
      'extensions.queues.maxbatch of host.json is not known.',
    ])
  })
})
