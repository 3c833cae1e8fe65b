import type { StackResult } from './stack-result'
import type { RunSummary } from './stack-log'

// Plain text for a person at a terminal. Pure: numbers and rows in, lines out.

/** One line for a run, as it is printed while the stack keeps running. */
export const runLine = (run: RunSummary): string => {
  if (run.kind === 'reconcile') return `${run.ended}  ${run.reason ?? ''}`
  const parts = ['stored', 'unchanged', 'superseded', 'skipped', 'recorded'] as const
  const told = parts.flatMap((part) => ((run[part] ?? 0) > 0 ? [`${run[part]} ${part}`] : []))
  const work =
    (run.entries ?? 0) === 0 ? 'nothing new' : `${plural(run.entries ?? 0, 'entry', 'entries')}: ${told.join(', ')}`
  const effort = `${plural(run.fhirRequests ?? 0, 'FHIR request')}, ${((run.durationMs ?? 0) / 1000).toFixed(1)} s`
  return `${run.ended}  ${work}  (${effort})${run.reason === undefined || run.reason === '' ? '' : `: ${run.reason}`}`
}

/** `log`: the archive's, whose numbers the checkpoint has. */
export const resultLines = (
  result: StackResult,
  run: RunSummary | undefined,
  log = 'the change feed',
): ReadonlyArray<string> => [
  'What FHIR holds now',
  ...table(
    ['STUDY', 'PATIENT', 'MODALITY', 'SERIES', 'INSTANCES', 'FHIR RESOURCE'],
    result.studies.map((study) => [
      shortUid(study.studyInstanceUid),
      study.patient,
      study.modality,
      study.series,
      study.instances,
      `ImagingStudy/${study.id}`,
    ]),
  ),
  ...(result.totals.studies > result.studies.length
    ? [`  … and ${result.totals.studies - result.studies.length} more`]
    : []),
  '',
  'What could not be cast, or not in full (Table storage)',
  ...result.errors.flatMap(({ table: name, rows }) => [
    `  ${name}: ${rows.length === 0 ? 'empty' : plural(rows.length, 'row')}`,
    ...(rows.length === 0 ? [] : errorRows(rows)),
  ]),
  '',
  `Checkpoint: ${result.syncedSequence ?? 'none yet'}${run?.head === undefined ? '' : ` of ${run.head} in ${log}`}`,
]

const errorRows = (rows: StackResult['errors'][number]['rows']): ReadonlyArray<string> => [
  ...table(
    ['SEQUENCE', 'CODE', 'COUNT', 'STUDY', 'REASON'],
    rows.slice(0, 12).map((row) => [row.sequence, row.code, row.count, shortUid(row.study), oneLine(row.reason)]),
  ).map((line) => `  ${line}`),
  ...(rows.length > 12 ? [`    … and ${rows.length - 12} more`] : []),
]

/** Columns as wide as they need; numbers to the right. */
export const table = (
  header: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number>>,
): ReadonlyArray<string> => {
  if (rows.length === 0) return ['  (nothing)']
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? '').length)),
  )
  return [header, ...rows].map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0
      return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width)
    })
    return `  ${cells.join('  ')}`.trimEnd()
  })
}

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`

const shortUid = (uid: string): string => (uid.length <= 20 ? uid : `…${uid.slice(-19)}`)
const oneLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length <= 70 ? line : `${line.slice(0, 69)}…`
}
