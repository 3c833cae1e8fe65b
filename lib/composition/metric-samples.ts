import type { BackfillProgress } from '../app/backfill/progress'
import type { Status } from '../app/operate/facts'
import { type FailureCode, errorTables, failureCodes, identityCodes } from '../app/ports-operator'
import type { Totals } from '../app/ports-totals'
import { type Ended, everyEnd } from '../app/run/summary'
import { failTables } from '../domain/cast-error'

// What /api/metrics exports. A name that a rule or a dashboard uses, and that is not here, fails a test.

export interface Metric {
  readonly type: 'gauge' | 'counter'
  readonly help: string
  readonly labels: ReadonlyArray<string>
}

const gauge = (help: string, ...labels: ReadonlyArray<string>): Metric => ({ type: 'gauge', help, labels })
const counter = (help: string, ...labels: ReadonlyArray<string>): Metric => ({ type: 'counter', help, labels })

export const metrics = {
  dicomcast_info: gauge('1; the label tells which program this is.', 'version'),
  dicomcast_state: gauge('1 for how it stands: fine, behind, paused or broken.', 'state'),
  dicomcast_service_up: gauge('1 while the service answers.', 'service'),
  dicomcast_service_seconds: gauge('How long the slowest of our questions took just now.', 'service'),
  dicomcast_backlog_entries: gauge('Entries of the change feed, at the most, that are not settled.'),
  dicomcast_lag_seconds: gauge('Age of the oldest entry that is not settled; 0 when there is none.'),
  dicomcast_head_sequence: gauge('Highest Sequence of the change feed.'),
  dicomcast_checkpoint_sequence: gauge('Sequence up to which all is settled.'),
  dicomcast_open_holes: gauge('Numbers of the feed that are still awaited.'),
  dicomcast_refused_studies: gauge('Studies that FHIR has refused one after the other.'),
  dicomcast_last_tick_timestamp_seconds: gauge('When the timer ran last.'),
  dicomcast_last_success_timestamp_seconds: gauge('When a cast ended well last, whoever asked for it.'),
  dicomcast_last_comparison_timestamp_seconds: gauge('When an archive without a change feed was compared with FHIR.'),
  dicomcast_last_run_seconds: gauge('How long the last run took that did something.'),
  dicomcast_lease_held: gauge('1 while a run is at work.'),
  dicomcast_failure_rows: gauge('Rows of the error tables; at least so many.', 'table', 'code'),
  dicomcast_withdrawn_rows: gauge('Instances that the archive has withdrawn, by the code (DCM) of the note.', 'code'),
  dicomcast_backfill_at_work: gauge('1 while a backfill is at work, 0 when the last one is over.'),
  dicomcast_backfill_lanes_at_work: gauge('Lanes of the backfill that have parts which are not settled.'),
  dicomcast_backfill_studies: gauge(
    'Studies of the backfill at work, or of the last one, by what became of them.',
    'is',
  ),
  dicomcast_backfill_images: gauge('Images of the backfill at work, or of the last one, by what became of them.', 'is'),
  dicomcast_runs_total: counter('Casts, by how they ended.', 'ended'),
  dicomcast_run_seconds_total: counter('Time that casts took.'),
  dicomcast_entries_total: counter('Entries of the feed that were settled, by how.', 'outcome'),
  dicomcast_failures_total: counter('Entries that were recorded in a fail table.', 'table'),
  dicomcast_failure_codes_total: counter('The same by code.', 'code'),
  dicomcast_requests_total: counter('Requests to DICOM and FHIR.', 'service', 'outcome'),
  dicomcast_retries_total: counter('Requests that were repeated.'),
  dicomcast_fhir_sent_bytes_total: counter('Bytes sent to FHIR.'),
} as const satisfies Readonly<Record<string, Metric>>

export type MetricName = keyof typeof metrics

