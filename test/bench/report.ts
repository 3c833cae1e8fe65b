import { arch, cpus, platform, totalmem } from 'node:os'
import type { Measured } from './measures'

const command = 'npm run bench'

const machine = (): string => {
  const [cpu] = cpus()
  return `${cpus().length} × ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}, Node ${process.version}`
}

const met = (ratio: number): string => (Number.isNaN(ratio) ? '–' : ratio <= 1 ? 'yes' : '**no**')

export const markdown = (rows: ReadonlyArray<Measured>, day: string): string =>
  [
    '# Measured',
    '',
    `Printed by \`${command}\` on ${day}: ${machine()}. Ratios of one run; how they are made is in \`test/bench\`, and what was`,
    'tried is in [ADR 4](../adr/0004-speed.md).',
    '',
    '| measure | goal | measured | met |',
    '|---|---|---|---|',
    ...rows.map(({ measure, goal, measured, ratio }) => `| ${measure} | ${goal} | ${measured} | ${met(ratio)} |`),
    '',
    '![Each measure as a share of its goal](bench.svg)',
    '',
  ].join('\n')

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')

/** A bar a measure, as a share of its goal: what is left of the line is met. */
export const svg = (rows: ReadonlyArray<Measured>): string => {
  const shown = rows.filter(({ ratio }) => !Number.isNaN(ratio))
  const [width, left, scale, step] = [880, 470, 220, 34]
  const height = 56 + shown.length * step
  const bars = shown.flatMap(({ measure, measured, ratio }, index) => {
    const y = 40 + index * step
    const [label = ''] = measured.split(/[;(]/)
    const length = Math.min(Math.max(ratio, 0.01), 1.45) * scale
    return [
      `<text x="${left - 10}" y="${y + 14}" text-anchor="end">${escaped(measure.length > 68 ? `${measure.slice(0, 66)}…` : measure)}</text>`,
      `<rect class="${ratio <= 1 ? 'met' : 'missed'}" x="${left}" y="${y}" width="${length.toFixed(1)}" height="18" rx="2"/>`,
      `<text class="value" x="${left + length + 6}" y="${y + 14}">${escaped(label.trim())}</text>`,
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Each measure as a share of its goal">`,
    '<style>text{font:12px system-ui,sans-serif;fill:#333}.value{font-weight:600}.met{fill:#2f7d5d}.missed{fill:#b4472f}',
    '.goal{stroke:#333;stroke-dasharray:3 3}@media(prefers-color-scheme:dark){text{fill:#ddd}.goal{stroke:#ddd}}</style>',
    `<line class="goal" x1="${left + scale}" x2="${left + scale}" y1="28" y2="${height - 14}"/>`,
    `<text x="${left + scale}" y="20" text-anchor="middle">goal</text>`,
    ...bars,
    '</svg>',
    '',
  ].join('\n')
}
