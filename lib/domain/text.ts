/** Without these characters at its end. In linear time, which `/x+$/` is not: it begins anew at each x. */
export const withoutTrailing = (text: string, characters: string): string => {
  let end = text.length
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}

const shownRanges = 5

/** `4-6, 9`; a study may have thousands. */
export const ranges = (sequences: ReadonlyArray<number>): string => {
  const found: Array<[number, number]> = []
  for (const sequence of [...sequences].sort((left, right) => left - right)) {
    const last = found.at(-1)
    if (last !== undefined && sequence <= last[1] + 1) last[1] = sequence
    else found.push([sequence, sequence])
  }
  const shown = found.slice(0, shownRanges).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
  return [...shown, ...(found.length > shownRanges ? ['…'] : [])].join(', ')
}
