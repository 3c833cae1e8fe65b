// As much of the Kusto query language as infra/modules/alerts.bicep speaks, to run its queries on what the app logs.
// Whatever else they might say is refused: then it is not known here what Azure would make of it.

export type Row = Readonly<Record<string, unknown>>
type Evaluate = (row: Row) => unknown

/** Words that cannot be a name after a dot; Kusto's own parser refuses `run.to`, and takes `run.from`. */
const reserved = new Set(['to'])

const token = /\s*('(?:[^'\\]|\\.)*'|[A-Za-z_][\w-]*|\d+|==|[()[\].,+\-<>=])/y

const tokensOf = (text: string): string[] => {
  const tokens: string[] = []
  token.lastIndex = 0
  while (token.lastIndex < text.trimEnd().length) {
    const at = token.lastIndex
    const [, found] = token.exec(text) ?? []
    if (found === undefined) throw new Error(`not understood: ${text.slice(at)}`)
    tokens.push(found)
  }
  return tokens
}

const isObject = (value: unknown): value is Row => typeof value === 'object' && value !== null
const nothing = (value: unknown): boolean => value === undefined || value === null

const tolong = (value: unknown): unknown => (nothing(value) || Number.isNaN(Number(value)) ? null : Number(value))

const parsedJson = (text: unknown): unknown => {
  try {
    return JSON.parse(String(text))
  } catch {
    return text
  }
}

const functions: Readonly<Record<string, (...values: ReadonlyArray<unknown>) => unknown>> = {
  parse_json: parsedJson,
  tostring: (value) => (nothing(value) ? '' : typeof value === 'string' ? value : JSON.stringify(value)),
  tolong,
  coalesce: (...values) => values.find((value) => !nothing(value)) ?? null,
  bag_keys: (value) => (isObject(value) ? Object.keys(value) : null),
}

/** A comparison with null is never true, and a sum with it is null. */
const operators: Readonly<Record<string, (left: unknown, right: unknown) => unknown>> = {
  or: (left, right) => left === true || right === true,
  '==': (left, right) => left === right,
  '>': (left, right) => !nothing(left) && !nothing(right) && Number(left) > Number(right),
  startswith: (left, right) => String(left).toLowerCase().startsWith(String(right).toLowerCase()),
  '+': (left, right) => (nothing(left) || nothing(right) ? null : Number(left) + Number(right)),
  '-': (left, right) => (nothing(left) || nothing(right) ? null : Number(left) - Number(right)),
}
const precedence: ReadonlyArray<ReadonlyArray<string>> = [['or'], ['==', '>', 'startswith'], ['+', '-']]

const expressionOf = (tokens: string[]): Evaluate => {
  const expect = (wanted: string): void => {
    const found = tokens.shift()
    if (found !== wanted) throw new Error(`${wanted} expected, not ${found}`)
  }
  const list = (): ReadonlyArray<Evaluate> => {
    expect('(')
    const items = [binary(0)]
    while (tokens[0] === ',') {
      tokens.shift()
      items.push(binary(0))
    }
    expect(')')
    return items
  }
  const text = (quoted = ''): string => {
    if (!/^'.*'$/.test(quoted)) throw new Error(`a text expected, not ${quoted}`)
    return quoted.slice(1, -1)
  }
  const primary = (): Evaluate => {
    const first = tokens.shift() ?? ''
    if (first.startsWith("'")) return () => text(first)
    if (/^\d/.test(first)) return () => Number(first)
    const call = functions[first]
    if (call !== undefined && tokens[0] === '(') {
      const values = list()
      return (row) => call(...values.map((value) => value(row)))
    }
    if (!/^[A-Za-z_]\w*$/.test(first) || tokens[0] === '(') throw new Error(`not understood: ${first}`)
    let read: Evaluate = (row) => {
      if (!(first in row)) throw new Error(`there is no column ${first}`)
      return row[first]
    }
    while (tokens[0] === '.' || tokens[0] === '[') {
      const dotted = tokens.shift() === '.'
      const name = dotted ? (tokens.shift() ?? '') : text(tokens.shift())
      if (!dotted) expect(']')
      else if (reserved.has(name)) throw new Error(`${name} is no name: ['${name}']`)
      const of = read
      read = (row) => {
        const value = of(row)
        return isObject(value) ? value[name] : null
      }
    }
    return read
  }
  const binary = (level: number): Evaluate => {
    const known = precedence[level]
    if (known === undefined) return primary()
    let left = binary(level + 1)
    for (;;) {
      const next = tokens[0] ?? ''
      const operator = known.includes(next) ? operators[next] : undefined
      const before = left
      if (operator !== undefined) {
        tokens.shift()
        const right = binary(level + 1)
        left = (row) => operator(before(row), right(row))
      } else if (next === 'in' && known.includes('==')) {
        tokens.shift()
        const values = list()
        left = (row) => values.some((value) => value(row) === before(row))
      } else return left
    }
  }
  return binary(0)
}

const whole = (text: string): Evaluate => {
  const tokens = tokensOf(text)
  const expression = expressionOf(tokens)
  if (tokens.length > 0) throw new Error(`not understood: ${tokens.join(' ')}`)
  return expression
}

const step = (rows: ReadonlyArray<Row>, text: string): ReadonlyArray<Row> => {
  const [, verb = '', rest = ''] = /^\s*([\w-]+)\s+([\s\S]*)$/.exec(text) ?? []
  if (verb === 'where') {
    const holds = whole(rest)
    return rows.filter((row) => holds(row) === true)
  }
  const [, name = '', value = ''] = /^(\w+) = ([\s\S]*)$/.exec(rest) ?? []
  if (verb === 'extend') {
    const of = whole(value)
    return rows.map((row) => ({ ...row, [name]: of(row) }))
  }
  if (verb === 'mv-expand') {
    const of = whole(value)
    return rows.flatMap((row) => {
      const items = of(row)
      return Array.isArray(items)
        ? items.map((item: unknown) => ({ ...row, [name]: item }))
        : [{ ...row, [name]: null }]
    })
  }
  const [, smallest] = /^min\(([\s\S]*)\)\s*$/.exec(value) ?? []
  if (verb !== 'summarize' || smallest === undefined) throw new Error(`not understood: ${text.trim()}`)
  const of = whole(smallest)
  const values = rows.map(of).filter((each) => !nothing(each))
  return [{ [name]: values.length === 0 ? null : Math.min(...values.map(Number)) }]
}

/** The rows that a query finds among the messages of `traces`. */
export const kql = (query: string, messages: ReadonlyArray<string>): ReadonlyArray<Row> => {
  const [source = '', ...steps] = query.split(/^\s*\|/m)
  if (source.trim() !== 'traces') throw new Error(`not understood: ${source}`)
  return steps.reduce<ReadonlyArray<Row>>(
    step,
    messages.map((message) => ({ message })),
  )
}
