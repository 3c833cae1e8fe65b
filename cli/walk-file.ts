import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Scope } from '../lib/composition/studies'
import { type WalkState, parseWalkState } from './walk-state'
import { UnreadableSettings } from './settings'

/** Where a walk over studies stands, kept in a file, so that it can be stopped, or killed, and goes on. */
export interface WalkFile {
  /** Of an earlier walk over the same; none is a new beginning. */
  readonly read: (scope: Scope) => WalkState | undefined
  /** Not each time: what is compared once more is no harm. */
  readonly keep: (state: WalkState) => void
  readonly flush: () => void
  readonly remove: () => void
}

const everyMs = 1_000

export const noWalkFile: WalkFile = {
  read: () => undefined,
  keep: () => undefined,
  flush: () => undefined,
  remove: () => undefined,
}

export const walkFile = (file: string): WalkFile => {
  let [waiting, writtenAt]: [WalkState | undefined, number] = [undefined, 0]
  const flush = (): void => {
    if (waiting === undefined) return
    // In two steps: whoever is killed meanwhile leaves the one before, and no half of a file.
    writeFileSync(`${file}.new`, JSON.stringify(waiting))
    renameSync(`${file}.new`, file)
    ;[waiting, writtenAt] = [undefined, Date.now()]
  }
  return {
    read: (scope) => {
      const text = textOf(file)
      if (text === undefined) return undefined
      const state = parseWalkState(text)
      if (state === undefined)
        throw new UnreadableSettings(`${file} holds no position of a walk: delete it to begin anew`)
      if (JSON.stringify(state.scope) !== JSON.stringify(scope)) {
        throw new UnreadableSettings(`${file} is the position of another walk: give its options, or delete it`)
      }
      return state
    },
    keep: (state) => {
      waiting = state
      if (Date.now() - writtenAt >= everyMs) flush()
    },
    flush,
    remove: () => rmSync(file, { force: true }),
  }
}

const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new UnreadableSettings(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}`)
  }
}
