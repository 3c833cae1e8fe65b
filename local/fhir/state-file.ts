import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Store, Version } from './store'

const settleMs = 250
const format = 1

/**
 * Keeps a store in a file: the latest version of everything, deletions included. Earlier versions live in memory only.
 */
export interface StateFile {
  load(store: Store): void
  /** Saves soon; changes in quick succession are saved once. */
  changed(): void
  /** Saves now what has changed. */
  flush(): void
}

export const createStateFile = (path: string | undefined): StateFile => {
  let store: Store | undefined
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    if (path === undefined || store === undefined || timer === undefined) return
    clearTimeout(timer)
    timer = undefined
    const temporary = `${path}.${process.pid}.tmp`
    writeFileSync(temporary, JSON.stringify({ format, versions: store.latest() }), { mode: 0o600 })
    renameSync(temporary, path)
  }
  return {
    flush,
    load: (target) => {
      if (path !== undefined && existsSync(path)) {
        const saved = JSON.parse(readFileSync(path, 'utf8')) as { format: unknown; versions: ReadonlyArray<Version> }
        if (saved.format !== format) throw new Error(`${path} is not a state file of the local FHIR service.`)
        target.restore(saved.versions)
      }
      store = target
    },
    changed: () => {
      if (store !== undefined && path !== undefined) timer ??= setTimeout(flush, settleMs)
    },
  }
}
