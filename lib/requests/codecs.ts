import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as t from 'io-ts'
import { partitionName } from '../domain/dicom/partition'

// What requests and options are made of. A problem names the member and what is expected, never the value.

export type Parsed<A> = E.Either<ReadonlyArray<string>, A>

export const refined = <A>(expected: string, read: (value: unknown) => A | undefined): t.Type<A, A, unknown> =>
  new t.Type<A, A, unknown>(
    expected,
    (value): value is A => read(value) !== undefined,
    (value, context) => {
      const found = read(value)
      return found === undefined ? t.failure(undefined, context, expected) : t.success(found)
    },
    t.identity,
  )

export const matching = (expected: string, pattern: RegExp): t.Type<string, string, unknown> =>
  refined(expected, (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined))

export const whole = (min: number, max: number): t.Type<number, number, unknown> =>
  refined(`a whole number from ${min} to ${max}`, (value) => {
    const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max
      ? number
      : undefined
  })

/** Its length is judged before what is in it. */
export const listOf = <A>(
  most: number,
  item: t.Type<A, unknown, unknown>,
): t.Type<ReadonlyArray<A>, unknown, unknown> =>
  new t.Type<ReadonlyArray<A>, unknown, unknown>(
    `a list of at most ${most}`,
    (value): value is ReadonlyArray<A> => t.array(item).is(value),
    (value, context) =>
      Array.isArray(value) && value.length <= most
        ? t.array(item).validate(value, context)
        : t.failure(undefined, context, `a list of at most ${most}`),
    t.identity,
  )

export const flag = refined('true or false', (value) =>
  value === true || value === 'true' ? true : value === false || value === 'false' ? false : undefined,
)

export const time = refined('a time such as 2026-11-23T20:00:00Z', (value) => {
  const withZone =
    typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(value)
  const ms = withZone ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
})

export const uid = matching('a UID', /^(?=.{1,64}$)\d+(\.\d+)*$/)
export const partition = matching('the name of a partition', partitionName)

/** Members that nobody has heard of are a mistake: an option misspelt must not be an option left out. */
const parse =
  <A>(codec: t.Type<A, unknown, unknown>, known: ReadonlyArray<string>) =>
  (given: unknown): Parsed<A> => {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return E.left(['expected a JSON object'])
    const unknown = Object.keys(given).filter((name) => !known.includes(name))
    if (unknown.length > 0) {
      return E.left([
        `${unknown.length} unknown member${unknown.length === 1 ? '' : 's'}; there are: ${known.join(', ')}`,
      ])
    }
    return pipe(
      codec.decode(given),
      E.mapLeft((errors) => [
        ...new Set(
          errors.map(({ context, message }) => {
            const path = context.flatMap(({ key }) => (key === '' ? [] : [key])).join('.')
            return `${path}: expected ${message ?? context.at(-1)?.type.name ?? 'something else'}`
          }),
        ),
      ]),
    )
  }

/** One flat type: io-ts' intersections would make paths with numbers of their parts. */
export const parser = <P extends t.Props>(props: P) => parse(t.partial(props), Object.keys(props))
