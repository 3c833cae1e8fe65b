/** Buttons, and the page's own clock. One thing at a time: whatever writes needs the lease. */
export const actions = String.raw`
let busy = false
const setBusy = (value) => {
  busy = value
  for (const button of document.querySelectorAll('button.does, #catchUp')) markBusy(button)
}
const markBusy = (button) => button.setAttribute('aria-disabled', String(busy))

/** Not disabled while busy: a disabled button would lose the focus. */
const act = (work, at) => async () => {
  if (busy) return
  setBusy(true)
  try {
    await work()
  } catch (error) {
    say('bad', error.message, at)
    if (error.wantsKey) byId('keyForm').hidden = false
  } finally {
    setBusy(false)
  }
}

/** 'at' is the key of the button, and then where its message goes when the button is gone. */
function action(text, label, at, work) {
  const button = el('button', {
    type: 'button', class: 'does', 'aria-label': label, 'data-key': at[0] + ' button', onclick: act(work, at),
  }, text)
  markBusy(button)
  return button
}

async function copy(uid) {
  try {
    await navigator.clipboard.writeText(uid)
    say('good', 'Copied ' + uid)
  } catch {
    say('note', uid)
  }
}

const outcomes = [
  ['Stored', 'stored'], ['Unchanged', 'already there'], ['Superseded', 'superseded by a later entry'],
  ['Skipped', 'of a partition that is not synced'],
  ['NotInFeed', 'gone from the feed'], ['Recorded', 'failed again'],
]

/** The timer's run may come between two calls: it is waited for. */
const patiently = async (request) => {
  for (let tries = 1; ; tries++) {
    try {
      return await call('POST', 'replay', request)
    } catch (error) {
      if (error.code !== 'LeaseHeld' || tries === 150) throw error
      await pause(2000)
    }
  }
}

/** One call takes a thousand rows, and so long: with 'all' it goes on until each row was tried once. */
async function replay(request, at, all = false) {
  say('note', 'Replaying…', at)
  const counts = {}
  let [tried, left, stop, again, until] = [0]
  for (;;) {
    const answer = tried === 0 ? await call('POST', 'replay', request) : await patiently({ ...request, until })
    for (const [name] of outcomes) counts[name] = (counts[name] ?? 0) + answer.counts[name]
    tried += answer.replayed.length
    until ??= answer.until
    again ??= answer.replayed.find(({ outcome }) => outcome === 'Recorded')
    ;({ left, stop } = answer)
    const isOver = left === 0 || answer.replayed.length === 0 || until === undefined
    if (!all || isOver || (stop !== undefined && stop.code !== 'OutOfTime')) break
    say('note', 'Replaying: ' + number(tried) + ' tried, ' + number(left) + ' to go…', at)
  }
  await refresh()
  if (tried + left === 0) return say('note', 'Nothing to replay: it has been settled meanwhile.', at)
  const done = outcomes.filter(([name]) => counts[name] > 0).map(([name, words]) => number(counts[name]) + ' ' + words)
  say(counts.Recorded > 0 || stop !== undefined ? 'bad' : left > 0 ? 'note' : 'good',
    'Replayed ' + counted(tried, 'entry', 'entries') + (done.length > 0 ? ': ' + done.join(', ') : '') + '.' +
      (left > 0 ? ' ' + counted(left, 'entry is', 'entries are') + ' left.' : all && tried > 1 ? ' Each was tried once.' : '') +
      (again === undefined ? '' : ' ' + again.code + ': ' + again.reason) +
      (stop === undefined ? '' : ' ' + stop.reason), at)
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** The call answers at its end; until then the status tells how far it is. */
const catchUp = act(async () => {
  const bar = byId('bar')
  say('none', '')
  byId('progress').hidden = false
  byId('progressText').textContent = 'Catching up…'
  bar.removeAttribute('value')
  let ended = false
  const follow = async () => {
    let first
    while (!ended) {
      const status = await call('GET', 'status').catch(() => undefined)
      if (ended) return
      if (status?.backlog !== undefined) {
        first ??= status.backlog
        bar.max = Math.max(1, first)
        bar.value = Math.max(0, first - status.backlog)
        byId('progressText').textContent = counted(status.backlog, 'entry', 'entries') + ' to go'
        showStatus(status)
      }
      await pause(1500)
    }
  }
  const following = follow()
  try {
    const done = await call('POST', 'catch-up')
    const { caughtUp, entries, stored, recorded, to, head } = done
    const waits = done.ended === 'WaitingForHoles'
    say(caughtUp ? (recorded > 0 ? 'note' : 'good') : 'note',
      (caughtUp ? 'Caught up: ' : waits ? 'It waits, and goes on by itself: ' : 'The time of one call is used up, press again: ') +
        counted(entries, 'entry', 'entries') + ' read, ' + number(stored) + ' stored, ' + number(recorded) + ' recorded as failed' +
        (caughtUp ? '.' : '; ' + counted(head - to, 'entry', 'entries') + ' to go.') + (waits ? ' ' + done.reason : ''))
  } finally {
    ended = true
    byId('progress').hidden = true
    await refresh()
    void following
  }
})

/** The timer goes on with what one call leaves. */
async function compare(at) {
  say('note', 'Comparing…', at)
  const done = await call('POST', 'reconcile')
  await refresh()
  const { ended, compared, differing, gone, notRead, left, tooManyGone } = done
  const isDone = ended === 'Done' && notRead === 0
  say(isDone ? 'good' : 'note',
    (ended === 'Done' ? 'Compared: ' : left > 0 ? 'Not done, the timer goes on: ' : ended + ': ') +
      counted(compared, 'study', 'studies') + ', ' + number(differing) + ' differing, ' + number(gone) + ' gone' +
      (notRead > 0 ? ', ' + number(notRead) + ' not read' : '') + (left > 0 ? ', ' + number(left) + ' to go' : '') + '.' +
      (tooManyGone > 0 ? ' ' + number(tooManyGone) + ' are too many to be taken out unasked.' : ''), at)
}
const compareButton = () => {
  const at = ['compare', '#factsTitle']
  return action('Compare now', 'Compare the archive with FHIR now', at, () => compare(at))
}

let reading
/** One at a time; who asks meanwhile gets the next one, which sees what he did. */
async function finishTakeOver(looks) {
  const at = ['takeOver', '#takeOverTitle']
  say('note', looks ? 'Counting…' : 'Finishing…', at)
  const done = await call('POST', 'take-over' + (looks ? '?dryRun=true' : ''), { finish: true })
  const words = [counted(done.endpoints, 'Endpoint'), counted(done.patients, 'Patient'), counted(done.rows, 'row')].join(', ')
  finishing = looks ? words : undefined
  await refresh()
  const stay = done.left.length + done.rowsLeft
  say(looks ? 'note' : done.finished && stay === 0 ? 'good' : 'bad',
    (looks ? 'Finishing would change ' : done.finished ? 'Finished: ' : 'Not finished, the button goes on. So far: ') + words + '.' +
    (stay === 0 ? '' : ' ' + number(stay) + ' stay as the original left them.'), at)
}

function refresh() {
  const next = (reading ?? Promise.resolve()).then(readAll)
  reading = next
  return next
}

async function readAll() {
  try {
    const status = await call('GET', 'status')
    byId('keyForm').hidden = true
    showStatus(status)
    await readLastBackfill(status)
    const tables = await Promise.all(Object.keys(titles).map((name) => readTable(name, status.failures[name])))
    showFailures(status, tables, await readIdentity(tables))
  } catch (error) {
    // What was read before stays, in grey, with the time that it is of.
    showOld()
    showVerdict('broken', 'It cannot be seen whether it works.', [error.message])
    if (error.wantsKey) byId('keyForm').hidden = false
  }
}

/** A link to the help opens what it leads to. */
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href^="#help-"]')
  const entry = link ? byId(link.getAttribute('href').slice(1)) : null
  if (entry !== null) entry.open = true
})
byId('catchUp').addEventListener('click', catchUp)
byId('refresh').addEventListener('click', () => refresh())
byId('keyForm').addEventListener('submit', (event) => {
  event.preventDefault()
  key = byId('key').value.trim() || undefined
  byId('key').value = ''
  void refresh()
})
const everyMs = 30000
setInterval(() => {
  if (byId('auto').checked && !document.hidden && !busy) void refresh()
}, everyMs)
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && byId('auto').checked && !busy) void refresh()
})
void refresh()
`
