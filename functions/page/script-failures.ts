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

const readTable = async (name, count) => {
  if (count.rows === 0) return { name, count, rows: [], more: false }
  const { rows, next } = await listed(name, { limit: wanted.get(name) ?? pageSize })
  return { name, count, rows, more: next !== undefined }
}

/** A table that is not read to its end may hold more of them. */
const readIdentity = async (tables) => {
  const parts = tables.filter(({ name }) => replayable.has(name)).map(async ({ name, rows, more }) => {
    if (!more) return rows
    const pages = await Promise.all(
      Object.keys(identityCodes).map((errorCode) => listed(name, { errorCode, limit: 200 })))
    return pages.flatMap((page) => page.rows)
  })
  return (await Promise.all(parts)).flat().filter(({ code }) => code in identityCodes)
}

const uidButton = (what, uid, at) =>
  uid === undefined ? undefined : el('button', {
    type: 'button', class: 'uid', title: uid + ' (copy)', 'aria-label': 'Copy the ' + what + ' UID ' + uid,
    'data-key': at + ' ' + what, onclick: () => copy(uid),
  }, shortUid(uid))

const failureRow = (name) => (row) => {
  const at = name + ' ' + row.row
  return [
    ['number', row.sequence === 0 ? '' : number(row.sequence)],
    ['code', row.code],
    ['number', number(row.count)],
    ['uids', uidButton('study', row.studyInstanceUid, at), uidButton('instance', row.sopInstanceUid, at)],
    ['reason', row.reason],
    ['when', when(row.writtenAt)],
    ['act', replayable.has(name)
      ? action('Replay', 'Replay ' + (row.sequence === 0 ? 'an instance' : 'entry ' + row.sequence) + ', ' + row.code, at, () =>
          replay({ rows: [{ table: name, row: row.row }] }))
      : ''],
  ]
}

const heads = [
  ['Entry', 'number'], ['Code'], ['Count', 'number'], ['Study, instance'], ['Reason'], ['Written'], ['Do', 'act'],
]
const countWords = ({ rows, more }) => (more ? 'more than ' : '') + counted(rows, 'row')

const tableCard = ({ name, count, rows, more }) => {
  const head = el('div', {}, el('h3', {}, titles[name] + ': ' + countWords(count)), el('span', { class: 'quiet' }, name))
  if (rows.length === 0) return el('div', { class: 'card', 'data-table': name }, head)
  const listing = el('div', {}, table(name + ': ' + countWords(count), heads, rows.map(failureRow(name))),
    more
      ? action('Show more', 'Show more rows of ' + name, name + ' more', () => {
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
      action('Replay all (' + number(count.rows) + (count.more ? '+' : '') + ')', 'Replay all of ' + name, name + ' all', () => replay({ table: name }))),
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

const showFailures = (tables, identity) => {
  put('identityList', identity, () => {
    if (identity.length === 0) return el('p', { class: 'quiet' }, 'Nothing waits for a person’s judgement.')
    const heads = [['Problem'], ['Study'], ['Images', 'number'], ['What to do'], ['Do', 'act']]
    return el('div', { class: 'card' }, table('Work-list by study', heads, groupsOf(identity).map(([id, rows]) => [
      ['code', rows[0].code],
      ['uids', uidButton('study', rows[0].studyInstanceUid, id)],
      ['number', number(rows.length)],
      ['reason', identityCodes[rows[0].code]],
      ['act', action('Replay', 'Replay ' + rows[0].code + ' of study ' + rows[0].studyInstanceUid, id,
        () => replay({ rows: rows.map(({ table, row }) => ({ table, row })) }))],
    ])))
  })
  put('tables', tables, () => {
    const some = tables.filter(({ count }) => count.rows > 0)
    const empty = tables.filter(({ count }) => count.rows === 0).map(({ name }) => name)
    return [
      ...some.map(tableCard),
      el('p', { class: 'quiet' }, some.length === 0 ? 'Nothing: all tables are empty.' : empty.length > 0 ? 'Empty: ' + empty.join(', ') : ''),
    ]
  })
}
`
