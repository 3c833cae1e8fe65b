/** The partition of what names none. */
export const defaultPartition = 'Microsoft.Default'

/**
 * Azure's rule for names of partitions, without the dot segments, which a URL would resolve to another path. It also
 * keeps a hostile name out of row keys and URLs.
 */
export const partitionName = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/

/** Settings, routes and commands name partitions in any case; identities have the feed's spelling. */
export const isSamePartition = (left: string, right: string): boolean => left.toLowerCase() === right.toLowerCase()

/** None are named: all are synced. */
export const isSynced = (partitions: ReadonlySet<string>, partition: string): boolean =>
  partitions.size === 0 || [...partitions].some((each) => isSamePartition(each, partition))
