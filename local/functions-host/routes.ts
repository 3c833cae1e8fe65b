import type { App, RegisteredFunction } from './core-api'
import { triggerOf } from './invoke'

export interface Match {
  readonly fn: RegisteredFunction
  readonly params: Readonly<Record<string, string>>
}
interface Route {
  readonly fn: RegisteredFunction
  readonly methods: ReadonlyArray<string>
  readonly pattern: RegExp
  readonly names: ReadonlyArray<string>
  readonly rank: string
}

/** Finds the function for a method and a path. A known path with another verb has no match, and so is a 404, as in Azure. */
export const router = (app: App, prefix: string): ((method: string, path: string) => Match | undefined) => {
  const routes = [...app.functions.values()]
    .filter((fn) => triggerOf(fn).type === 'httptrigger')
    .map((fn) => compile(fn, prefix))
    .sort((one, other) => (one.rank < other.rank ? -1 : 1))
  return (method, path) => {
    for (const { fn, methods, pattern, names } of routes) {
      const found = methods.includes(method) ? pattern.exec(path) : null
      if (found === null) continue
      const given = names.map((name, index) => [name, found[index + 1]] as const)
      return {
        fn,
        params: Object.fromEntries(
          given.flatMap(([name, text]) => (text === undefined ? [] : [[name, decoded(text)]])),
        ),
      }
    }
    return undefined
  }
}

const compile = (fn: RegisteredFunction, prefix: string): Route => {
  const { route, methods } = triggerOf(fn) as { route?: string; methods?: ReadonlyArray<string> }
  const names: string[] = []
  const segments = `${prefix}/${route ?? fn.name}`.split('/').filter((segment) => segment !== '')
  const pattern = segments.map((segment) => {
    const [, star, name, optional] = /^\{(\*?)(\w+)(\??)\}$/.exec(segment) ?? []
    if (name === undefined) {
      if (segment.includes('{')) throw new Error(`${fn.name}: the local host cannot read "${segment}" in its route.`)
      return `/${segment.replaceAll(/[^\w-]/g, '\\$&')}`
    }
    names.push(name)
    if (star === '*') return '(?:/(.*))?'
    return optional === '?' ? '(?:/([^/]+))?' : '/([^/]+)'
  })
  return {
    fn,
    methods: (methods ?? ['GET', 'POST']).map((method) => method.toUpperCase()),
    pattern: new RegExp(`^${pattern.join('')}/?$`, 'i'),
    names,
    // Literal segments win over parameters, and those over the rest of the path.
    rank: segments.map((segment) => (segment.startsWith('{*') ? 2 : segment.startsWith('{') ? 1 : 0)).join(''),
  }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
