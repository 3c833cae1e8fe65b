/** What the status tells: the verdict first. The words are those of the command line. */
export const statusViews = String.raw`
const headlines = {
  fine: 'All is well.', behind: 'It works, and needs a look.', paused: 'It is paused.', broken: 'It does not work.',
}
const marks = { fine: '✓', behind: '!', paused: 'Ⅱ', broken: '✕' }
const services = { dicom: 'DICOM service', fhir: 'FHIR service', storage: 'Storage' }

/** The verdict's words are those of the command line, which names tables; here they are titled below. */
const inWords = (reason) =>
  localTimes(reason).replace(/^(.+) in (\w+Table): (.+)$/, (all, rows, table, codes) =>
    titles[table] === undefined ? all : titles[table] + ': ' + rows + ' (' + codes + ')')

/** Where the help tells what to do about a reason. */
const helpOf = (reason) => {
  const [, ended, code] = /^the last cast \(.*?\) ended (\w+)|(?:Table|images they are): (\w+)/.exec(reason) ?? []
  const words = [
    [/^the timer has not run|^CastSchedule/, 'timer'], [/^it is paused: AzureWebJobs/, 'paused'],
    [/^it is paused/, 'GateClosed'], [/ behind, the oldest/, 'lag'],
    [/ has held the lease/, 'lease'], [/leads away from Fhir__Endpoint/, 'nextLink'],
    [/ (?:refuses this identity|refuses access)/, 'AccessDenied'],
    [/^the head of the feed/, 'FeedReset'], [/^the checkpoint has stood still/, 'Retrying'],
    [/^identity: /, 'identity'], [/^dicom: /, 'dicom'], [/^fhir: /, 'fhir'], [/^storage: /, 'storage'],
  ]
  return ended ?? code ?? words.find(([pattern]) => pattern.test(reason))?.[1]
}

const showVerdict = (state, headline, reasons) => {
  byId('verdict').dataset.state = state
  byId('mark').textContent = marks[state] ?? '?'
  document.title = (marks[state] ?? '?') + ' ' + headline.replace(/\.$/, '') + ' – DICOMcast'
  // Untouched when nothing changed: a live region speaks of every change.
  if (byId('headline').textContent !== headline) byId('headline').textContent = headline
  put('reasons', reasons, () => reasons.map((reason) => {
    const about = helpOf(reason)
    return el('li', {}, inWords(reason), ' ',
      about === undefined ? undefined : el('a', { href: '#help-' + about, 'data-key': 'help ' + reason }, 'What to do'))
  }))
}

/** What a code or an ending means stands on this page, too. */
const codeLink = (code) =>
  byId('help-' + code) === null ? code : el('a', { href: '#help-' + code, 'data-key': 'help ' + code }, code)

const tile = (name, value, more, kind) =>
  el('div', {}, el('dt', {}, name),
    el('dd', { class: 'value ' + (value === 'not known' ? 'quietly' : (kind ?? '')) }, value), el('dd', { class: 'quiet' }, more))

const timerStates = {
  running: ['Runs'], late: ['Does not run', 'bad'], paused: ['Paused', 'warn'], missing: ['Not there', 'bad'],
  unknown: ['not known'],
}
const timerTile = ({ state, schedule, lastRanAt }, storage) => {
  const [words, kind] = state === 'unknown' && storage.healthy ? ['Not run yet'] : (timerStates[state] ?? [state])
  const every = schedule === null ? 'CastSchedule is not set' : schedule
  return tile('Timer', words, [lastRanAt === undefined ? '' : 'last ', lastRanAt === undefined ? '' : when(lastRanAt), ' (' + every + ')'], kind)
}

const comparedTile = ({ source, schedule, reconciliation }) => {
  const every = schedule === null ? 'only by hand' : schedule
  if (reconciliation === undefined) return tile('Compared', 'Never', [source + ' with FHIR (' + every + ') ', compareButton()], 'warn')
  const { endedAt, doneAt, compared, differing, gone, notRead } = reconciliation
  const before = endedAt !== undefined || doneAt === undefined ? [] : ['last done ', when(doneAt), '; ']
  const counts = counted(compared, 'study', 'studies') + ', ' + number(differing) + ' differing, ' + number(gone) + ' gone' +
    (notRead > 0 ? ', ' + number(notRead) + ' not read' : '') + ' (' + every + ')'
  return tile('Compared', endedAt === undefined ? 'Not done yet' : when(endedAt), [...before, counts + ' ', compareButton()])
}

const showFacts = ({ archive, checkpoint, head, lease, entriesPerSecond, timer, health }) => {
  const place = [archive, checkpoint, head, entriesPerSecond, lease.held, lease.runId, lease.heldForS, timer, health.storage.healthy]
  const { lastSucceededAt } = timer
  put('facts', place, () => [
    timerTile(timer, health.storage),
    tile('Last success', lastSucceededAt === undefined ? (health.storage.healthy ? 'none yet' : 'not known') : when(lastSucceededAt),
      'of any cast'),
    ...(archive === undefined ? [] : [comparedTile(archive)]),
    ...(archive?.source === 'dicomweb' ? [] : [tile('Checkpoint', number(checkpoint?.sequence),
      'of ' + number(head) + (archive === undefined ? ' in the feed' : ' in its log') +
        (checkpoint?.openHoles > 0 ? '; ' + counted(checkpoint.openHoles, 'open hole') : ''))]),
    tile('At work',
      lease.held === null ? 'not known' : lease.held ? 'A run' : 'Nobody',
      lease.held === null ? '' : lease.held ? 'for ' + duration(lease.heldForS) : 'the lease is free'),
    tile('Speed', entriesPerSecond === undefined ? 'not known' : number(entriesPerSecond) + ' / s', 'entries, over the last runs'),
  ])
}

const showHealth = (health, { dicomWeb, fhir, storage }) => {
  const addresses = { dicom: dicomWeb.endpoint, fhir: fhir.endpoint, storage }
  const facts = Object.entries(health).map(([hop, state]) => ({ hop, address: addresses[hop], ...state }))
  put('health', facts, () => facts.map(({ hop, address, healthy, ms, reason }) =>
    el('li', {},
      el('h3', {}, services[hop] ?? hop),
      el('p', { class: healthy ? 'good' : 'bad' }, healthy ? '✓ answers' : '✕ does not do its work'),
      el('p', healthy ? { class: 'quiet' } : {},
        healthy ? 'in ' + number(Math.round(ms)) + ' ms' : reason.replace(hop + ': ', '')),
      el('p', { class: 'quiet' }, host(address)))))
}

/** Which installation this is: there are several, and tabs look alike. */
const host = (address) => (URL.canParse(address) ? new URL(address).host : address)
const showRoute = ({ dicomWeb, fhir }) => {
  byId('route').textContent = host(dicomWeb.endpoint) + ' → ' + host(fhir.endpoint)
}

const runRow = (run) => [
  ['when', when(run.startedAt)],
  ['', run.kind === run.by ? run.kind : run.kind + ', ' + run.by],
  [goodEnds.has(run.ended) ? '' : 'bad', codeLink(run.ended)],
  ['number', number(run.entries)],
  ['number', number(run.stored)],
  ['number', number(run.recorded)],
  ['number', moving.has(run.kind) ? number(run.to) : ''],
  ['number', (run.durationMs / 1000).toFixed(1)],
  ['reason', (run.reason ?? '').split('\n')[0]],
]

const listedRuns = 10
const showRuns = (runs) => {
  const heads = [
    ['Started'], ['What, who'], ['Ended'], ['Entries', 'number'], ['Stored', 'number'], ['Recorded', 'number'],
    ['To', 'number'], ['Seconds', 'number'], ['Reason'],
  ]
  put('runs', runs ?? 'unknown', () => {
    if (runs === undefined) return el('p', { class: 'card unknown' }, 'Not known: the run history cannot be read.')
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

/** What finishing would change, once that was counted: only then is there a button that does it. */
let finishing
const showTakeOver = (takeOver) => {
  byId('takeOver').hidden = takeOver === undefined
  put('takeOverState', [takeOver, finishing], () => el('p', { class: 'card' },
    'Since ' + when(takeOver?.since) + '. The original can be gone back to: its Endpoint and identifiers stand as it wrote them. ',
    action('Count what finishing changes', 'Count what finishing the take-over changes', ['takeOver count', '#takeOverTitle'],
      () => finishTakeOver(true)),
    finishing === undefined ? '' : action('Finish (' + finishing + ')', 'Finish the take-over', ['takeOver finish', '#takeOverTitle'],
      () => finishTakeOver(false))))
}

let readAt
/** Figures of before must not pass for those of now. */
const showOld = () => {
  document.body.dataset.old = ''
  byId('read').textContent = readAt === undefined ? 'Nothing could be read' : 'Not read since ' + readAt
}

const showStatus = (status) => {
  showVerdict(status.state, headlines[status.state] ?? status.state, [...status.reasons, ...status.warnings])
  readAt = clock(status.at)
  byId('read').textContent = 'Read at ' + readAt
  delete document.body.dataset.old
  byId('version').textContent = 'DICOMcast ' + status.version
  showFacts(status)
  showRoute(status.configuration)
  showHealth(status.health, status.configuration)
  showFeed(status)
  showBackfill(status)
  byId('catchUp').classList.toggle('main', status.backlog > 0)
  showCharts(status)
  showTakeOver(status.takeOver)
  showRuns(status.runs)
}
`
