import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** Debian has it in the package `prometheus`. */
export const hasPromtool = spawnSync('promtool', ['--version']).status === 0
export const withoutPromtool =
  'promtool is not here (Debian: apt-get install prometheus): the Prometheus rules are not played'

const folder = join(__dirname, '..', '..', '..', 'examples', 'prometheus')
export const ruleText = readFileSync(join(folder, 'alerts.yaml'), 'utf8')

/** What /api/metrics said, and when (ms). */
export interface Scrape {
  readonly at: number
  readonly text: string
}

const seriesOf = ({ text }: Scrape): ReadonlyMap<string, number> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const [, series, value] = /^([a-z]\S*?(?:\{.*\})?) (\S+)$/.exec(line) ?? []
      return series === undefined ? [] : [[series, Number(value)] as const]
    }),
  )

const labelled = (series: string): string =>
  series.replace(
    /^(\w+)(?:\{(.*)\})?$/,
    (_, name: string, labels = '') =>
      `${name}{${[String(labels), 'job="dicomcast"', 'instance="app"'].filter((each) => each !== '').join(',')}}`,
  )

const changesAfterMinutes = 16

/** Minute by minute: first the one scrape, then the other. promtool's clock begins at 0, and so do the times in them. */
const inputOf = (first: Scrape, then: Scrape, minutes: number) => {
  const [before, after] = [seriesOf(first), seriesOf(then)]
  const told = (scrape: Scrape, series: string, value: number | undefined, minute: number): string => {
    if (value === undefined) return '_'
    return String(series.includes('timestamp_seconds') ? value - scrape.at / 1_000 + minute * 60 : value)
  }
  return [...new Set([...before.keys(), ...after.keys()])].map((series) => ({
    series: labelled(series),
    values: Array.from({ length: minutes + 1 }, (_, minute) =>
      minute < changesAfterMinutes
        ? // Before the story it goes on well, minute by minute.
          told(first, series, before.get(series), minute)
        : told(then, series, after.get(series), changesAfterMinutes),
    ).join(' '),
  }))
}

/** The names of the alerts that fire so many minutes after the second scrape. */
export const firing = (
  first: Scrape,
  then: Scrape,
  minutesAfter: number,
  lagEntries = 10_000,
): ReadonlyArray<string> => {
  const minutes = changesAfterMinutes + minutesAfter
  const names = [...ruleText.matchAll(/alert: (\w+)/g)].map(([, name = '']) => name)
  const scratch = mkdtempSync(join(tmpdir(), 'dicomcast-rules-'))
  try {
    writeFileSync(join(scratch, 'alerts.yaml'), ruleText.replace('10000', String(lagEntries)))
    return names.filter((alertname) => {
      const test = {
        rule_files: ['alerts.yaml'],
        evaluation_interval: '1m',
        tests: [
          {
            interval: '1m',
            input_series: inputOf(first, then, minutes),
            promql_expr_test: [
              {
                expr: `count(ALERTS{alertname="${alertname}",alertstate="firing"})`,
                eval_time: `${minutes}m`,
                exp_samples: [{ labels: '{}', value: 1 }],
              },
            ],
          },
        ],
      }
      writeFileSync(join(scratch, 'test.yaml'), stringify(test))
      const { status, stderr, stdout } = spawnSync('promtool', ['test', 'rules', join(scratch, 'test.yaml')], {
        encoding: 'utf8',
      })
      if (status !== 0 && !/got:/.test(stdout + stderr)) throw new Error(stdout + stderr)
      return status === 0
    })
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

export const ruleProblems = (): string => {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', join(folder, 'alerts.yaml')], {
    encoding: 'utf8',
  })
  return status === 0 ? '' : stdout + stderr
}
