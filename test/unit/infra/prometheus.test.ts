import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { identityCodes } from '../../../lib/app/ports-operator'
import { backfillGaugesOf, countersOf, gaugesOf, metrics } from '../../../lib/composition/metric-samples'
import type { BackfillProgress } from '../../../lib/app/backfill/progress'
import type { Status } from '../../../lib/app/operate/facts'

const read = (file: string): string =>
  readFileSync(join(__dirname, '..', '..', '..', 'examples', 'prometheus', file), 'utf8')
const rules = read('alerts.yaml')
const dashboard = read('grafana-dashboard.json')

interface Panel {
  readonly title: string
  readonly targets: ReadonlyArray<{ readonly expr: string }>
}
const expressions = (JSON.parse(dashboard) as { panels: ReadonlyArray<Panel> }).panels.flatMap(({ targets }) =>
  targets.map(({ expr }) => expr),
)
interface Rule {
  readonly alert: string
  readonly expr: string
}
const [group] = (parse(rules) as { groups: ReadonlyArray<{ rules: ReadonlyArray<Rule> }> }).groups

/** Names, and labels that are asked of a name, that no metric has. */
const unknown = (expr: string): ReadonlyArray<string> =>
  [...expr.matchAll(/(dicomcast_\w+)(?:\{([^}]*)\})?/g)].flatMap(([, name = '', matchers = '']) => {
    const metric = Object.entries(metrics).find(([each]) => each === name)?.[1]
    if (metric === undefined) return [name]
    const labels = [...matchers.matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => label)
    return labels
      .filter((label) => !(metric.labels as ReadonlyArray<string>).includes(label))
      .map((label) => `${name}.${label}`)
  })

const count = { rows: 1, more: false, codes: { PatientMismatch: 1 } }
const status: Status = {
  ...{ at: '2026-11-29T12:00:00.000Z', state: 'fine', reasons: [], backlog: 1, lagS: 2, head: 3 },
  timer: {
    ...{ state: 'running', schedule: '0 * * * * *', pausedBy: [] },
    ...{ lastRanAt: '2026-11-29T11:59:00.000Z', lastSucceededAt: '2026-11-29T11:59:00.500Z' },
  },
  checkpoint: { sequence: 2, etag: null, openHoles: 0, refusedStudiesInARow: 0 },
  lease: { held: false },
  archive: {
    ...{ source: 'orthanc', schedule: null, isLate: false },
    reconciliation: {
      ...{ startedAt: '2026-11-29T02:00:00.000Z', endedAt: '2026-11-29T02:01:00.000Z' },
      ...{ compared: 3, read: 1, differing: 1, gone: 0, notRead: 0 },
    },
  },
  failures: { DicomFailToStoreExceptionTable: { ...count, identity: count, withdrawn: count } },
  withdrawn: { ...count, codes: { '113039': 1 } },
  runs: [
    {
      ...{ runId: 'r', startedAt: 0, kind: 'timer', by: 'timer', ended: 'CaughtUp', from: 0, to: 2, head: 3 },
      ...{ entries: 2, stored: 2, recorded: 0, durationMs: 1_500 },
    },
  ],
  health: {
    dicom: { healthy: true, ms: 5 },
    fhir: { healthy: false, ms: 5, reason: 'down' },
    storage: { healthy: true, ms: 5 },
  },
}
const backfill: BackfillProgress = {
  ...{ id: 'b', by: 'anna', startedAt: '2026-11-29T11:00:00.000Z', state: 'working', lanes: 8, lanesAtWork: 3 },
  listed: { studies: 9, images: 90, whole: true },
  lanesWaiting: 1,
  settled: { studies: 7, images: 70 },
  done: { studies: 6, images: 60, written: 50, notCast: 2, failed: 1, leftOver: 2 },
  leftOver: { cast: 1, failed: 1 },
}
const samples = [
  ...gaugesOf(status, '1+x'),
  ...backfillGaugesOf(backfill),
  ...countersOf({ 'entries.stored': 7, runMs: 2_500 }),
]
const valueOf = (name: string, labels: object = {}): number | undefined =>
  samples.find((each) => each.name === name && JSON.stringify(each.labels) === JSON.stringify(labels))?.value

