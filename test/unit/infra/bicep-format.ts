import { at, type BicepFile, nodesOf } from './bicep'

const width = 120

/** What `bicep format` would change, as far as it can be told without it: the layout of whole lines, of conditions and calls. */
export const formatProblems = (files: ReadonlyArray<BicepFile>): ReadonlyArray<string> =>
  files.flatMap((file) => {
    const lines = file.root.text.split('\n')
    const inText = new Set(
      nodesOf(file.root, 'string', 'multiline_string', 'comment').flatMap(({ startPosition, endPosition }) =>
        Array.from({ length: endPosition.row - startPosition.row }, (_, index) => startPosition.row + index + 1),
      ),
    )
    return [
      ...lines.flatMap((line, row) => {
        if (inText.has(row)) return []
        const problem = /\s$|\t/.test(line)
          ? 'blanks'
          : line === '' && lines[row - 1] === ''
            ? 'two empty lines'
            : line.search(/\S/) % 2 === 1
              ? 'half an indent'
              : undefined
        return problem === undefined ? [] : [`${file.path}:${row + 1}: ${problem}`]
      }),
      // A condition stands on one line if that is wide enough, and else on three.
      ...nodesOf(file.root, 'ternary_expression').flatMap((node) => {
        const { startPosition, endPosition } = node
        const from = lines[startPosition.row] ?? ''
        const isBroken = endPosition.row > startPosition.row
        const joined = from.slice(0, startPosition.column) + node.text.replace(/\s*\n\s*/g, ' ')
        if (isBroken && !node.text.includes('{\n') && joined.length <= width)
          return [`${at(file, node)}: a condition that fits on one line`]
        return !isBroken && from.length > width ? [`${at(file, node)}: a condition that does not fit on its line`] : []
      }),
      // A call or a list that does not fit has each part on a line of its own. One part alone stays where it is.
      ...nodesOf(file.root, 'arguments', 'array').flatMap((node) => {
        const line = lines[node.startPosition.row] ?? ''
        const isBroken = node.endPosition.row > node.startPosition.row
        return line.length > width && node.namedChildCount > 1 && !isBroken
          ? [`${at(file, node)}: it does not fit on its line`]
          : []
      }),
    ]
  })
