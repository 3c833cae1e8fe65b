/** Two small charts with a scale each: entries and seconds on one axis would say nothing. */
export const charts = String.raw`
const moving = new Set(['timer', 'cast', 'catch-up', 'checkpoint'])
const goodEnds = new Set(['CaughtUp', 'BatchDone', 'OutOfTime', 'Stopped', 'Done', 'CheckpointMoved'])

/** Oldest first: where each run left it, and where it is now. */
const pointsOf = (status) => {
  const runs = status.runs
    .filter(({ kind }) => moving.has(kind))
    .map((run) => ({
      at: run.startedAt + run.durationMs,
      backlog: Math.max(0, run.head - run.to),
      lag: run.lagS,
      stopped: !goodEnds.has(run.ended),
    }))
    .reverse()
  return [...runs, { at: Date.parse(status.at), backlog: status.backlog, lag: status.lagS, stopped: false }]
}

const entryTop = (most) => {
  const power = Math.pow(10, Math.floor(Math.log10(Math.max(most, 1))))
  return [1, 1.5, 2, 3, 4, 6, 8, 10].map((each) => each * power).find((each) => each >= Math.max(most, 4))
    ?? Math.max(most, 4)
}
const lagTops = [30, 60, 300, 600, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800]
const lagTop = (most) => lagTops.find((each) => each >= most) ?? Math.ceil(most / 604800) * 604800

const chart = (title, points, write, topOf) => {
  const known = points.filter(({ value }) => value !== undefined)
  const last = known.at(-1)
  const most = Math.max(0, ...known.map(({ value }) => value))
  const words = title + ': ' + (last === undefined ? 'not known' : 'now ' + write(last.value) + ', at most ' + write(most))
  const [left, right, top, bottom] = [8, 552, 22, 130]
  const scale = topOf(most)
  const [begin, end] = [known[0]?.at ?? 0, last?.at ?? 1]
  const x = (at) => (end === begin ? right : left + ((at - begin) / (end - begin)) * (right - left))
  const y = (value) => bottom - (value / scale) * (bottom - top)
  const path = known.map(({ at, value }, index) => (index === 0 ? 'M' : 'L') + x(at).toFixed(1) + ' ' + y(value).toFixed(1))
  return el('figure', { class: 'card' },
    el('figcaption', {}, words),
    svg('svg', { viewBox: '0 0 560 150', role: 'img', 'aria-label': words },
      svg('line', { class: 'grid', x1: left, x2: right, y1: top, y2: top }),
      svg('line', { class: 'grid', x1: left, x2: right, y1: bottom, y2: bottom }),
      svg('text', { x: left, y: top - 6 }, write(scale)),
      known.length > 1
        ? [
            svg('path', { class: 'area', d: path.join(' ') + ' L' + x(end) + ' ' + bottom + ' L' + x(begin) + ' ' + bottom + ' Z' }),
            svg('path', { class: 'line', d: path.join(' ') }),
          ]
        : [],
      known.map(({ at, value, stopped }) =>
        svg('circle', { class: stopped ? 'dot stopped' : 'dot', cx: x(at), cy: y(value), r: stopped ? 4.5 : 3 })),
      known.length > 1 ? svg('text', { x: left, y: 146 }, moment(begin)) : undefined,
      svg('text', { x: right, y: 146, 'text-anchor': 'end' }, 'now')))
}

const showCharts = (status) => {
  const points = pointsOf(status)
  const old = points.slice(0, -1)
  put('charts', [old, status.backlog, status.lagS], () => [
    chart('Backlog', points.map((each) => ({ ...each, value: each.backlog })), (value) => counted(value, 'entry', 'entries'), entryTop),
    chart('Lag', points.map((each) => ({ ...each, value: each.lag })), duration, lagTop),
  ])
}
`