export interface Sample {
  readonly name: MetricName
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

type Labelled = Readonly<Record<string, string>>

/** What is not known has no sample: a 0 would be a lie. */
const sample = (name: MetricName, value: number | undefined, labels: Labelled = {}): ReadonlyArray<Sample> =>
  value === undefined || Number.isNaN(value) ? [] : [{ name, labels, value }]

const oneOf = (name: MetricName, label: string, all: ReadonlyArray<string>, is: string): ReadonlyArray<Sample> =>
  all.flatMap((each) => sample(name, each === is ? 1 : 0, { [label]: each }))

const seconds = (iso: string | undefined): number | undefined =>
  iso === undefined ? undefined : Date.parse(iso) / 1_000

/** How it stands now. */
export const gaugesOf = (status: Status, version: string): ReadonlyArray<Sample> => {
  const { archive, backlog, checkpoint, failures, head, health, lagS, lease, runs, state, timer, withdrawn } = status
  const [last] = runs ?? []
  return [
    ...sample('dicomcast_info', 1, { version }),
    ...oneOf('dicomcast_state', 'state', ['fine', 'behind', 'paused', 'broken'], state),
    ...Object.entries(health).flatMap(([service, { healthy, ms }]) => [
      ...sample('dicomcast_service_up', healthy ? 1 : 0, { service }),
      ...sample('dicomcast_service_seconds', ms / 1_000, { service }),
    ]),
    ...sample('dicomcast_backlog_entries', backlog),
    ...sample('dicomcast_lag_seconds', lagS),
    ...sample('dicomcast_head_sequence', head),
    ...sample('dicomcast_checkpoint_sequence', checkpoint?.sequence),
    ...sample('dicomcast_open_holes', checkpoint?.openHoles),
    ...sample('dicomcast_refused_studies', checkpoint?.refusedStudiesInARow),
    ...sample('dicomcast_last_tick_timestamp_seconds', seconds(timer.lastRanAt)),
    ...sample('dicomcast_last_success_timestamp_seconds', seconds(timer.lastSucceededAt)),
    ...sample('dicomcast_last_comparison_timestamp_seconds', seconds(archive?.reconciliation?.doneAt)),
    ...sample('dicomcast_last_run_seconds', last === undefined ? undefined : last.durationMs / 1_000),
    ...sample('dicomcast_lease_held', lease.held === null ? undefined : lease.held ? 1 : 0),
    ...errorTables.flatMap((table) => rowsOf(table, failures[table]?.codes)),
    ...Object.entries(withdrawn?.codes ?? {}).flatMap(([code, rows]) =>
      sample('dicomcast_withdrawn_rows', rows, { code }),
    ),
  ]
}

/** A code without rows has a sample, too, where it may come again: a series that ends is no zero. */
const rowsOf = (table: string, codes: Readonly<Record<string, number>> | undefined): ReadonlyArray<Sample> => {
  if (codes === undefined) return []
  const known = new Set([...identityCodes, ...Object.keys(codes)])
  return [...known].flatMap((code) => sample('dicomcast_failure_rows', codes[code] ?? 0, { table, code }))
}

/** Of the backfill at work, or the last one: where there never was one, there is no series. */
export const backfillGaugesOf = ({ state, lanesAtWork, listed, done, leftOver }: BackfillProgress) => {
  const each = (name: MetricName, counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).flatMap(([is, count]) => sample(name, count, { is }))
  return [
    ...sample('dicomcast_backfill_at_work', state === 'over' ? 0 : 1),
    ...sample('dicomcast_backfill_lanes_at_work', lanesAtWork),
    ...each('dicomcast_backfill_studies', {
      ...{ listed: listed.studies, done: done.studies, failed: done.failed + leftOver.failed },
      ...{ left_over: done.leftOver, cast_at_end: leftOver.cast },
    }),
    ...each('dicomcast_backfill_images', {
      ...{ listed: listed.images, done: done.images, written: done.written, not_cast: done.notCast },
    }),
  ]
}

const outcomes = ['stored', 'unchanged', 'superseded', 'skipped', 'recorded'] as const
const services = ['dicom', 'fhir'] as const
const requestOutcomes = ['fine', 'refused', 'failed', 'lost'] as const
// Of tags and of retries there are gauges: no entry is recorded under them.
const notOfEntries: ReadonlySet<FailureCode> = new Set(['TagMissing', 'TagInvalid', 'TagUnmappable', 'Retrying'])

/** What all casts have come to. A counter begins with 0, so that its first step is seen. */
export const countersOf = (totals: Totals): ReadonlyArray<Sample> => {
  const each = (name: MetricName, what: string, label: string, all: ReadonlyArray<string>, more: Labelled = {}) =>
    all.flatMap((one) => sample(name, totals[`${what}.${one}`] ?? 0, { ...more, [label]: one }))
  const ends: ReadonlyArray<Ended> = everyEnd
  const codes = failureCodes.filter((code) => !notOfEntries.has(code))
  return [
    ...each('dicomcast_runs_total', 'runs', 'ended', ends),
    ...sample('dicomcast_run_seconds_total', (totals['runMs'] ?? 0) / 1_000),
    ...each('dicomcast_entries_total', 'entries', 'outcome', outcomes),
    ...each('dicomcast_failures_total', 'failed', 'table', failTables),
    ...each('dicomcast_failure_codes_total', 'codes', 'code', codes),
    ...services.flatMap((service) =>
      each('dicomcast_requests_total', `requests.${service}`, 'outcome', requestOutcomes, { service }),
    ),
    ...sample('dicomcast_retries_total', totals['retries'] ?? 0),
    ...sample('dicomcast_fhir_sent_bytes_total', totals['fhirBytes'] ?? 0),
  ]
}
