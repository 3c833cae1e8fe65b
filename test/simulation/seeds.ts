import { type FaultKind, type Pair, faultKinds, pairs } from './faults'
import { simulate } from './simulate'

/** What many histories came to. Plain data: it travels between threads. */
export interface Report {
  readonly seeds: number
  readonly failures: ReadonlyArray<{ readonly seed: number; readonly violations: ReadonlyArray<string> }>
  /** Histories that each kind of trouble hit. */
  readonly hits: Readonly<Partial<Record<FaultKind, number>>>
  readonly met: Readonly<Partial<Record<Pair, number>>>
  readonly runs: number
  readonly entries: number
  readonly virtualMs: number
}

export const nothing: Report = { seeds: 0, failures: [], hits: {}, met: {}, runs: 0, entries: 0, virtualMs: 0 }

type Counts = Readonly<Partial<Record<string, number>>>

const sum = <C extends Counts>(left: C, right: C): C => {
  const total: Record<string, number> = {}
  for (const counts of [left, right]) {
    for (const [name, count = 0] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count
  }
  return total as C
}

export const together = (left: Report, right: Report): Report => ({
  seeds: left.seeds + right.seeds,
  failures: [...left.failures, ...right.failures],
  hits: sum(left.hits, right.hits),
  met: sum(left.met, right.met),
  runs: left.runs + right.runs,
  entries: left.entries + right.entries,
  virtualMs: left.virtualMs + right.virtualMs,
})

/** `under`: these kinds of trouble, instead of those that a seed draws; `without`: none of these. An exception inside the simulator counts against the seed, too. */
export const simulateSeeds = async (
  seeds: ReadonlyArray<number>,
  untilFirst = false,
  under?: ReadonlyArray<FaultKind>,
  without: ReadonlyArray<FaultKind> = [],
): Promise<Report> => {
  const options = { without: new Set(without), ...(under === undefined ? {} : { only: new Set(under) }) }
  let report = nothing
  for (const seed of seeds) {
    const one = await simulate(seed, options).then(
      ({ violations, hits, met, runs, entries, virtualMs }): Report => ({
        seeds: 1,
        failures: violations.length === 0 ? [] : [{ seed, violations }],
        hits: Object.fromEntries([...hits].map((kind) => [kind, 1])),
        met: Object.fromEntries(met),
        runs,
        entries,
        virtualMs,
      }),
      (error: unknown): Report => ({ ...nothing, seeds: 1, failures: [{ seed, violations: [String(error)] }] }),
    )
    report = together(report, one)
    if (untilFirst && report.failures.length > 0) break
  }
  return report
}

const leastShare = 0.05
const leastMeetings = 20

/** Trouble that was not met often enough to say anything about it. */
export const gaps = ({ seeds, hits, met }: Report): ReadonlyArray<string> => [
  ...faultKinds
    .filter((kind) => (hits[kind] ?? 0) < leastShare * seeds)
    .map((kind) => `${kind} hit ${hits[kind] ?? 0} of ${seeds} histories: below 5 %`),
  ...pairs
    .filter((pair) => (met[pair] ?? 0) < leastMeetings)
    .map((pair) => `${pair} met ${met[pair] ?? 0} times: fewer than ${leastMeetings}`),
]

const days = (ms: number): string => (ms / 86_400_000).toFixed(1)

export const table = (report: Report): string => {
  const { seeds, hits, met, runs, entries, virtualMs } = report
  const percent = (count: number): string => `${((100 * count) / seeds).toFixed(1)} %`.padStart(8)
  return [
    `${seeds} histories, ${entries} entries, ${runs} runs, ${days(virtualMs)} days`,
    '',
    ...faultKinds.map((kind) => `${kind.padEnd(34)}${String(hits[kind] ?? 0).padStart(7)}${percent(hits[kind] ?? 0)}`),
    '',
    ...pairs.map((pair) => `${pair.padEnd(34)}${String(met[pair] ?? 0).padStart(7)} times`),
  ].join('\n')
}
