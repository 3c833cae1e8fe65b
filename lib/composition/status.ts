import * as E from 'fp-ts/Either'
import { type Status, isHealthy, readStatus } from '../app/operate/status'
import type { Settings } from '../config/read-settings'
import { clock } from './connect'
import { settingWarnings } from '../config/setting-names'
import { type Answer, type Operator, connected, lookTimeoutMs } from './operator'

export type { Status } from '../app/operate/status'
export type { RunRecord } from '../app/ports-operator'

export type StatusAnswer = Status & {
  readonly configuration: ReturnType<typeof shownSettings>
  /** Settings that have no effect. */
  readonly warnings: ReadonlyArray<string>
}

export const status = async (operator: Operator): Promise<Answer<StatusAnswer>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, settings: configured } = context.right
  return E.right({
    ...(await readStatus(ports, settings)),
    configuration: shownSettings(configured),
    warnings: settingWarnings(operator.environment),
  })
}

/** No secret is among them, and no PatientID. */
const shownSettings = ({ storage, patient, ...settings }: Settings) => ({
  ...settings,
  patient: { ...patient, rejectedIds: patient.rejectedIds.size },
  storage: storage._tag === 'ConnectionString' ? 'connection string' : storage.tableServiceUri,
})

const healthKeptMs = 15_000
let lastHealth: { readonly at: number; readonly answer: Promise<boolean> } | undefined

/** Kept for a moment: anybody may ask, and must not be able to load the services by it. */
export const health = (operator: Operator): Promise<boolean> => {
  if (lastHealth === undefined || clock.now() - lastHealth.at > healthKeptMs) {
    const context = connected(operator, lookTimeoutMs)
    const answer = E.isLeft(context) ? Promise.resolve(false) : isHealthy(context.right.ports, context.right.cast)
    lastHealth = { at: clock.now(), answer }
  }
  return lastHealth.answer
}
