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

// A hostile service may make up as many texts as it likes, and as long ones.
const rememberedTexts = 10_000
const rememberedLength = 64

/** A function of few different texts, such as the keys of all elements: each is looked at once. */
export const rememberTexts = <A>(make: (text: string) => A): ((text: string) => A) => {
  const remembered = new Map<string, A>()
  return (text) => {
    const known = remembered.get(text)
    if (known !== undefined) return known
    const made = make(text)
    if (remembered.size < rememberedTexts && text.length <= rememberedLength) remembered.set(text, made)
    return made
  }
}
