import { expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { type Gathering, gather, writeParts } from '../../../../lib/app/backfill/write-parts'
import { newPart } from '../../../../lib/domain/backfill/backfill'

const study = { studyInstanceUid: '1.2.1', patientId: 'P', instances: 1 }

it('a part that a lister who slept writes at this moment is not passed over uncounted', async () => {
  const there = newPart({ lane: 0, part: 1, partition: 'p', touchedAt: 0 }, [study])
  const backfills = {
    enter: () => TE.right([{ studyInstanceUid: '1.2.1', lane: 0, part: 1 }]),
    part: () => TE.right(O.some({ ...there, etag: 'e' })),
  }
  const gathering = {
    ...{ run: { ports: {} }, ports: { backfills }, backfill: { id: 'b', lanes: 1 }, partition: 'p' },
    ...{ waiting: new Map(), parts: [0], listed: { studies: 0, images: 0 } },
  } as unknown as Gathering
  gather(gathering, [study])
  expect(await writeParts(gathering, true)).toEqual(E.left({ _tag: 'CheckpointMoved' }))
  // The step that is repeated has found it.
  expect(await writeParts({ ...gathering, parts: [1] }, true)).toEqual(E.right(undefined))
})
