import * as E from 'fp-ts/Either'
import type { Parsed } from './codecs'

// What an archive without a change feed calls with: studies that may have changed, or may be gone. A hint, and no more.

/** Of one call. */
const mostHints = 100

const uidsOf = (hint: unknown): ReadonlyArray<unknown> =>
  typeof hint === 'object' && hint !== null ? [Reflect.get(hint, 'studyInstanceUid')] : [hint]

const isUid = (uid: unknown): uid is string => typeof uid === 'string' && /^[\d.]{1,64}$/.test(uid)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `{"studyInstanceUid": "…"}`, or a list of them, or of UIDs: each study once. */
export const readHints = (text: string): Parsed<ReadonlyArray<string>> => {
  const body = parsed(text)
  const uids = (Array.isArray(body) ? body : [body]).flatMap(uidsOf)
  if (uids.length > mostHints) return E.left([`expected at most ${mostHints} studies`])
  return uids.every(isUid)
    ? E.right([...new Set(uids)])
    : E.left(['studyInstanceUid: expected a UID, as {"studyInstanceUid": "1.2.3"}, or a list of them'])
}
