/** The queue of the backfill; installations that share an account are apart by prefix. The host's poison queue stands beside it. */
export const backfillQueueName = (tableNamePrefix: string): string =>
  `${tableNamePrefix.toLowerCase()}dicomcast-backfill`

export const poisonQueueName = (tableNamePrefix: string): string => `${backfillQueueName(tableNamePrefix)}-poison`
