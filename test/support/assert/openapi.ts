import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const recordAt = (value: unknown, ...path: ReadonlyArray<string>): Json => {
  const found = path.reduce<unknown>((each, name) => (isRecord(each) ? each[name] : undefined), value)
  return isRecord(found) ? found : {}
}

export const openapi = parse(readFileSync(join(__dirname, '..', '..', '..', 'docs', 'openapi.yaml'), 'utf8'), {
  merge: true,
}) as Json

const resolved = (schema: Json): Json => {
  const { $ref: reference } = schema
  return typeof reference === 'string' ? resolved(recordAt(openapi, ...reference.slice(2).split('/'))) : schema
}

const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value

/** What of a value is not as its schema says: the part of JSON Schema that docs/openapi.yaml uses. */
export const mismatches = (given: Json, value: unknown, path = '$'): ReadonlyArray<string> => {
  const schema = resolved(given)
  const types = [schema['type'] ?? []].flat().map(String)
  const type = typeOf(value)
  if (types.length > 0 && !types.includes(type) && !(type === 'integer' && types.includes('number'))) {
    return [`${path} is a ${type}, not a ${types.join(' or ')}`]
  }
  const allowed = schema['enum']
  if (Array.isArray(allowed) && !allowed.includes(value)) return [`${path} is none of its enum`]
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => mismatches(recordAt(schema, 'items'), item, `${path}[${index}]`))
  }
  if (!isRecord(value)) return []
  const properties = recordAt(schema, 'properties')
  const required = (schema['required'] ?? []) as ReadonlyArray<string>
  return [
    ...required.filter((name) => !(name in value)).map((name) => `${path}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, member]) => {
      if (name in properties) return mismatches(recordAt(properties, name), member, `${path}.${name}`)
      return schema['additionalProperties'] === false ? [`${path}.${name} is not documented`] : []
    }),
  ]
}

export interface DocumentedRoute {
  readonly path: string
  readonly verb: string
  readonly name: string
  readonly anonymous: boolean
}

export const documentedRoutes: ReadonlyArray<DocumentedRoute> = Object.entries(recordAt(openapi, 'paths')).flatMap(
  ([path, verbs]) =>
    Object.entries(isRecord(verbs) ? verbs : {}).map(([verb, operation]) => ({
      ...{ path, verb: verb.toUpperCase() },
      name: String(recordAt(operation)['operationId']),
      anonymous: isDeepStrictEqual(recordAt(operation)['security'], []),
    })),
)

/** What may be asked of a route: the names in its URL and in its body. */
export const documentedOptions = ({
  path,
  verb,
}: Pick<DocumentedRoute, 'path' | 'verb'>): {
  readonly query: ReadonlyArray<string>
  readonly body: ReadonlyArray<string>
} => {
  const operation = recordAt(openapi, 'paths', path, verb.toLowerCase())
  const parameters = (operation['parameters'] ?? []) as ReadonlyArray<Json>
  const schema = resolved(recordAt(operation, 'requestBody', 'content', 'application/json', 'schema'))
  return {
    query: parameters.flatMap((each) => (each['in'] === 'query' ? [String(each['name'])] : [])),
    body: Object.keys(recordAt(schema, 'properties')),
  }
}

/** How an answer differs from what is documented for its route. */
export const undocumented = (
  { path, verb }: Pick<DocumentedRoute, 'path' | 'verb'>,
  answer: { readonly status: number; readonly type: string; readonly json: unknown },
): ReadonlyArray<string> => {
  const operation = recordAt(openapi, 'paths', path, verb.toLowerCase())
  const response = resolved(recordAt(operation, 'responses', String(answer.status)))
  const schema = recordAt(response, 'content', answer.type, 'schema')
  return Object.keys(schema).length === 0
    ? [`${verb} ${path} → ${answer.status} ${answer.type} is not documented`]
    : mismatches(schema, answer.json)
}
