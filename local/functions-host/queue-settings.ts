import { availableParallelism } from 'node:os'

/** `extensions.queues` of host.json: one for all queue functions of an app. */
export interface QueueSettings {
  readonly batchSize: number
  readonly newBatchThreshold: number
  readonly maxPollingMs: number
  readonly maxDequeueCount: number
  /** Before a message that failed is tried again. */
  readonly failedInvisibleS: number
  readonly encoding: 'base64' | 'none'
}

type Given = Readonly<Record<string, unknown>>

const section = 'AzureFunctionsJobHost__extensions__queues__'

/** App settings go before host.json; neither cares for upper and lower case. */
const givenBy = (hostJson: Given, env: NodeJS.ProcessEnv): Map<string, unknown> => {
  const overrides = Object.entries(env).flatMap(([name, value]) =>
    name.toLowerCase().startsWith(section.toLowerCase()) ? [[name.slice(section.length), value] as const] : [],
  )
  return new Map([...Object.entries(hostJson), ...overrides].map(([name, value]) => [name.toLowerCase(), value]))
}

const timeSpan = (text: string): number => {
  const [, days = '0', hours, minutes, seconds] = /^(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(text) ?? []
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)
}

/** What the real host does not take keeps it from starting, and so it does here. Unknown keys are told. */
export const queueSettings = (
  hostJson: Given,
  env: NodeJS.ProcessEnv,
): { readonly settings: QueueSettings; readonly warnings: ReadonlyArray<string> } => {
  const given = givenBy(hostJson, env)
  const read = <A>(name: string, standard: A, parse: (text: string) => A, fits: (value: A) => boolean): A => {
    const value = given.get(name.toLowerCase())
    given.delete(name.toLowerCase())
    if (value === undefined) return standard
    const parsed = parse(String(value))
    if (!fits(parsed)) throw new Error(`extensions.queues.${name} of host.json is out of its bounds.`)
    return parsed
  }
  const whole = (least: number, most = Infinity) => {
    return (value: number) => Number.isInteger(value) && value >= least && value <= most
  }
  const batchSize = read('batchSize', 16, Number, whole(1, 32))
  const settings: QueueSettings = {
    batchSize,
    newBatchThreshold: read('newBatchThreshold', Math.floor(batchSize / 2) * availableParallelism(), Number, whole(0)),
    maxPollingMs: read('maxPollingInterval', 60, timeSpan, (seconds) => seconds >= 0.1) * 1_000,
    maxDequeueCount: read('maxDequeueCount', 5, Number, whole(1)),
    failedInvisibleS: read('visibilityTimeout', 0, timeSpan, (seconds) => seconds >= 0 && seconds <= 7 * 86_400),
    encoding: read<QueueSettings['encoding']>(
      'messageEncoding',
      'base64',
      (text) => text.toLowerCase() as QueueSettings['encoding'],
      (text) => ['base64', 'none'].includes(text),
    ),
  }
  return { settings, warnings: [...given.keys()].map((name) => `extensions.queues.${name} of host.json is not known.`) }
}
