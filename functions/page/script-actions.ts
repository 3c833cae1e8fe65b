/** Buttons, and the page's own clock. One thing at a time: whatever writes needs the lease. */
export const actions = String.raw`
let busy = false
const setBusy = (value) => {
  busy = value
  for (const button of document.querySelectorAll('button.does, #catchUp')) markBusy(button)
}
const markBusy = (button) => button.setAttribute('aria-disabled', String(busy))

/** Not disabled while busy: a disabled button would lose the focus. */
const act = (work) => async () => {
  if (busy) return
  setBusy(true)
  try {
    await work()
  } catch (error) {
    say('bad', error.message)
    if (error.wantsKey) byId('keyForm').hidden = false
  } finally {
    setBusy(false)
  }
}

function action(text, label, at, work) {
  const button = el('button', {
    type: 'button', class: 'does', 'aria-label': label, 'data-key': at + ' button', onclick: act(work),
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
  ['NotInFeed', 'gone from the feed'], ['Recorded', 'failed again'],
]
async function replay(request) {
  say('note', 'Replaying…')
  const { counts, left, replayed, selected, stop } = await call('POST', 'replay', request)
  const done = outcomes.filter(([name]) => counts[name] > 0).map(([name, words]) => number(counts[name]) + ' ' + words)
  if (selected === 0) {
    await refresh()
    return say('note', 'Nothing to replay: it has been settled meanwhile.')
  }
  const again = replayed.find(({ outcome }) => outcome === 'Recorded')
  await refresh()
  say(counts.Recorded > 0 || stop !== undefined ? 'bad' : left > 0 ? 'note' : 'good',
    'Replayed ' + counted(selected - left, 'entry', 'entries') + (done.length > 0 ? ': ' + done.join(', ') : '') + '.' +
      (left > 0 ? ' ' + counted(left, 'entry is', 'entries are') + ' left.' : '') +
      (again === undefined ? '' : ' ' + again.code + ': ' + again.reason) +
      (stop === undefined ? '' : ' ' + stop.reason))
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
    const { caughtUp, entries, stored, recorded, to, head } = await call('POST', 'catch-up')
    say(caughtUp ? (recorded > 0 ? 'note' : 'good') : 'note',
      (caughtUp ? 'Caught up: ' : 'The time of one call is used up, press again: ') +
        counted(entries, 'entry', 'entries') + ' read, ' + number(stored) + ' stored, ' + number(recorded) + ' recorded as failed' +
        (caughtUp ? '.' : '; ' + counted(head - to, 'entry', 'entries') + ' to go.'))
  } finally {
    ended = true
    byId('progress').hidden = true
    await refresh()
    void following
  }
})

let reading
/** One at a time; who asks meanwhile gets the next one, which sees what he did. */
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
    const order = Object.keys(titles).filter((name) => status.failures[name] !== undefined)
    const tables = await Promise.all(order.map((name) => readTable(name, status.failures[name])))
    showFailures(tables, await readIdentity(tables))
  } catch (error) {
    // What was read before stays, with the time that it is of.
    showVerdict('broken', 'It cannot be seen whether it works.', [error.message])
    if (error.wantsKey) byId('keyForm').hidden = false
  }
}

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
