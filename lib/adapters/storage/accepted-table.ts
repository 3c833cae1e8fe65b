import { odata } from '@azure/data-tables'
import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import type { Acceptances } from '../../app/ports-accepted'
import { listRows } from './list-rows'
import { type StorageAccount, serviceError } from './storage-client'

const partitionKey = 'Accepted'

/** A row an acceptance: who, when and for which Patient; of the person only a digest. */
export const makeAcceptedTable = (account: StorageAccount, tableNamePrefix = ''): Acceptances => {
  const table = account.table(`${tableNamePrefix}AcceptedTable`)
  return {
    read: () =>
      pipe(
        listRows(table, { filter: odata`PartitionKey eq ${partitionKey}`, select: ['RowKey'] }),
        TE.bimap(serviceError, (rows) => new Set(rows.flatMap(({ rowKey }) => rowKey ?? []))),
      ),
    add: ({ digest, patientId, by, since }) => {
      const entity = {
        ...{ partitionKey, rowKey: digest, PatientId: patientId },
        ...{ By: by.slice(0, 256), Since: new Date(since) },
      }
      return pipe(
        table.callCreating((client, abortSignal) => client.upsertEntity(entity, 'Replace', { abortSignal })),
        TE.bimap(serviceError, () => undefined),
      )
    },
  }
}
