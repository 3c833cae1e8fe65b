/** Whether two values that are not identical count as the same; undefined when that follows from what is in them. */
export type Alike = (left: unknown, right: unknown) => boolean | undefined
type Members = Readonly<Record<string, unknown>>

const exactly: Alike = () => undefined

/** Whether two JSON values are the same; a member that is undefined counts as absent. */
export const sameJson = (left: unknown, right: unknown, alike: Alike = exactly): boolean => {
  if (left === right) return true
  const answer = alike(left, right)
  if (answer !== undefined) return answer
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  if (Array.isArray(left)) return Array.isArray(right) && sameItems(left, right, alike)
  return !Array.isArray(right) && sameMembers(left as Members, right as Members, alike)
}

// Loops, for these two look at every value of every image.
const sameItems = (left: ReadonlyArray<unknown>, right: ReadonlyArray<unknown>, alike: Alike): boolean => {
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) {
    if (!sameJson(left[index], right[index], alike)) return false
  }
  return true
}

const sameMembers = (left: Members, right: Members, alike: Alike): boolean => {
  let count = 0
  for (const key of Object.keys(left)) {
    if (left[key] === undefined) continue
    count += 1
    if (!sameJson(left[key], right[key], alike)) return false
  }
  for (const key of Object.keys(right)) if (right[key] !== undefined) count -= 1
  return count === 0
}

/** A number as it was written: its digits are kept when it is written again, trailing zeros and all (Node 22). */
export interface WrittenNumber {
  readonly rawJSON: string
}

interface NumbersAsWritten {
  readonly rawJSON: (text: string) => WrittenNumber
  readonly isRawJSON: (value: unknown) => value is WrittenNumber
  readonly parse: (
    text: string,
    revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ) => unknown
}

// TypeScript's own declarations lack them.
const json = JSON as unknown as NumbersAsWritten

export const isWrittenNumber = json.isRawJSON

const asWritten = (source: string, value: number): number | WrittenNumber =>
  String(value) === source ? value : json.rawJSON(source)

// With a fraction, an exponent or a sign, or longer than a double is exact: few FHIR resources have such a number. What
// looks like one inside of a text costs time, and nothing else.
const unusual = /[.eE+-]\d+[\s,\]}]|:\s*\d{16}/
const mayLose = /[[:,]\s*-?(?:\d+(?:\.\d+)?[eE]|(?:(?<=-)0|\d+\.\d*0|(?=[\d.]{16})\d+(?:\.\d+)?)(?=[\s,\]}]))/

/** As JSON.parse, and as fast where no number would change; one that would comes as a WrittenNumber. */
export const parseJson = (text: string): unknown =>
  unusual.test(text) && mayLose.test(text)
    ? json.parse(text, (_key, value, { source }) =>
        typeof value === 'number' && source !== undefined ? asWritten(source, value) : value,
      )
    : JSON.parse(text)

/** A decimal of another notation (`+1.50`, `.5`, `007`) as JSON writes it, with the digits that it has. */
export const writtenNumber = (text: string): number | WrittenNumber => {
  const [, sign = '', digits = '', fraction = '', exponent = ''] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const whole = digits.replace(/^0+/, '')
  const negative = sign === '-' && Number(text) !== 0 ? '-' : ''
  const source = `${negative}${whole || '0'}${fraction === '' ? '' : `.${fraction}`}${exponent === '' ? '' : `e${exponent}`}`
  return asWritten(source, Number(source))
}

export const valueOfNumber = (number: number | WrittenNumber): number =>
  typeof number === 'number' ? number : Number(number.rawJSON)

/** As it is written, for a text. */
export const textOfNumber = (number: number | WrittenNumber): string =>
  typeof number === 'number' ? String(number) : number.rawJSON
