/** What the status tells: the verdict first. The words are those of the command line. */
export const statusViews = String.raw`
const headlines = { fine: 'All is well.', behind: 'It works, and needs a look.', broken: 'It does not work.' }
const marks = { fine: '✓', behind: '!', broken: '✕' }
const services = { dicom: 'DICOM service', fhir: 'FHIR service', storage: 'Storage' }

const showVerdict = (state, headline, reasons) => {
  byId('verdict').dataset.state = state
  document.title = (marks[state] ?? '?') + ' ' + headline.replace(/\.$/, '') + ' – DICOMcast'
  // Untouched when nothing changed: a live region speaks of every change.
  if (byId('headline').textContent !== headline) byId('headline').textContent = headline
  put('reasons', reasons, () => reasons.map((reason) => el('li', {}, reason)))
}

const tile = (name, value, more, kind) =>
  el('div', {}, el('dt', {}, name), el('dd', { class: 'value ' + (kind ?? '') }, value), el('dd', { class: 'quiet' }, more))

const showFacts = ({ checkpoint, head, backlog, lagS, lease, entriesPerSecond }) => {
  const place = [checkpoint, head, backlog, lagS, entriesPerSecond, lease.held, lease.runId, lease.heldForS]
  put('facts', place, () => [
    tile('Backlog', counted(backlog, 'entry', 'entries'), backlog === 0 ? 'nothing waits' : 'to be cast', backlog > 0 ? 'warn' : ''),
    tile('Lag', duration(lagS), lagS === 0 ? 'FHIR is up to date' : 'age of the oldest entry', lagS > 900 ? 'warn' : ''),
    tile('Checkpoint', number(checkpoint?.sequence), 'of ' + number(head) + ' in the feed' +
      (checkpoint?.openHoles > 0 ? '; ' + counted(checkpoint.openHoles, 'open hole') : '')),
    tile('At work',
      lease.held === null ? 'not known' : lease.held ? 'A run' : 'Nobody',
      lease.held ? 'for ' + duration(lease.heldForS) : 'the lease is free'),
    tile('Speed', entriesPerSecond === undefined ? 'not known' : number(entriesPerSecond) + ' / s', 'entries, over the last runs'),
  ])
}

const showHealth = (health) => {
  const facts = Object.entries(health)
  put('health', facts, () => facts.map(([hop, { healthy, ms, reason }]) =>
    el('li', {},
      el('h3', {}, services[hop] ?? hop),
      el('p', { class: healthy ? 'good' : 'bad' }, healthy ? '✓ answers' : '✕ does not do its work'),
      el('p', { class: 'quiet' }, healthy ? 'in ' + number(Math.round(ms)) + ' ms' : reason))))
}

const runRow = (run) =>
  el('tr', {},
    el('td', { class: 'when' }, moment(run.startedAt)),
    el('td', {}, run.kind),
    el('td', {}, run.by),
    el('td', { class: goodEnds.has(run.ended) ? '' : 'bad' }, run.ended),
    el('td', { class: 'number' }, number(run.entries)),
    el('td', { class: 'number' }, number(run.stored)),
    el('td', { class: 'number' }, number(run.recorded)),
    el('td', { class: 'number' }, moving.has(run.kind) ? number(run.to) : ''),
    el('td', { class: 'number' }, (run.durationMs / 1000).toFixed(1)),
    el('td', { class: 'reason' }, run.reason ?? ''))

const listedRuns = 10
const showRuns = (runs) => {
  const heads = [
    ['Started'], ['What'], ['Who'], ['Ended'], ['Entries', 'number'], ['Stored', 'number'], ['Recorded', 'number'],
    ['To', 'number'], ['Seconds', 'number'], ['Reason'],
  ]
  put('runs', runs, () => {
    if (runs.length === 0) return el('p', { class: 'quiet' }, 'No run has done anything yet.')
    const card = (...children) => el('div', { class: 'card' }, ...children)
    const newest = table('The newest first', heads, runs.slice(0, listedRuns).map(runRow))
    const older = runs.slice(listedRuns)
    if (older.length === 0) return card(newest)
    return card(newest, el('details', { 'data-key': 'older runs' },
      el('summary', { 'data-key': 'older runs summary' }, counted(older.length, 'older run')),
      table('Older runs', heads, older.map(runRow))))
  })
}

const showStatus = (status) => {
  showVerdict(status.state, headlines[status.state] ?? status.state, status.reasons)
  byId('read').textContent = 'Read at ' + clock(status.at)
  showFacts(status)
  showHealth(status.health)
  showCharts(status)
  showRuns(status.runs)
}
`
