/** Rows of the error tables, each with its button; those about whose images they are once more, by study. */
export const failureViews = String.raw`
const titles = {
  DicomFailToStoreExceptionTable: 'Not castable as it is in DICOM',
  FhirFailToStoreExceptionTable: 'Not taken by FHIR',
  TransientFailureExceptionTable: 'Outlasted its retries',
  TransientRetryExceptionTable: 'Being retried',
  InvalidDicomTagExceptionTable: 'Cast without a tag that was invalid',
}
const replayable = new Set(Object.keys(titles).slice(0, 3))
const identityCodes = {
  PatientMismatch: 'Misfiled? The PatientID differs within the study. Correct it in the DICOM service.',
  DemographicsConflict: 'Two people, one PatientID. Correct the PatientID in the DICOM service, or the Patient in FHIR, then replay; if it is one person, dicomcast accept.',
  IssuerUnknown: 'The issuer of the PatientID is not known. Add it to Patient__IssuerSystems, then replay.',
  PatientAmbiguous: 'Several Patients have this identifier. Merge them in FHIR, then replay.',
  PatientInactive: 'The Patient is inactive or merged. Correct its link in FHIR, then replay.',
}
const pageSize = 50
const wanted = new Map()

const listed = (name, query) => call('GET', 'failures/' + name + '?' + new URLSearchParams(query))

/** Without rows when they cannot be read: unknown is not empty. */
const readTable = async (name, count) => {
  if (count === undefined || count.rows === 0) return { name, count, rows: count === undefined ? undefined : [], more: false }
  try {
    const { rows, next } = await listed(name, { limit: wanted.get(name) ?? pageSize })
    return { name, count, rows, more: next !== undefined }
  } catch (error) {
    if (error.wantsKey) throw error
    return { name, count, more: false }
  }
}

/** A table that is not read to its end may hold more of them. */
const readIdentity = async (tables) => {
  const parts = tables.filter(({ name }) => replayable.has(name)).map(async ({ name, count, rows, more }) => {
    if (!more) return rows
    const pages = await Promise.all(
      Object.keys(count.identity.codes).map((errorCode) => listed(name, { errorCode, limit: 200 })))
    return pages.flatMap((page) => page.rows)
  })
  const found = await Promise.all(parts).catch(() => [undefined])
  return found.includes(undefined) ? undefined : found.flat().filter(({ code }) => Object.hasOwn(identityCodes, code))
}

const uidButton = (what, uid, at) =>
  uid === undefined ? undefined : el('button', {
    type: 'button', class: 'uid', title: uid + ' (copy)', 'aria-label': 'Copy the ' + what + ' UID ' + uid,
    'data-key': at + ' ' + what, onclick: () => copy(uid),
  }, shortUid(uid))

const homesOf = (name) => ['[data-table=' + name + '] .cardHead', '#failuresTitle']

const failureRow = (name) => (row) => {
  const at = name + ' ' + row.row
  return [
    ['number', row.row.startsWith('i-') ? '' : number(row.sequence)],
    ['code', codeLink(row.code)],
    ['number', number(row.count)],
    ['uids', uidButton('study', row.studyInstanceUid, at), uidButton('instance', row.sopInstanceUid, at)],
    ['reason', row.reason],
    ['when', when(row.writtenAt)],
    ['act', replayable.has(name)
      ? action('Replay', 'Replay ' + (row.row.startsWith('i-') ? 'an instance' : 'entry ' + row.sequence) + ', ' + row.code, [at, ...homesOf(name)], () =>
          replay({ rows: [{ table: name, row: row.row }] }, [at, ...homesOf(name)]))
      : ''],
  ]
}

const heads = [
  ['Entry', 'number'], ['Code'], ['Count', 'number'], ['Study, instance'], ['Reason'], ['Written'], ['Do', 'act'],
]
const countWords = ({ rows, more }) => (more ? 'at least ' : '') + counted(rows, 'row')
const codeWords = (codes) => Object.entries(codes).map(([code, count]) => code + ' ' + number(count)).join(', ')

const tableCard = ({ name, count, rows, more }) => {
  const head = el('div', {}, el('h3', {}, titles[name] + ': ' + countWords(count)), el('span', { class: 'quiet' }, name))
  if (rows === undefined) {
    return el('div', { class: 'card unknown', 'data-table': name }, head, el('p', {}, 'Its rows cannot be read now.'))
  }
  if (rows.length === 0) return el('div', { class: 'card', 'data-table': name }, head)
  const listing = el('div', {}, table(name + ': ' + countWords(count), heads, rows.map(failureRow(name))),
    more
      ? action('Show more', 'Show more rows of ' + name, [name + ' more', ...homesOf(name)], () => {
          wanted.set(name, Math.min(1000, (wanted.get(name) ?? pageSize) * 4))
          return refresh()
        })
      : undefined)
  if (!replayable.has(name)) {
    return el('details', { class: 'card', 'data-table': name, 'data-key': name },
      el('summary', { 'data-key': name + ' summary' }, titles[name] + ': ' + countWords(count)), listing)
  }
  return el('div', { class: 'card', 'data-table': name },
    el('div', { class: 'cardHead' }, head,
      action('Replay all (' + (count.more ? 'at least ' : '') + number(count.rows) + ')', 'Replay all of ' + name, [name + ' all', '#failuresTitle'],
        () => replay({ table: name }, [name + ' all', '#failuresTitle'], true))),
    listing)
}

const groupsOf = (rows) => {
  const groups = new Map()
  for (const row of rows) {
    const id = [row.code, row.partition, row.studyInstanceUid].join(' ')
    groups.set(id, [...(groups.get(id) ?? []), row])
  }
  return [...groups]
}

const identityView = (identity, count) => {
  if (identity === undefined || count === undefined) return el('p', { class: 'card unknown' }, 'Not known: the tables cannot be read.')
  if (identity.length === 0) return el('p', { class: 'quiet' }, 'Nothing waits for a person’s judgement.')
  const heads = [['Problem'], ['Study'], ['Images', 'number'], ['What to do'], ['Do', 'act']]
  const missing = count.rows - identity.length
  return el('div', { class: 'card' },
    el('p', { class: 'counts' }, (count.more ? 'At least ' : '') + counted(count.rows, 'entry', 'entries') + ': ' + codeWords(count.codes) +
      (missing > 0 ? '. Listed are the first ' + number(identity.length) + '.' : '')),
    table('Work-list by study', heads, groupsOf(identity).map(([id, rows]) => [
      ['code', codeLink(rows[0].code)],
      ['uids', uidButton('study', rows[0].studyInstanceUid, id)],
      ['number', number(rows.length)],
      ['reason', identityCodes[rows[0].code]],
      ['act', action('Replay', 'Replay ' + rows[0].code + ' of study ' + rows[0].studyInstanceUid, [id, '#identityTitle'],
        () => replay({ rows: rows.map(({ table, row }) => ({ table, row })) }, [id, '#identityTitle'], true))],
    ])))
}

/** Why it stands comes first here, too. */
const whyView = (lastCast) =>
  lastCast?.ill === true
    ? el('p', { class: 'bad reason' }, 'The last cast ended ', codeLink(lastCast.ended), ' at ', when(lastCast.at), ': ', lastCast.reason ?? '')
    : ''

const withdrawnView = (withdrawn) => withdrawn === undefined || withdrawn.rows === 0 ? ''
  : el('p', { id: 'withdrawn', class: 'quiet' }, 'Withdrawn by the archive, which is no failure: ' + (withdrawn.more ? 'at least ' : '')
    + number(withdrawn.rows) + (withdrawn.rows === 1 ? ' instance' : ' instances') + ' listed by rejection notes (DCM '
    + Object.entries(withdrawn.codes).map(([code, rows]) => code + ': ' + number(rows)).join(', ') + ').')

const showFailures = ({ lastCast, identity: count, withdrawn }, tables, identity) => {
  put('identityList', [identity, count], () => identityView(identity, count))
  put('tables', [lastCast, tables, withdrawn], () => {
    const some = tables.filter(({ count }) => count !== undefined && count.rows > 0)
    const empty = tables.filter(({ count }) => count?.rows === 0).map(({ name }) => name)
    const unknown = tables.filter(({ count }) => count === undefined)
    return [
      whyView(lastCast),
      ...some.map(tableCard),
      ...unknown.map(({ name }) => el('div', { class: 'card unknown', 'data-table': name },
        el('h3', {}, titles[name] + ': not known'), el('span', { class: 'quiet' }, name))),
      el('p', { class: 'quiet' }, empty.length === tables.length ? 'Nothing: all tables are empty.'
        : empty.length > 0 ? 'Empty: ' + empty.join(', ') : ''),
      withdrawnView(withdrawn),
    ]
  })
  placeMessage()
}
`
