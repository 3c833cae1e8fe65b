import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import type { ServiceError } from '../../lib/domain/cast-error'

export const succeed = async <A>(task: TE.TaskEither<ServiceError, A>): Promise<A> => {
  const result = await task()
  if (E.isLeft(result)) throw new Error(`expected a success, got ${JSON.stringify(result.left)}`)
  return result.right
}

export const fail = async (task: TE.TaskEither<ServiceError, unknown>): Promise<ServiceError> => {
  const result = await task()
  if (E.isRight(result)) throw new Error('expected a failure, got a success')
  return result.left
}
