type Cell = string | number

/** Columns as wide as they need; numbers to the right. */
export const textTable = (
  header: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<Cell>>,
): ReadonlyArray<string> => {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? '').length)),
  )
  return [header, ...rows].map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** A text of several lines, each set in. */
export const indented = (text: string): ReadonlyArray<string> => text.split('\n').map((line) => `  ${line}`)

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`

/** Seconds as a person says them. */
export const ago = (seconds: number): string => {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`
}

/** `PatientMismatch 3, IssuerUnknown 1` */
export const counts = (byName: Readonly<Record<string, number | undefined>>): string =>
  Object.entries(byName)
    .flatMap(([name, count]) => (count === undefined || count === 0 ? [] : [`${name} ${count}`]))
    .join(', ') || 'none'
