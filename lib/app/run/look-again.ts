import * as E from 'fp-ts/Either'
import type { FhirSession } from '../cast/fhir-session'
import { type Run, remainingMs } from '../context'
import type { FeedBatch } from '../feed/read-feed'
import { type Casting, type Step, endingOf, failIndexOf, sessionOf, stuckOn } from './casting'
import type { FailIndex } from './fail-index'
import { type News, dayMs, mostAtOnce, newsOf, noNews, rowsToLookAt, secondLook } from './second-look'
import type { Passed } from './settled-rows'
import { writeCheckpoint } from './stored-checkpoint'

/** Rows whose reason may have gone with this batch, and those that were judged a day ago. A trouble here is met again. */
export const lookAgain = async (
  casting: Casting,
  { judged }: Pick<FeedBatch, 'judged'>,
  { passed, withdrawnFrom }: { readonly passed: ReadonlyArray<Passed>; readonly withdrawnFrom: ReadonlySet<string> },
): Step<void> => {
  const { run, session, failIndex, confirmed } = casting
  if (session === undefined || failIndex === undefined) return lookOnceADay(casting)
  const { named, deletedFrom } = newsOf(run, judged, passed)
  const news = { named, deletedFrom: new Set([...deletedFrom, ...withdrawnFrom]) }
  if (rowsToLookAt(run, failIndex, news).length === 0) return E.right(undefined)
  const known = await confirmed
  return E.isLeft(known) ? E.left(endingOf(known.left)) : look(casting, session, failIndex, news)
}

const look = async (casting: Casting, session: FhirSession, failIndex: FailIndex, news: News): Step<void> => {
  const looked = await secondLook(casting.run, session, failIndex, news)
  return E.isLeft(looked) ? E.left(await stuckOn(casting, looked.left)) : E.right(undefined)
}

const mayGoOn = (run: Run): boolean => !run.stopping() && remainingMs(run) > 0

/**
 * On a quiet feed nothing is cast, and the rows that want a look each day get it all the same: when nothing was written
 * for a day. The checkpoint is written then, as it stands, so that the next one is a day away.
 */
const lookOnceADay = async (casting: Casting): Step<void> => {
  const { run, opened, confirmed, checkpoint } = casting
  const { writtenAt } = opened
  if (writtenAt === undefined || run.ports.clock.now() - writtenAt < dayMs) return E.right(undefined)
  const known = await confirmed
  if (E.isLeft(known)) return E.left(endingOf(known.left))
  if (casting.stored !== opened) return E.right(undefined)
  const index = await failIndexOf(casting)
  if (E.isLeft(index)) return index
  const isDue = (): boolean => rowsToLookAt(run, index.right, noNews).length > 0
  if (isDue()) {
    const session = await sessionOf(casting)
    if (E.isLeft(session)) return session
    // Nobody waits for the feed: look after look, and no more than come to each row once.
    for (let left = index.right.rows.size; left > 0 && isDue() && mayGoOn(run); left -= mostAtOnce) {
      const looked = await look(casting, session.right, index.right, noNews)
      if (E.isLeft(looked)) return looked
    }
    return E.right(undefined)
  }
  const written = await writeCheckpoint(run, opened, checkpoint)
  if (E.isLeft(written)) return E.left(endingOf(written.left))
  casting.stored = written.right
  return E.right(undefined)
}
