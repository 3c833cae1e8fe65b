/** What the feed is called, what the gate says, and the buttons for both. */
export const feedViews = String.raw`
const gateStates = {
  running: ['Open: runs may write'], paused: ['Closed: everything is paused', 'warn'],
  renaming: ['Closed: the DICOM service is being renamed', 'warn'], backfill: ['Closed: a backfill is at work', 'warn'],
}
const gateAt = ['gate', '#feedTitle']
const nameAt = ['name', '#feedTitle']

async function moveGate(name) {
  say('note', name === 'pause' ? 'Pausing…' : 'Resuming…', gateAt)
  const { state, fenced } = await call('POST', name)
  await refresh()
  if (state === 'running') return say('good', 'Resumed: the next tick goes on.', gateAt)
  say(fenced ? 'good' : 'note', fenced ? 'Paused: nothing is written from now on.'
    : 'Paused. FHIR could not be asked to refuse what is on its way: a run at work may end its transaction.', gateAt)
}

/** What the dry run told, for the two names that it was about. */
let foreseen
async function rename(from, to, dryRun) {
  say('note', dryRun ? 'Looking what would be re-pointed…' : 'Renaming…', nameAt)
  const { endpoints, studies, refused, finished, stop } =
    await call('POST', 'rename-service' + (dryRun ? '?dryRun=true' : ''), { from })
  foreseen = dryRun ? from + ' ' + to : undefined
  await refresh()
  const counts = counted(endpoints, 'Endpoint') + ' and ' + counted(studies, 'study', 'studies')
  if (dryRun) return say('note', 'To be re-pointed: ' + counts + '. Until it is finished nobody casts.', nameAt)
  say(finished && refused.length === 0 ? 'good' : 'bad',
    (finished ? 'Renamed; re-pointed: ' : 'Not finished (' + (stop?.reason ?? '') + '), press again. Re-pointed: ') + counts + '.' +
      (refused.length === 0 ? '' : ' FHIR does not take these as they stand: ' + refused.join(', ')), nameAt)
}

const gateButton = (state) => state === 'running' ? action('Pause', 'Pause everything that writes', gateAt, () => moveGate('pause'))
  : state === 'paused' ? action('Resume', 'Resume what was paused', gateAt, () => moveGate('resume')) : undefined

/** First what it would do; then, beside what was told, the thing itself. One that was begun is gone on with. */
const nameButton = ({ root, setting, renamingTo }) => {
  const to = renamingTo ?? setting
  if (to === undefined) return undefined
  const isTold = renamingTo !== undefined || foreseen === root + ' ' + to
  return action(isTold ? (renamingTo === undefined ? 'Rename' : 'Go on renaming') : 'What would a rename do?',
    'Rename ' + root + ' to ' + to + (isTold ? '' : ': only look'), nameAt, () => rename(root, to, !isTold))
}

const showFeed = ({ feed, gate, health }) => {
  put('feedCard', [feed, gate, foreseen, health.storage.healthy], () => {
    const [words, kind] = gate === undefined ? ['The gate is not known', 'unknown'] : (gateStates[gate.state] ?? [gate.state])
    const named = feed === undefined ? [el('h3', {}, health.storage.healthy ? 'No name yet: no run has written' : 'The name is not known')] : [
      el('h3', {}, feed.root),
      feed.id === undefined ? undefined : el('span', { class: 'quiet' }, feed.id),
      feed.formerRoots.length === 0 ? undefined : el('p', { class: 'quiet' }, 'It was ' + feed.formerRoots.join(', ')),
      feed.renamingTo === undefined ? undefined : el('p', { class: 'warn' }, 'It is being renamed to ' + feed.renamingTo),
      feed.setting === undefined ? undefined
        : el('p', { class: 'bad' }, 'DicomWeb__Endpoint names ' + feed.setting + ': the same service under another name, or another service?'),
    ]
    return [
      el('div', { class: 'card' }, el('div', { class: 'cardHead' }, el('div', {}, ...named), feed === undefined ? undefined : nameButton(feed))),
      el('div', { class: 'card' }, el('div', { class: 'cardHead' },
        el('div', {}, el('h3', { class: kind }, words),
          gate?.since === undefined ? undefined : el('span', { class: 'quiet' }, 'since ', when(gate.since), ', by ' + gate.by)),
        gate === undefined ? undefined : gateButton(gate.state))),
    ]
  })
}
`