describe('the metrics', () => {
  it('have a sample each, with the labels that they say', () => {
    expect(new Set(samples.map(({ name }) => name))).toEqual(new Set(Object.keys(metrics)))
    for (const { name, labels } of samples) expect([name, Object.keys(labels)]).toEqual([name, metrics[name].labels])
  })

  it('say how it stands, in seconds', () => {
    expect(valueOf('dicomcast_service_up', { service: 'fhir' })).toBe(0)
    expect(valueOf('dicomcast_last_success_timestamp_seconds')).toBe(Date.parse('2026-11-29T11:59:00.500Z') / 1_000)
    expect(valueOf('dicomcast_last_run_seconds')).toBe(1.5)
    expect(valueOf('dicomcast_run_seconds_total')).toBe(2.5)
    expect(valueOf('dicomcast_entries_total', { outcome: 'stored' })).toBe(7)
    // Before the first one, so that it is seen when it comes.
    expect(valueOf('dicomcast_runs_total', { ended: 'AccessDenied' })).toBe(0)
  })

  it('say how far a backfill is, and that it is over', () => {
    const studies = (is: string) => valueOf('dicomcast_backfill_studies', { is })
    expect(['listed', 'done', 'failed', 'left_over', 'cast_at_end'].map(studies)).toEqual([9, 6, 2, 2, 1])
    const images = (is: string) => valueOf('dicomcast_backfill_images', { is })
    expect(['listed', 'done', 'written', 'not_cast'].map(images)).toEqual([90, 60, 50, 2])
    expect([valueOf('dicomcast_backfill_at_work'), valueOf('dicomcast_backfill_lanes_at_work')]).toEqual([1, 3])
    const [over] = backfillGaugesOf({ ...backfill, state: 'over' })
    expect(over).toEqual({ name: 'dicomcast_backfill_at_work', labels: {}, value: 0 })
  })

  it('say nothing of what is not known', () => {
    const { backlog: _, lagS: __, checkpoint: ___, runs: ____, ...known } = status
    const names = gaugesOf({ ...known, lease: { held: null }, failures: {} }, '1').map(({ name }) => name)
    for (const name of [
      'backlog_entries',
      'lag_seconds',
      'open_holes',
      'last_run_seconds',
      'lease_held',
      'failure_rows',
    ])
      expect(names).not.toContain(`dicomcast_${name}`)
  })
})

describe('examples/prometheus', () => {
  it.each([
    ...(group?.rules ?? []).map(({ alert, expr }) => [alert, expr]),
    ...expressions.map((expr) => ['dashboard', expr]),
  ])('asks for metrics that there are: %s', (_name, expr) => {
    expect([/dicomcast_/.test(String(expr)), unknown(String(expr))]).toEqual([true, []])
  })

  it('would hear of a name and a label that nobody exports', () => {
    expect(unknown('rate(dicomcast_entry_total[5m])')).toEqual(['dicomcast_entry_total'])
    expect(unknown('dicomcast_runs_total{end="x"}')).toEqual(['dicomcast_runs_total.end'])
  })

  it('has the five alerts of the Bicep, and every code of identity', () => {
    const bicep = readFileSync(join(__dirname, '..', '..', '..', 'infra', 'modules', 'alerts.bicep'), 'utf8')
    const named = [...bicep.matchAll(/^ {4}name: '([a-z-]+)'/gm)].map(([, name = '']) => name.replaceAll('-', ''))
    expect((group?.rules ?? []).map(({ alert }) => alert.replace('Dicomcast', '').toLowerCase())).toEqual(named)
    expect(/code=~"([^"]*)"/.exec(rules)?.[1]?.split('|').sort()).toEqual([...identityCodes].sort())
  })

  it('shows every metric on the dashboard', () => {
    const shown = new Set(expressions.join(' ').match(/dicomcast_\w+/g))
    expect(Object.keys(metrics).filter((name) => !shown.has(name))).toEqual([])
  })
})
