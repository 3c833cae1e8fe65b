import * as E from 'fp-ts/Either'
import { type BackfillProgress, readProgress } from '../app/backfill/progress'
import type { Status } from '../app/operate/facts'
import { readPartitionWarnings } from '../app/operate/partition-warnings'
import { type Health, illCastIn, readCasts, readHealth, readStatus } from '../app/operate/status'
import { describeIllCast } from '../app/operate/verdict'
import { takesOldIfMatch } from '../app/run/try-conditions'
import type { Settings } from '../config/read-settings'
import { archiveFacts } from './archive-facts'
import { clock } from './connect'
import { shownAuthentication } from '../config/access'
import { destinationsOf, plainHttpWarnings } from '../config/plain-http'
import { settingWarnings } from '../config/setting-names'
import { type Answer, type Operator, connected, lookTimeoutMs } from './operator'
import { timerSettings } from './timer-settings'
import { version } from './version'

export type { LastCast, Status } from '../app/operate/facts'
export type { RunRecord } from '../app/ports-operator'

export type StatusAnswer = Status & {
  /** Of this program, `package+build`. */
  readonly version: string
  /** While one is at work. */
  readonly backfill?: BackfillProgress
  readonly configuration: Omit<ReturnType<typeof shownSettings>, 'castSchedule'> & {
    readonly castSchedule: string | null
  }
  /**
   * Settings that have no effect, do not fit the partitions that there are, or let tokens go over plain http; a FHIR server
   * that guards no update.
   */
  readonly warnings: ReadonlyArray<string>
}

export const status = async (operator: Operator): Promise<Answer<StatusAnswer>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, settings: configured } = context.right
  const timer = timerSettings(operator.environment, configured, operator.app)
  const [read, ofPartitions] = await Promise.all([
    archiveFacts(context.right).then((archive) => readStatus(ports, settings, timer, archive)),
    readPartitionWarnings(ports, settings),
  ])
  const backfill = read.gate?.state === 'backfill' ? await readProgress(ports) : E.right(undefined)
  return E.right({
    ...read,
    version,
    ...(E.isRight(backfill) && backfill.right !== undefined ? { backfill: backfill.right } : {}),
    // The schedule that is set: the host has no default.
    configuration: { ...shownSettings(configured), castSchedule: timer.schedule ?? null },
    warnings: [
      ...settingWarnings(operator.environment),
      ...plainHttpWarnings(destinationsOf(configured), configured.allowPlainHttp),
      ...(ofPartitions ?? []),
      ...(read.feed?.refusesOldIfMatch === false ? [takesOldIfMatch] : []),
    ],
  })
}

/** Why the casts stand, in words; none while they do not. */
export const whyItStands = async (operator: Operator): Promise<string | undefined> => {
  const context = connected(operator, lookTimeoutMs)
  const ill = E.isLeft(context) ? undefined : illCastIn(await readCasts(context.right.ports))
  return ill === undefined ? undefined : describeIllCast(ill)
}

/** No secret is among them, and no PatientID. */
const shownSettings = ({ storage, patient, dicomWeb, fhir, ...settings }: Settings) => ({
  ...settings,
  dicomWeb: { ...dicomWeb, authentication: shownAuthentication(dicomWeb.authentication) },
  fhir: { ...fhir, authentication: shownAuthentication(fhir.authentication) },
  patient: { ...patient, rejectedIds: patient.rejectedIds.size },
  storage: storage._tag === 'ConnectionString' ? 'connection string' : storage.tableServiceUri,
})

const healthKeptMs = 15_000
let lastHealth: { readonly at: number; readonly answer: Promise<Health> } | undefined

/** Kept for a moment: anybody may ask, and must not be able to load the services by it. */
export const health = (operator: Operator): Promise<Health> => {
  if (lastHealth === undefined || clock.now() - lastHealth.at > healthKeptMs) {
    const context = connected(operator, lookTimeoutMs)
    const answer = E.isLeft(context)
      ? Promise.resolve({ healthy: false, timer: undefined })
      : readHealth(
          context.right.ports,
          context.right.cast,
          timerSettings(operator.environment, context.right.settings, operator.app),
        )
    lastHealth = { at: clock.now(), answer }
  }
  return lastHealth.answer
}
