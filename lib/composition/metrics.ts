import * as E from 'fp-ts/Either'
import { readProgress } from '../app/backfill/progress'
import { readStatus } from '../app/operate/status'
import { archiveFacts } from './archive-facts'
import {
  type Metric,
  type Sample,
  backfillGaugesOf,
  countersOf,
  gaugesOf,
  metrics as definitions,
} from './metric-samples'
import { type Answer, type Operator, connected, lookTimeoutMs } from './operator'
import { timerSettings } from './timer-settings'
import { version } from './version'

export interface MetricsText {
  readonly contentType: string
  readonly text: string
}

/** In Prometheus' text form. What cannot be read now is not in it; that a service is down is. */
export const metrics = async (operator: Operator): Promise<Answer<MetricsText>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, settings: configured } = context.right
  const timer = timerSettings(operator.environment, configured, operator.app)
  const [status, totals, backfill] = await Promise.all([
    archiveFacts(context.right).then((archive) => readStatus(ports, settings, timer, archive)),
    ports.totals.read()(),
    readProgress(ports),
  ])
  return E.right(
    await textOf([
      ...gaugesOf(status, version),
      ...(E.isRight(backfill) && backfill.right !== undefined ? backfillGaugesOf(backfill.right) : []),
      ...(E.isRight(totals) ? countersOf(totals.right) : []),
    ]),
  )
}

/** prom-client is loaded when it is asked for: a cold start of the timer needs none. */
const textOf = async (samples: ReadonlyArray<Sample>): Promise<MetricsText> => {
  const { Counter, Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  for (const [name, { type, help, labels }] of Object.entries<Metric>(definitions)) {
    const own = samples.filter((each) => each.name === name)
    if (own.length === 0) continue
    const options = { name, help, labelNames: [...labels], registers: [registry] }
    if (type === 'gauge') {
      const made = new Gauge(options)
      for (const each of own) made.set(each.labels, each.value)
    } else {
      const made = new Counter(options)
      for (const each of own) made.inc(each.labels, each.value)
    }
  }
  return { contentType: registry.contentType, text: await registry.metrics() }
}
