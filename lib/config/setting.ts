import * as E from 'fp-ts/Either'
import * as RA from 'fp-ts/ReadonlyArray'
import { pipe } from 'fp-ts/function'
import * as t from 'io-ts'
import type { Kind } from './kinds'

export type Environment = Readonly<Record<string, string | undefined>>
export type Problems = ReadonlyArray<string>

export interface SettingDescription {
  readonly name: string
  readonly expected: string
  /** As it would be written; `undefined` when there is none. */
  readonly default: string | undefined
  readonly required: boolean
  readonly meaning: string
}

type Setting<A> = t.Type<A, A, unknown> & { readonly description: Omit<SettingDescription, 'name'> }

/** `absent` tells what an unset one is worth. The io-ts error carries a message only, since values may be secrets. */
const setting = <A, B>(
  { expected, read, emptyIsValue = false }: Kind<A>,
  absent: () => A | B | undefined,
  description: Omit<SettingDescription, 'name' | 'expected'>,
): Setting<A | B> => {
  const type = new t.Type<A | B, A | B, unknown>(
    expected,
    (_value): _value is A | B => true,
    (value, context) => {
      const text = typeof value === 'string' ? value.trim() : undefined
      const unset = text === undefined || (text === '' && !emptyIsValue)
      const result = unset ? absent() : read(text)
      if (result !== undefined || (unset && !description.required)) return t.success(result as A | B)
      return t.failure(undefined, context, `${unset ? 'missing' : 'not understood'}; expected ${expected}`)
    },
    t.identity,
  )
  return Object.assign(type, { description: { ...description, expected } })
}

export const required = <A>(of: Kind<A>, meaning: string): Setting<A> =>
  setting<A, never>(of, () => undefined, { default: undefined, required: true, meaning })

/** The default is written once, as a text, and read like any other value. */
export const withDefault = <A>(of: Kind<A>, standard: string, meaning: string): Setting<A> =>
  setting<A, never>(of, () => of.read(standard), { default: standard, required: false, meaning })

export const optional = <A>(of: Kind<A>, meaning: string, standard?: string): Setting<A | undefined> =>
  setting<A, undefined>(of, () => undefined, { default: standard, required: false, meaning })

export const decoded = <P extends t.Props>(
  properties: P,
  environment: Environment,
): E.Either<Problems, t.TypeOf<t.TypeC<P>>> =>
  pipe(
    t.type(properties).decode(
      // `:` is how the original's JSON configuration separates what an environment variable separates by `__`.
      Object.fromEntries(
        Object.keys(properties).map((name) => [name, environment[name] ?? environment[name.replaceAll('__', ':')]]),
      ),
    ),
    E.mapLeft(RA.map((error) => `${error.context.at(-1)?.key}: ${error.message}`)),
  )
