/** The backfill: how far it is, or how the last one ended; and the buttons that begin one and cancel it. */
export const backfillViews = String.raw`
const backfillStates = {
  starting: 'It begins', waiting: 'It waits until every entry up to the head of the feed can be seen',
  listing: 'It lists the studies, and works on them', working: 'It works on the studies', closing: 'It closes its lanes',
  walking: 'It looks for what FHIR alone holds', leftOver: 'It casts what was left over', opening: 'It lets the feed go on',
}
const backfillAt = ['backfill', '#backfillTitle']
const cancelAt = ['backfill cancel', '#backfillTitle']

/** What the dry run counted: only then is there a button that begins one. */
let backfillCounted
/** The one that was asked to be cancelled, and not yet a second time. */
let cancelling
/** How the last one ended, and the line of the run history that says that it did. */
let lastBackfill

async function backfillDryRun() {
  say('note', 'Counting the studies of the archive…', backfillAt)
  const { partitions, whole } = await call('POST', 'backfill?dryRun=true', {})
  const sum = (name) => partitions.reduce((all, each) => all + each[name], 0)
  backfillCounted = (whole ? '' : 'at least ') + counted(sum('studies'), 'study', 'studies') + ', about ' + counted(sum('images'), 'image')
  await refresh()
  say('note', 'It would read ' + backfillCounted + '. Until it is over nothing else writes, and nothing that is new in the archive comes to FHIR.',
    backfillAt)
}

async function backfillBegin() {
  say('note', 'Beginning…', backfillAt)
  await call('POST', 'backfill', { confirm: true })
  backfillCounted = undefined
  await refresh()
  say('good', 'It has begun. It goes on by itself, whether anybody looks or not.', backfillAt)
}

async function backfillCancel(id) {
  if (cancelling !== id) {
    cancelling = id
    await refresh()
    return say('note', 'What is done stays, and the feed goes over it from where it stood. Press again to cancel it.', cancelAt)
  }
  say('note', 'Cancelling…', cancelAt)
  const { state } = await call('POST', 'backfill/cancel')
  cancelling = undefined
  await refresh()
  say('good', state === 'over' ? 'Cancelled: the feed goes on from where it stood.' : 'Cancelled: it comes to its end by itself.', cancelAt)
}

const backfillButton = () => backfillCounted === undefined
  ? action('What would a backfill do?', 'What would a backfill do: only count', backfillAt, backfillDryRun)
  : action('Begin (' + backfillCounted + ')', 'Begin a backfill of ' + backfillCounted, backfillAt, backfillBegin)

/** The bar is of images; while they are not counted it only says that something happens. */
const backfillBar = ({ state, listed, settled, secondsLeft }) => {
  const isCountable = (state === 'listing' || state === 'working') && listed.images > 0
  return [
    el('label', { for: 'backfillBar' }, number(settled.images) + ' of about ' + counted(listed.images, 'image') + (listed.whole ? '' : ' listed so far') +
      (secondsLeft === undefined ? '' : ', about ' + duration(secondsLeft) + ' left')),
    el('progress', { id: 'backfillBar', ...(isCountable ? { max: listed.images, value: Math.min(settled.images, listed.images) } : {}) }),
  ]
}

const backfillFacts = ({ given, listed, done, leftOver, lanes, lanesAtWork, lanesWaiting, imagesPerS, checkpoint }) => el('dl', { class: 'tiles' },
  tile('Listed', counted(listed.studies, 'study', 'studies'), 'about ' + counted(listed.images, 'image') + (listed.whole ? '' : ' so far') + (given === undefined ? '' : ', of ' + number(given) + ' that were named')),
  tile('Done', counted(done.studies, 'study', 'studies'),
    counted(done.images, 'image') + ', ' + number(done.written) + ' written, ' + number(done.notCast) + ' not cast'),
  tile('Failed', counted(done.failed + leftOver.failed, 'study', 'studies'), 'that fail alone', done.failed + leftOver.failed > 0 ? 'bad' : ''),
  tile('Left over', counted(done.leftOver, 'study', 'studies'), number(leftOver.cast) + ' cast at the end, by one writer'),
  tile('Lanes', number(lanesAtWork) + ' of ' + number(lanes), 'at work' + (lanesWaiting === 0 ? '' : ', ' + number(lanesWaiting) + ' of them wait: a service asked for less')),
  tile('Speed', imagesPerS === undefined ? 'not known' : number(imagesPerS) + ' / s', 'images'),
  ...(checkpoint === undefined ? [] : [tile('Checkpoint', number(checkpoint), 'the feed goes on from there')]))

const backfillTrouble = ({ done, leftOver, tooManyGone, given, since }) => [
  done.failed + leftOver.failed === 0 ? undefined
    : el('p', { class: 'bad' }, 'To look at: ', codeLink('OutlastedRetries'), ' has ' + counted(done.failed + leftOver.failed, 'study', 'studies') + '.'),
  tooManyGone === undefined ? undefined
    : el('p', { class: 'bad' }, counted(tooManyGone, 'study', 'studies') + (given !== undefined ? ' that were named' : since !== undefined ? ' that the feed names' : ' that FHIR holds') + ' are not in the archive’s list: too many to be taken out ' +
      'unasked. Is it the right archive, and whole? dicomcast verify --all names them.'),
]

const backfillAtWork = (backfill) => el('div', { class: 'card' },
  el('div', { class: 'cardHead' },
    el('div', {}, el('h3', { class: 'warn' }, backfillStates[backfill.state] ?? backfill.state),
      el('span', { class: 'quiet' }, 'since ', when(backfill.startedAt), ', by ' + backfill.by)),
    action(cancelling === backfill.id ? 'Cancel it now' : 'Cancel', cancelling === backfill.id ? 'Cancel the backfill now' : 'Cancel the backfill',
      cancelAt, () => backfillCancel(backfill.id))),
  ...backfillBar(backfill), backfillFacts(backfill), ...backfillTrouble(backfill))

const backfillOver = (backfill) => backfill === undefined ? [] : [
  el('p', { class: 'quiet' }, 'Begun ', when(backfill.startedAt), ' by ' + backfill.by,
    ...(backfill.endedAt === undefined ? [] : [', ended ', when(backfill.endedAt)])),
  backfillFacts(backfill), ...backfillTrouble(backfill),
]

const noBackfill = (last) => el('div', { class: 'card' },
  el('div', { class: 'cardHead' },
    el('div', {}, el('h3', {}, last === undefined ? 'None is at work' : 'The last one ' + (last.ended === 'Done' ? 'is done' : 'was cancelled')),
      el('span', { class: 'quiet' }, 'Every study of the archive at once, on many workers: for a first load of many million images, or after FHIR was lost.')),
    backfillButton()),
  ...backfillOver(last))

/** An archive without a feed has none: nothing would go on from where it ended. */
const showBackfill = ({ archive, backfill, gate }) => {
  const last = lastBackfill?.found
  byId('backfill').hidden = backfill === undefined && (archive !== undefined || gate === undefined || gate.state === 'backfill')
  put('backfillState', [backfill, last, backfillCounted, cancelling], () => backfill === undefined ? noBackfill(last) : backfillAtWork(backfill))
}

/** The status tells of one that is at work only. */
async function readLastBackfill(status) {
  const run = (status.runs ?? []).find(({ kind, ended }) => kind === 'backfill' && ended !== 'Begun')
  if (status.backfill !== undefined || run === undefined || run.runId === lastBackfill?.runId) return
  const found = await call('GET', 'backfill').catch(() => undefined)
  lastBackfill = { runId: run.runId, found: found?.state === 'over' ? found : undefined }
  showBackfill(status)
}
`
