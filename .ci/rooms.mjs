// The rooms in numbers, and two limits: no function has more than 60 lines of its own, and no file more than 250 lines,
// unless its first comment says why with the words "longer than 250 lines because". It fails also when it has read no
// function: a check of nothing passes everything. `node .ci/rooms.mjs <folder>` measures another checkout.
import { readFile, readdir } from 'node:fs/promises'
import { join, posix, sep } from 'node:path'
import ts from 'typescript'

const longestFunction = 60
const longestFile = 250
const reason = /longer than 250\s+(?:\/\/\s*|\*\s*)?lines because/

const root = process.argv[2] ?? join(import.meta.dirname, '..')

const lineOf = (source, position) => source.getLineAndCharacterOfPosition(position).line
const isFunction = (node) => ts.isFunctionLike(node) && node.body !== undefined

/** A line that begins inside a nested function is that one's. A table of rules is data, and stands in no function. */
const ownLinesOf = (source, node) => {
  const linesBelowFirst = (each) => lineOf(source, each.end) - lineOf(source, each.getStart(source))
  let lines = linesBelowFirst(node) + 1
  const leaveOut = (child) => {
    if (isFunction(child)) lines -= linesBelowFirst(child)
    else child.forEachChild(leaveOut)
  }
  node.forEachChild(leaveOut)
  return lines
}

const functionsOf = (source) => {
  const found = []
  const visit = (node) => {
    if (isFunction(node)) {
      const name = (node.name ?? node.parent.name)?.getText(source) ?? 'a function without a name'
      found.push({
        place: `${source.fileName}:${lineOf(source, node.getStart(source)) + 1} ${name}`,
        lines: ownLinesOf(source, node),
      })
    }
    node.forEachChild(visit)
  }
  visit(source)
  return found
}

const firstCommentOf = ({ text, statements }) => {
  const [first] = statements.flatMap((statement) => ts.getLeadingCommentRanges(text, statement.pos) ?? [])
  // Line comments come one by one; a header is all that stand together.
  return first === undefined ? '' : text.slice(first.pos).split(/\n\s*\n|\n(?=\s*(?:import|export|const)\b)/, 1)[0]
}

const read = async (fileName) => {
  const text = await readFile(join(root, fileName), 'utf8')
  const source = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest, true)
  const room = posix.dirname(fileName)
  return {
    fileName,
    room,
    lines: text.split('\n').length - 1,
    excused: reason.test(firstCommentOf(source)),
    functions: functionsOf(source),
    imports: source.statements.flatMap(({ moduleSpecifier }) =>
      moduleSpecifier?.text.startsWith('.') ? [posix.dirname(posix.join(room, moduleSpecifier.text))] : [],
    ),
  }
}

const names = await Promise.all(
  ['lib', 'functions', 'cli', 'local'].map(async (house) =>
    (await readdir(join(root, house), { recursive: true }))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => posix.join(house, name.replaceAll(sep, '/'))),
  ),
)
const files = await Promise.all(names.flat().toSorted().map(read))
const functions = files.flatMap((file) => file.functions)
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)
const longest = (of) => Math.max(0, ...of.map(({ lines }) => lines))

console.log('room                        files  lines  longest file  longest function  imports from')
let arrowsInAll = 0
for (const [room, inIt] of Object.entries(Object.groupBy(files, (file) => file.room)).toSorted()) {
  const arrows = new Set(inIt.flatMap(({ imports }) => imports).filter((other) => other !== room))
  arrowsInAll += arrows.size
  const numbers = [
    [inIt.length, 7],
    [sum(inIt.map(({ lines }) => lines)), 7],
    [longest(inIt), 14],
    [longest(inIt.flatMap((file) => file.functions)), 18],
  ].map(([number, width]) => String(number).padStart(width))
  console.log(`${room.padEnd(26)}${numbers.join('')}  ${[...arrows].toSorted().join(' ')}`)
}

const tooLong = [
  ...functions
    .filter(({ lines }) => lines > longestFunction)
    .map(({ place, lines }) => `${place} has ${lines} lines of its own, more than ${longestFunction}`),
  ...files
    .filter(({ lines, excused }) => lines > longestFile && !excused)
    .map(({ fileName, lines }) => `${fileName} has ${lines} lines, and its header gives no reason`),
]
for (const each of tooLong) console.error(each)
console.log(
  `rooms: ${files.length} files and ${functions.length} functions read, ${arrowsInAll} arrows between rooms, ${tooLong.length} too long`,
)
process.exit(tooLong.length > 0 || functions.length === 0 ? 1 : 0)
