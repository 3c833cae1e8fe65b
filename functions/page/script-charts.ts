/** Two small charts with a scale each: entries and seconds on one axis would say nothing. */
export const charts = String.raw`
const moving = new Set(['timer', 'wake', 'cast', 'catch-up', 'checkpoint'])
const goodEnds = new Set(['CaughtUp', 'BatchDone', 'OutOfTime', 'Stopped', 'Begun', 'Done', 'CheckpointMoved'])

/** Oldest first: where each run left it, and where it is now. */
const pointsOf = (status) => {
  const runs = (status.runs ?? [])
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

// The drawing is stretched to its place, and the words stand beside it: they keep their size on any screen.
const chart = (title, points, write, topOf) => {
  const known = points.filter(({ value }) => value !== undefined)
  const last = known.at(-1)
  const most = Math.max(0, ...known.map(({ value }) => value))
  const words = title + ' over time: ' +
    (last === undefined ? 'not known' : 'now ' + write(last.value) + ', at most ' + write(most))
  const [width, height, margin] = [600, 100, 6]
  const scale = topOf(most)
  const [begin, end] = [known[0]?.at ?? 0, last?.at ?? 1]
  const x = (at) => (end === begin ? width - margin : margin + ((at - begin) / (end - begin)) * (width - 2 * margin))
  const y = (value) => height - margin - (value / scale) * (height - 2 * margin)
  const place = ({ at, value }) => x(at).toFixed(1) + ' ' + y(value).toFixed(1)
  const path = known.map((each, index) => (index === 0 ? 'M' : 'L') + place(each)).join(' ')
  const floor = height - margin
  if (last === undefined) return ''
  if (known.length < 2) return el('p', { class: 'quiet' }, 'The chart begins with the first run.')
  return [
    el('div', { class: 'scale quiet', 'aria-hidden': 'true' }, write(scale)),
    svg('svg', { viewBox: '0 0 ' + width + ' ' + height, preserveAspectRatio: 'none', role: 'img', 'aria-label': words },
      svg('path', { class: 'grid', d: 'M0 ' + margin + 'H' + width + 'M0 ' + floor + 'H' + width }),
      svg('path', { class: 'area', d: path + ' L' + x(end) + ' ' + floor + ' L' + x(begin) + ' ' + floor + ' Z' }),
      svg('path', { class: 'line', d: path }),
      // Lines without length have round ends, whatever the drawing is stretched to.
      known.map((each) => svg('path', { class: each.stopped ? 'dot stopped' : 'dot', d: 'M' + place(each) + 'h0' }))),
    el('div', { class: 'axis quiet', 'aria-hidden': 'true' },
      el('span', {}, moment(begin)), el('span', {}, 'now')),
  ]
}

const chartTile = (name, value, more, kind, drawing) =>
  el('div', {}, el('dt', {}, name),
    el('dd', { class: 'value ' + (value === 'not known' ? 'quietly' : kind) }, value, ' ', el('span', { class: 'quiet' }, more)),
    el('dd', {}, drawing))

const showCharts = (status) => {
  const { backlog, lagS } = status
  const points = pointsOf(status)
  put('charts', [points.slice(0, -1), backlog, lagS], () => [
    chartTile('Backlog', backlog === undefined ? 'not known' : counted(backlog, 'entry', 'entries'),
      backlog === undefined ? '' : backlog === 0 ? 'nothing waits' : 'to be cast',
      backlog > 0 ? 'warn' : '',
      chart('Backlog', points.map((each) => ({ ...each, value: each.backlog })), (value) => counted(value, 'entry', 'entries'), entryTop)),
    chartTile('Lag', duration(lagS), lagS === undefined ? '' : lagS === 0 ? 'FHIR is up to date' : 'age of the oldest entry', lagS > 900 ? 'warn' : '',
      chart('Lag', points.map((each) => ({ ...each, value: each.lag })), duration, lagTop)),
  ])
}
`
