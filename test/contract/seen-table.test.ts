import { expect, it } from '@jest/globals'
import { TableClient } from '@azure/data-tables'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { makeReconciliationTable, makeSeenTable } from '../../lib/adapters/storage/seen-table'
import { makeStorageAccount } from '../../lib/adapters/storage/storage-client'
import { useAzurite } from '../support/world/azurite'

const azurite = useAzurite()
let prefixes = 0
const tables = () => {
  const { connectionString } = azurite()
  const account = makeStorageAccount({ connectionString })
  const prefix = `Seen${process.pid}x${++prefixes}`
  return {
    seen: makeSeenTable(account, prefix),
    reconciliations: makeReconciliationTable(account, prefix),
    client: TableClient.fromConnectionString(connectionString, `${prefix}StudiesTable`, {
      allowInsecureConnection: true,
    }),
  }
}

const study = (index: number, state: string | undefined = 'a') => ({
  ...{ studyInstanceUid: `1.2.${index}`, state, instances: index, readAt: 1_700_000_000_000 + index },
})

it('keeps what was seen of each study, in more than one transaction and page, and forgets it', async () => {
  const { seen } = tables()
  expect(await seen.all()()).toEqual(E.right([]))
  expect(await seen.remove(['1.2.1'])()).toEqual(E.right(undefined))
  const studies = Array.from({ length: 1_150 }, (_, index) => study(index))
  expect(await seen.write([...studies, study(0, undefined)])()).toEqual(E.right(undefined))
  expect(await seen.remove(['1.2.1', '1.2.9999'])()).toEqual(E.right(undefined))
  const read = await seen.all()()
  if (E.isLeft(read)) throw new Error('not read')
  const byUid = new Map(read.right.map((each) => [each.studyInstanceUid, each]))
  expect(byUid.size).toBe(1_149)
  expect([byUid.get('1.2.0'), byUid.get('1.2.1'), byUid.get('1.2.1149')]).toEqual([
    study(0, undefined),
    undefined,
    study(1_149),
  ])
})

it('a row that makes no sense is a study that was never seen', async () => {
  const { seen, client } = tables()
  await seen.write([study(1)])()
  await client.upsertEntity({ partitionKey: 'Seen', rowKey: '1.2.7', State: 'a', Instances: 'many' }, 'Replace')
  expect(await seen.all()()).toEqual(E.right([study(1)]))
})

it('keeps the last comparison', async () => {
  const { reconciliations, client } = tables()
  expect(await reconciliations.read()()).toEqual(E.right(O.none))
  const begun = { startedAt: 1, goOnAt: 5, compared: 3, read: 2, differing: 1, gone: 0, notRead: 0 }
  await reconciliations.write(begun)()
  expect(await reconciliations.read()()).toEqual(E.right(O.some(begun)))
  const ended = { ...begun, endedAt: 9, doneAt: 9, tooManyGone: 70, hasMoreGone: true }
  await reconciliations.write(ended)()
  expect(await reconciliations.read()()).toEqual(E.right(O.some(ended)))
  await client.upsertEntity({ partitionKey: 'Reconciliation', rowKey: 'Reconciliation', Compared: 1 }, 'Replace')
  expect(await reconciliations.read()()).toEqual(E.right(O.none))
})
