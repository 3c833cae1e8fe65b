import { kql } from './kql'

export interface AlertRule {
  readonly name: string
  readonly query: string
  /** Whether Azure would raise it, these being all the lines of its window. */
  readonly fires: (lines: ReadonlyArray<string>) => boolean
}

const comparisons: Readonly<Record<string, (count: number, threshold: number) => boolean>> = {
  LessThan: (count, threshold) => count < threshold,
  GreaterThan: (count, threshold) => count > threshold,
}

/** The rules of infra/modules/alerts.bicep. */
export const alertRules = (bicep: string, lagEntries: number): ReadonlyArray<AlertRule> => {
  const [, runs = ''] = /^var runs = '''\n([\s\S]*?)'''/m.exec(bicep) ?? []
  const rule =
    /name: '([\w-]+)'\n[\s\S]*?operator: '(\w+)'\n\s*threshold: (\d+)\n[\s\S]*?query: (?:replace\((\w+),|'''\n([\s\S]*?)''')/g
  return [...bicep.matchAll(rule)].map(([, name = '', operator = '', threshold = '', variable, text]): AlertRule => {
    const [, named = ''] = new RegExp(`^var ${variable} = '''\\n([\\s\\S]*?)'''`, 'm').exec(bicep) ?? []
    const condition = text ?? named
    const query = `${runs}${condition.replace('{limit}', String(lagEntries))}`
    const compare = comparisons[operator]
    if (compare === undefined) throw new Error(`${name}: not understood: ${operator}`)
    return { name, query, fires: (lines) => compare(kql(query, lines).length, Number(threshold)) }
  })
}
