import { parseJson } from '../../lib/domain/json'
import type { Random } from '../simulation/random'

export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }
type JsonObject = { readonly [key: string]: Json }

export const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const isList = (value: Json): value is ReadonlyArray<Json> => Array.isArray(value)

/** As JSON.parse makes it: `__proto__` becomes a member like any other. */
const withMember = (object: JsonObject, key: string, value: Json): JsonObject => {
  const copy: Record<string, Json> = { ...object }
  Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true })
  return copy
}

const nested = (depth: number, wrap: (inner: Json) => Json, core: Json): Json => {
  let value = core
  for (let level = 0; level < depth; level++) value = wrap(value)
  return value
}

const nestsOf = (depth: number): ReadonlyArray<Json> => [
  nested(depth, (inner) => [inner], 'core'),
  nested(depth, (inner) => ({ '0040A730': { vr: 'SQ', Value: [inner] } }), {}),
  nested(depth, (inner) => ({ extension: [inner] }), {}),
]
const nests = [...nestsOf(3), ...nestsOf(50)]
/** Deeper than any recursion goes. */
const abysses = nestsOf(20_000)
const huge = 'X'.repeat(100_000)

const texts: ReadonlyArray<string> = [
  '',
  ' ',
  '\0',
  '  padded\0\0',
  'NaN',
  '-Infinity',
  'null',
  'undefined',
  '[object Object]',
  '__proto__',
  'constructor',
  'toString',
  huge,
  'line\nbreak',
  '\u0000\u0001\u001f\u007f\u0085',
  '\ud800',
  'a\udc00b',
  '\u202Eleft\u2066',
  'a\u0301\u0301\u0301',
  '𝒳😀',
  '1e400',
  '0x10',
  '-0',
  '+1',
  '99999999999999999999',
  '20201332',
  '00000000',
  '99991231',
  '1995.06.26',
  '235960',
  '24:00:00',
  '11:20:00.1234567',
  '+9999',
  'UTC-00:00',
  '^^^^',
  'A^B^C^D^E^F',
  'A=B=C=D',
  'Yamada^Tarou=山田^太郎=やまだ^たろう',
  'Yamada^Tarou=\u001b$B;3ED',
  'CT HEAD W\\O CONTRAST',
  '12345\\6789',
  'A\\A\\ \\',
  'L'.repeat(65),
  'CT01\u0085',
  '240301',
  '00010101',
  '1.2.3',
  '1..2',
  '.1',
  '0'.repeat(65),
  'urn:oid:1.2.3.4',
  'http://example.org/a|b,c$d\\e',
  'Patient/1',
  "'; DROP TABLE",
  '<script>',
  '%00%0a',
]

const numbers: ReadonlyArray<number> = [0, -0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324, NaN, Infinity]

/** As they come from a service: with digits that a double has not. */
const written = parseJson('[42.500000, 1.50, 0.12345678901234567890123, -0, 1E+3, 12345678901234567890]') as Json[]

const anything = (random: Random): Json => {
  switch (random.between(0, 9)) {
    case 0:
      return null
    case 1:
      return random.chance(0.5)
    case 2:
      return random.pick<Json>(random.chance(0.3) ? written : numbers)
    case 3:
    case 4:
    case 5:
      return random.pick(texts)
    case 6:
      return random.pick<Json>([[], [null], [[]], [{}], [7, 'text', null], ['', ''], ['12345', '6789'], ['A', 'A ']])
    case 7:
      return random.pick<Json>([{}, { Value: [] }, { Alphabetic: 7 }, { vr: 'SQ', Value: [{}] }, { length: 3 }])
    case 8:
      return random.pick<Json>([
        withMember({}, '__proto__', { polluted: true }),
        { constructor: { prototype: { polluted: true } } },
        { toString: 'no function', valueOf: null, toJSON: 7, then: true },
      ])
    default:
      return random.pick(random.chance(0.02) ? abysses : nests)
  }
}

const inOtherCase = (random: Random, key: string): string =>
  random.pick([key.toUpperCase(), key.toLowerCase(), key.charAt(0).toUpperCase() + key.slice(1), ` ${key}`, `${key}\0`])

/** What stands here now, made wrong. */
const spoil = (random: Random, value: Json): Json => {
  switch (random.between(0, 7)) {
    case 0:
      return [value]
    case 1:
      return { Value: value }
    case 2:
      // Array and object change places.
      if (isList(value)) return Object.fromEntries(value.map((item, index) => [String(index), item]))
      return isObject(value) ? Object.values(value) : String(value)
    case 3:
      return isList(value) ? [...value, ...value] : typeof value === 'number' ? String(value) : anything(random)
    case 4:
      if (!isObject(value)) return anything(random)
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [inOtherCase(random, key), inner]))
    case 5:
      return isObject(value)
        ? withMember(value, random.pick(['__proto__', 'constructor', 'Value', 'vr']), anything(random))
        : null
    default:
      return anything(random)
  }
}

/** Goes down at random and spoils what is found there; copies only the way. */
const mutateOnce = (random: Random, value: Json, stay: number): Json => {
  if (isList(value) && value.length > 0 && !random.chance(stay)) {
    const at = random.between(0, value.length - 1)
    return value.map((item, index) => (index === at ? mutateOnce(random, item, stay) : item))
  }
  if (isObject(value) && !random.chance(stay)) {
    const keys = Object.keys(value)
    if (keys.length === 0) return spoil(random, value)
    const key = random.pick(keys)
    if (random.chance(0.05)) {
      const { [key]: _gone, ...rest } = value
      return rest
    }
    return withMember(value, key, mutateOnce(random, value[key] ?? null, stay))
  }
  return spoil(random, value)
}

/** One to four changes. `stay`: how readily a whole branch is replaced instead of something inside it. */
export const mutate = (random: Random, value: Json, stay = 0.1): Json => {
  let mutated = value
  for (let count = random.between(1, 4); count > 0; count--) mutated = mutateOnce(random, mutated, stay)
  return mutated
}
