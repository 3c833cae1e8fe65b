/** Where the string ends that begins at `start`; behind the text when it never does. */
const endOfString = (text: string, start: number): number => {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end
    while (text[before - 1] === '\\') before -= 1
    if ((end - before) % 2 === 0) return end
  }
  return text.length
}

const broken = (): never => {
  throw new SyntaxError('no list')
}

/**
 * A long JSON list as several lists of the same elements: each of some `chars` characters, or of one element that has
 * more. Throws where the whole is no list; what stands inside of a piece is for whoever parses that.
 */
export function* piecesOfList(text: string, chars: number): Generator<string, void> {
  const from = text.search(/\S/)
  let [depth, start] = [0, from + 1]
  for (let at = from; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at)
    else if (char === '[' || char === '{') depth += 1
    else if (char === ']' || char === '}') depth -= 1
    const isLast = depth === 0
    if (isLast && (char !== ']' || text[from] !== '[' || /\S/.test(text.slice(at + 1)))) broken()
    if (!isLast && !(char === ',' && depth === 1 && at - start >= chars)) continue
    const piece = text.slice(start, at)
    // A comma with nothing before or behind it.
    if ((!isLast || start > from + 1) && !/\S/.test(piece)) broken()
    yield `[${piece}]`
    if (isLast) return
    start = at + 1
  }
  broken()
}
