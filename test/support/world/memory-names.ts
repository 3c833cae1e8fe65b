import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { FeedName, FeedNames, StoredName } from '../../../lib/app/ports-name'

/** The row with the feed's name, in memory. `stored`: as it stands. */
export const memoryNames = (begin?: FeedName) => {
  let version = 0
  let stored: StoredName | undefined = begin === undefined ? undefined : { ...begin, etag: 'e0' }
  const names: FeedNames = {
    read: () => () => Promise.resolve(E.right(O.fromNullable(stored))),
    write: (name, etag) => () => {
      if (stored?.etag !== etag) return Promise.resolve(E.left({ _tag: 'CheckpointMoved' }))
      stored = { ...name, etag: `e${++version}` }
      return Promise.resolve(E.right(undefined))
    },
  }
  return { names, stored: () => stored }
}
