import { BadRequest } from './answer'

/** Query parameters by lower-case name: ASP.NET binds them case-insensitively. */
export interface Query {
  readonly get: (name: string) => string | undefined
}

export const readQuery = (parameters: URLSearchParams): Query => {
  const values = new Map<string, string>()
  for (const [name, value] of parameters) {
    if (!values.has(name.toLowerCase())) values.set(name.toLowerCase(), value)
  }
  return { get: (name) => values.get(name.toLowerCase()) }
}

const maxInt64 = 2n ** 63n - 1n

export const integerOf = (
  query: Query,
  name: string,
  range: { readonly default: number; readonly min: number; readonly max?: number },
): number => {
  const text = query.get(name)
  if (text === undefined) return range.default
  const max = range.max === undefined ? maxInt64 : BigInt(range.max)
  const value = /^[+-]?\d{1,19}$/.test(text) ? BigInt(text.replace('+', '')) : undefined
  if (value === undefined) throw new BadRequest(`The value '${text}' is not valid for ${name}.`)
  if (value < BigInt(range.min) || value > max) {
    throw new BadRequest(`The field ${name} must be between ${range.min} and ${max}.`)
  }
  return Number(value)
}

export const booleanOf = (query: Query, name: string, missing: boolean): boolean => {
  const text = query.get(name)
  if (text === undefined) return missing
  if (!/^(true|false)$/i.test(text)) throw new BadRequest(`The value '${text}' is not valid for ${name}.`)
  return text.toLowerCase() === 'true'
}
