/** A FHIR resource as JSON; what it may hold is the validator's business. */
export interface Resource {
  readonly resourceType: string
  readonly id?: string
  readonly meta?: Readonly<Record<string, unknown>>
  readonly [member: string]: unknown
}

/** One version. The resource of a deletion is absent. `position` orders versions across the whole store. */
export interface Version {
  readonly type: string
  readonly id: string
  readonly versionId: number
  readonly lastUpdated: string
  readonly method: 'POST' | 'PUT' | 'DELETE'
  readonly position: number
  readonly resource?: Resource
}

/** What tests may see of a running service's content. Treat what it returns as immutable. */
export interface StoreReader {
  /** The current resource; undefined when it never existed or is deleted. */
  read(type: string, id: string): Resource | undefined
  ofType(type: string): ReadonlyArray<Resource>
  all(): ReadonlyArray<Resource>
  /** All versions, oldest first, deletions included. */
  versions(type: string, id: string): ReadonlyArray<Version>
}

export interface Store extends StoreReader {
  current(type: string, id: string): Version | undefined
  /** Live versions whose resource has this index key. */
  withKey(type: string, key: string): ReadonlyArray<Version>
  live(type: string): ReadonlyArray<Version>
  write(method: 'POST' | 'PUT', type: string, id: string, content: Resource): Version
  remove(type: string, id: string): Version | undefined
  /** Runs the work; when it throws, everything that it wrote is taken back. The work must not be asynchronous. */
  atomically<A>(work: () => A): A
  /** Latest version of everything, deletions included, for the state file. */
  latest(): ReadonlyArray<Version>
  restore(versions: ReadonlyArray<Version>): void
}

/**
 * Versions in memory, found by id or by the keys that `indexKeys` derives from a resource. `changed` runs after a
 * change.
 */
export const createStore = (indexKeys: (resource: Resource) => ReadonlyArray<string>, changed: () => void): Store => {
  const histories = new Map<string, Map<string, Version[]>>()
  const index = new Map<string, Set<string>>()
  let position = 0
  let undo: Array<() => void> | undefined

  const historiesOf = (type: string): Map<string, Version[]> => {
    const known = histories.get(type) ?? new Map<string, Version[]>()
    histories.set(type, known)
    return known
  }
  const versions = (type: string, id: string): ReadonlyArray<Version> => histories.get(type)?.get(id) ?? []
  const current = (type: string, id: string): Version | undefined => versions(type, id).at(-1)

  const keysOf = ({ type, resource }: Version): ReadonlyArray<string> =>
    resource === undefined ? [] : indexKeys(resource).map((key) => `${type}\n${key}`)
  const enter = (version: Version): void => {
    for (const key of keysOf(version)) {
      const ids = index.get(key) ?? new Set<string>()
      index.set(key, ids.add(version.id))
    }
  }
  const leave = (version: Version): void => {
    for (const key of keysOf(version)) {
      const ids = index.get(key)
      ids?.delete(version.id)
      if (ids?.size === 0) index.delete(key)
    }
  }

  const append = (version: Version): Version => {
    const history = historiesOf(version.type)
    const before = history.get(version.id) ?? []
    const replaced = before.at(-1)
    if (replaced !== undefined) leave(replaced)
    history.set(version.id, [...before, version])
    enter(version)
    undo?.push(() => {
      leave(version)
      if (replaced === undefined) history.delete(version.id)
      else {
        history.set(version.id, before)
        enter(replaced)
      }
    })
    changed()
    return version
  }
  const next = (method: Version['method'], type: string, id: string): Version => ({
    type,
    id,
    versionId: (current(type, id)?.versionId ?? 0) + 1,
    // Azure writes the zero offset out.
    lastUpdated: new Date().toISOString().replace('Z', '+00:00'),
    method,
    position: ++position,
  })

  const live = (type: string): ReadonlyArray<Version> =>
    [...(histories.get(type)?.values() ?? [])].flatMap((history) => {
      const last = history.at(-1)
      return last?.resource === undefined ? [] : [last]
    })
  const resources = (type: string): ReadonlyArray<Resource> =>
    live(type).flatMap(({ resource }) => (resource === undefined ? [] : [resource]))

  return {
    versions,
    current,
    live,
    read: (type, id) => current(type, id)?.resource,
    ofType: resources,
    all: () => [...histories.keys()].flatMap(resources),
    withKey: (type, key) =>
      [...(index.get(`${type}\n${key}`) ?? [])].flatMap((id) => {
        const version = current(type, id)
        return version === undefined ? [] : [version]
      }),
    write: (method, type, id, content) => {
      const version = next(method, type, id)
      const meta = { ...content.meta, versionId: String(version.versionId), lastUpdated: version.lastUpdated }
      const { resourceType, id: _id, meta: _meta, ...members } = content
      return append({ ...version, resource: { resourceType, id, meta, ...members } })
    },
    remove: (type, id) => {
      const last = current(type, id)
      return last?.resource === undefined ? last : append(next('DELETE', type, id))
    },
    atomically: (work) => {
      const done: Array<() => void> = []
      undo = done
      try {
        return work()
      } catch (error) {
        undo = undefined
        for (const revert of done.reverse()) revert()
        throw error
      } finally {
        undo = undefined
      }
    },
    latest: () => [...histories.values()].flatMap((history) => [...history.values()].flatMap((all) => all.slice(-1))),
    restore: (saved) => {
      for (const version of saved) append({ ...version, position: ++position })
    },
  }
}
