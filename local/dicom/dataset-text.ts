import { withoutTrailing } from '../../lib/domain/text'

/** The first value of an element, when it is text: UIDs and the like, without their padding. */
export const textOf = (dataset: unknown, tag: string): string => {
  const element = (dataset as Record<string, { Value?: unknown } | undefined> | null | undefined)?.[tag]
  const value: unknown = Array.isArray(element?.Value) ? element.Value[0] : undefined
  return typeof value === 'string' ? withoutTrailing(value, '\0 ') : ''
}
