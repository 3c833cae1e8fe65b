import type { TaskEither } from 'fp-ts/TaskEither'

/** Reads of the archive by all parts that one process has at work: no more of them at once, whoever asks first is first. */
export interface SharedReads {
  readonly most: number
  readonly sharing: <E, A>(read: TaskEither<E, A>) => TaskEither<E, A>
}

export const sharedReads = (most: number): SharedReads => {
  const waiting: Array<() => void> = []
  let free = most
  const begin = async (): Promise<void> => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
  }
  // Whoever waits takes the place of who ends.
  const end = (): void => {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }
  return {
    most,
    sharing: (read) => async () => {
      await begin()
      try {
        return await read()
      } finally {
        end()
      }
    },
  }
}
