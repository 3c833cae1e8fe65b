import * as E from 'fp-ts/Either'
import type { Environment, Problems } from './setting'

/** Of `dicomcast serve` alone: in Azure the host has keys of its own. It is no part of `Settings`, which are shown. */
export const apiKeyName = 'DicomCast__ApiKey'

// What can be written in a header as it is.
const isKey = (text: string): boolean => /^[!-~]{16,512}$/.test(text)

export const readApiKey = (environment: Environment): E.Either<Problems, string> => {
  const key = environment[apiKeyName]?.trim() ?? ''
  return isKey(key)
    ? E.right(key)
    : E.left([
        `${apiKeyName}: ${key === '' ? 'missing' : 'not understood'}; expected 16 to 512 letters, digits and signs`,
      ])
}
