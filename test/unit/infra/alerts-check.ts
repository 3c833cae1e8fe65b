import type { CastReport } from '../../../lib/composition/cast'
import { type EntryError, failTables } from '../../../lib/domain/cast-error'
import type { BicepFile } from './bicep'

type FieldsOf<A> = A extends unknown ? keyof A : never

// The compiler holds this list against the report: a field that is renamed there must be renamed here, and in the alerts.
const fields: Readonly<Record<FieldsOf<CastReport> | 'level' | 'message', true>> = {
  level: true,
  message: true,
  ended: true,
  from: true,
  to: true,
  head: true,
  openHoles: true,
  entries: true,
  stored: true,
  unchanged: true,
  superseded: true,
  skipped: true,
  recorded: true,
  failed: true,
  codes: true,
  fhirRequests: true,
  fhirBytesSent: true,
  dicomRequests: true,
  retries: true,
  durationMs: true,
  reason: true,
}

/** Whose patient is it? The compiler asks about every code, so that a new one is not forgotten in the alert. */
const isAboutIdentity: Readonly<Record<EntryError['_tag'], boolean>> = {
  PatientMismatch: true,
  DemographicsConflict: true,
  IssuerUnknown: true,
  PatientAmbiguous: true,
  PatientInactive: true,
  EntryMalformed: false,
  TagsRejected: false,
  FhirRejected: false,
  OutlastedRetries: false,
  Rejected: false,
}

const ends: Readonly<Record<CastReport['ended'], true>> = {
  CaughtUp: true,
  BatchDone: true,
  OutOfTime: true,
  WaitingForHoles: true,
  Stopped: true,
  ServiceUnavailable: true,
  AccessDenied: true,
  FeedReset: true,
  FhirRejectsAll: true,
  CheckpointMoved: true,
  LeaseLost: true,
  LeaseHeld: true,
  GateClosed: true,
  ConfigurationInvalid: true,
}

const wanted = ['no-successful-run', 'lag', 'new-failures', 'identity-work-list', 'access-denied']

/** The alerts ask for fields, tables and endings that the app's log line has. */
export const alertProblems = (files: ReadonlyArray<BicepFile>): ReadonlyArray<string> => {
  const text = files.find(({ path }) => path === 'infra/modules/alerts.bicep')?.root.text ?? ''
  const alerts = text.replace(/^\s*\/\/.*$/gm, '')
  const where = 'infra/modules/alerts.bicep'
  const main = files.find(({ path }) => path === 'infra/main.bicep')?.root.text ?? ''
  const [lastRuns = ''] = /^output LAST_RUNS_QUERY .*$/m.exec(main) ?? []
  const asked = [...(alerts + lastRuns).matchAll(/\brun(?:\.|\[['"])(\w+)(?:['"]\]|\b)(?:\.(\w+))?/g)]
  const [, listed = ''] = /tostring\(code\) in \(([^)]*)\)/.exec(alerts) ?? []
  const codes = [...listed.matchAll(/'(\w+)'/g)].map(([, code = '']) => code)
  const compared = [...alerts.matchAll(/run\.ended\) (?:==|in) ?\(?((?:'\w+'(?:, )?)+)/g)].flatMap(([, list = '']) =>
    list.split(', ').map((end) => end.replaceAll("'", '')),
  )
  return [
    ...asked
      .map(([, field = '']) => field)
      .filter((field) => !(field in fields))
      .map((field) => `${where}: the app logs no ${field}`),
    // Kusto's own parser takes every other field's name as it is.
    ...asked.filter(([name]) => name === 'run.to').map((_) => `${where}: to is a word of Kusto, not a name: run['to']`),
    ...Object.entries(isAboutIdentity)
      .filter(([code, wanted]) => wanted !== codes.includes(code))
      .map(([code, wanted]) => `${where}: ${code} is ${wanted ? 'not ' : ''}on the identity work-list`),
    ...codes.filter((code) => !(code in isAboutIdentity)).map((code) => `${where}: there is no code ${code}`),
    ...failTables
      .filter((table) => !alerts.includes(`run.failed.${table}`))
      .map((table) => `${where}: nobody hears of ${table}`),
    ...asked
      .map(([, field, table]) => (field === 'failed' ? table : undefined))
      .filter((table) => table !== undefined && !failTables.some((each) => each === table))
      .map((table) => `${where}: there is no ${table}`),
    ...compared.filter((end) => !(end in ends)).map((end) => `${where}: no run ends ${end}`),
    ...(alerts.includes('actionGroups: concat([people.id], actionGroupIds)') ? [] : [`${where}: it reaches nobody`]),
    ...wanted.filter((name) => !alerts.includes(`name: '${name}'`)).map((name) => `${where}: no alert ${name}`),
  ]
}
