import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'

type Result<A> = Promise<E.Either<ServiceError, A>>

/** Each has a fence and rows of its own; one after the other they would take as long as the work of many. */
const lanesAtOnce = 16

/** For each lane what was asked, a few beside each other; the first failure ends it after those. */
export const eachLane = async <A>(lanes: number, does: (lane: number) => Result<A>): Result<ReadonlyArray<A>> => {
  const all: Array<A> = []
  for (let first = 0; first < lanes; first += lanesAtOnce) {
    const few = Array.from({ length: Math.min(lanesAtOnce, lanes - first) }, (_, place) => does(first + place))
    for (const answer of await Promise.all(few)) {
      if (E.isLeft(answer)) return answer
      all.push(answer.right)
    }
  }
  return E.right(all)
}
