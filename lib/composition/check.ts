import { Cron } from 'croner'
import * as E from 'fp-ts/Either'
import { type Checked, type Next, nextOf, readFacts, stateOf } from '../app/operate/check'
import { type Fact, fact } from '../app/operate/check-facts'
import { destinationsOf, plainHttpWarnings } from '../config/plain-http'
import type { Settings } from '../config/read-settings'
import { settingWarnings } from '../config/setting-names'
import { readableSettings } from '../config/readable-settings'
import { clock } from './connect'
import { type Answer, type Operator, connected, lookTimeoutMs } from './operator'
import { timerSettings } from './timer-settings'
import { version } from './version'

export type { Fact, FactState } from '../app/operate/check-facts'

export interface CheckAnswer {
  readonly at: string
  readonly version: string
  readonly state: 'fine' | 'look' | 'bad'
  readonly facts: ReadonlyArray<Fact>
  readonly next: Next
}

/** Whatever is wrong is a fact of the answer: settings, too. The rest is asked with those that can be read. */
export const check = async (operator: Operator): Promise<Answer<CheckAnswer>> => {
  const { environment, problems } = readableSettings(operator.environment)
  const context = connected({ ...operator, environment }, lookTimeoutMs)
  const at = new Date(clock.now()).toISOString()
  if (E.isLeft(context)) return E.right(answerOf(at, { facts: [settingsFact(operator, problems)] }))
  const { ports, cast, settings } = context.right
  const checked = await readFacts(ports, cast, {
    dicom: settings.dicomWeb.privateEndpoint ?? settings.dicomWeb.endpoint,
    fhir: settings.fhir.endpoint,
  })
  const ownFacts = [
    settingsFact(operator, problems, settings),
    scheduleFact(operator, settings),
    timeZoneFact(settings, clock.now()),
  ]
  return E.right(answerOf(at, { ...checked, facts: [...ownFacts, ...checked.facts] }))
}

const answerOf = (at: string, checked: Checked): CheckAnswer => ({
  ...{ at, version, state: stateOf(checked.facts), facts: checked.facts },
  next: nextOf(checked),
})

const settingsFact = (operator: Operator, problems: ReadonlyArray<string>, settings?: Settings): Fact => {
  const warnings = [
    ...settingWarnings(operator.environment),
    ...(settings === undefined ? [] : plainHttpWarnings(destinationsOf(settings), settings.allowPlainHttp)),
  ]
  if (problems.length > 0) return fact('settings', 'bad', [...problems, ...warnings].join('\n'))
  return warnings.length > 0
    ? fact('settings', 'look', warnings.join('\n'))
    : fact('settings', 'fine', 'all are understood')
}

const scheduleFact = (operator: Operator, settings: Settings): Fact => {
  const { app, environment } = operator
  const { schedule, pausedBy } = timerSettings(environment, settings, app)
  if (pausedBy.length > 0) return fact('schedule', 'look', `the timer is paused: ${pausedBy.join(', ')}`)
  if (schedule === undefined) {
    return app === undefined
      ? fact('schedule', 'unknown', 'CastSchedule is not set here; the function app has its own')
      : fact('schedule', 'bad', 'CastSchedule is not set: the host starts no timer, and nothing is cast')
  }
  const next = E.tryCatch(
    () => new Cron(schedule, { mode: '6-part', paused: true, timezone: 'UTC' }).nextRun()?.toISOString(),
    () => undefined,
  )
  return E.isLeft(next) || next.right === undefined
    ? fact('schedule', 'bad', 'CastSchedule is no schedule that ever fires')
    : fact('schedule', 'fine', `${schedule}, next at ${next.right}`)
}

/** `GMT+01:00`: what a time without an offset is taken for. */
const offsetOf = (timeZone: string, now: number): string =>
  new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
    .formatToParts(now)
    .find(({ type }) => type === 'timeZoneName')?.value ?? 'of unknown offset'

const timeZoneFact = ({ defaultTimeZone: zone }: Settings, now: number): Fact =>
  fact(
    'time-zone',
    'fine',
    zone === undefined
      ? 'none is set: of a time without an offset only the date is written'
      : `${zone}, now ${offsetOf(zone, now)}`,
  )
